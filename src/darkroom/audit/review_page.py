"""The page on which labels are looked at, and what is to be done with each is decided and saved as a table."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from darkroom import files
from darkroom.array_types import Pixels
from darkroom.decode.labels.corrections import Corrections
from darkroom.plot.html import Html, element, joined, resource
from darkroom.plot.picture_page import embedded, page_ends, picture_row


class Contradicted(NamedTuple):
    """A picture whose label is contradicted, and its file's sha256; classes are numbers, with their probabilities."""

    id: str
    sha256: str
    image: Pixels
    suggested: tuple[int, float]
    given: tuple[int, float]


def write(
    path: Path, classes: Sequence[str], pictures: Iterable[Contradicted], corrections: Corrections
) -> None:
    """Write the page; what it saves has the rows of ``corrections``, too, so that it can take their table's place."""
    begin, end = page_ends(
        "Labels to look at", classes, _about(corrections), resource("review.js", __package__)
    )
    with files.whole(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(begin)
        for one in pictures:
            likeliest = (one.suggested, one.given)
            file.write(picture_row(one.id, likeliest, one.image, one.given[0], one.sha256))
        file.write(end)


def _about(corrections: Corrections) -> Html:
    known = [[digest, [one.action, one.label, ""]] for digest, one in corrections.by_digest.items()]
    return joined(
        [
            element(
                "p",
                "Given label → suggested class, with its probability by a model that did not see the picture; below "
                "the file's name the given label, with its own. Decide below each picture, and save the table that "
                "labels.corrections is to name.",
            ),
            element(
                "p",
                element("button", "Save corrections.csv", id="save", type="button"),
                " ",
                element("output", id="decided"),
            ),
            element("script", Html(embedded(known)), id="corrections", type="application/json"),
        ]
    )
