"""A page with every predicted picture, by class, name and confidence."""

from collections.abc import Sequence

from darkroom.array_types import Pixels
from darkroom.evaluate.classifier import Probabilities
from darkroom.plot.html import Html
from darkroom.plot.picture_page import page_ends, picture_row
from darkroom.predict.output_formats import best

_SHOWN = 3
"""Classes that each picture is shown with, the most likely first, where the user does not say."""


class Gallery:
    """The page, made batch by batch."""

    def __init__(self, classes: Sequence[str], top: int | None) -> None:
        self._top = min(top or _SHOWN, len(classes))
        self._begin, self._end = page_ends("Predictions", classes, Html())

    def begin(self) -> str:
        """Return the page up to its pictures."""
        return self._begin

    def rows(self, ids: Sequence[str], probabilities: Probabilities, pixels: Pixels) -> str:
        """Return a line of JSON for each picture, as the network got it."""
        return "".join(
            picture_row(name, ((n, p[n]) for n in best(p, self._top)), image)
            for name, p, image in zip(ids, probabilities, pixels, strict=True)
        )

    def end(self) -> str:
        """Return the rest of the page."""
        return self._end
