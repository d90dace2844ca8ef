"""A page with every predicted picture, by class, name and confidence: one file, which opens offline."""

import json
from collections.abc import Sequence
from string import Template
from typing import Any

from darkroom.array_types import Pixels
from darkroom.evaluate.classifier import Probabilities
from darkroom.plot.html import resource
from darkroom.plot.thumbnails import data_urls
from darkroom.predict.output_formats import best

_BUDGET = 2500
"""Characters of a picture, at most, as a rule: 5,000 of them make a page of some ten megabytes."""

_SHOWN = 3
"""Classes that each picture is shown with, the most likely first, where the user does not say."""


class Gallery:
    """The page, made batch by batch."""

    def __init__(self, classes: Sequence[str], top: int | None) -> None:
        self._top = min(top or _SHOWN, len(classes))
        rows = "\0"
        page = Template(resource("gallery.html", "darkroom.predict")).substitute(
            css=resource("page.css"), classes=_json(classes), rows=rows
        )
        self._begin, self._end = page.split(rows)

    def begin(self) -> str:
        """Return the page up to its pictures."""
        return self._begin

    def rows(self, ids: Sequence[str], probabilities: Probabilities, pixels: Pixels) -> str:
        """Return a line of JSON for each picture, as the network got it."""
        text = ""
        for name, p, image in zip(ids, probabilities, pixels, strict=True):
            likeliest = [[n, round(float(p[n]), 4)] for n in best(p, self._top)]
            [picture] = data_urls([image], _BUDGET)
            text += _json([name, likeliest, picture, max(image.shape[:2])]) + "\n"
        return text

    def end(self) -> str:
        """Return the rest of the page."""
        return self._end


def _json(content: Any) -> str:
    """Return JSON that cannot end the element it stands in."""
    return json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")
