"""The page of test images: each with its file, its true class, the predicted one and how sure the model was."""

import itertools
from pathlib import Path
from urllib.parse import urlencode

import pandas as pd

from darkroom import files
from darkroom.plot import formatting
from darkroom.plot.html import Html, element
from darkroom.plot.picture_page import page_ends, picture_row
from darkroom.plot.stage_outputs import Results

NAME = "test_images.html"

MOST = 5000
"""Images on the page, at most: a browser shows as many at once."""

_BYTES = 2**26
"""Of pixels, held at a time."""


def write_page(results: Results, folder: Path) -> None:
    """Write the page into ``folder``, a few images at a time."""
    shown = _shown(results)
    number = {name: place for place, name in enumerate(results.classes)}
    begin, end = page_ends("Test images", results.classes, _about(results))
    chunks = results.source.chunks(results.rows_of(shown["id"]), -(-_BYTES // results.source.image_bytes))
    images = itertools.chain.from_iterable(chunks)
    with files.whole(folder / NAME) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(begin)
        for row, image in zip(shown.to_dict("records"), images, strict=True):
            predicted = (number[row["predicted"]], row["confidence"])
            file.write(picture_row(row["id"], [predicted], image, number[row["label"]]))
        file.write(end)


def link(words: str, **chosen: object) -> Html:
    """Return a link to the page, from beside it, with these of its fields chosen: ``verdict="wrong"``, say."""
    return element("a", words, href=f"{NAME}#{urlencode(chosen)}" if chosen else NAME)


def _shown(results: Results) -> pd.DataFrame:
    """Return all test images, or of too many the mistakes, surest first, and the least sure of the others."""
    test, mistakes = results.test, results.mistakes
    right = test.drop(mistakes.index).sort_values("confidence", kind="stable")
    return pd.concat([mistakes, right])[:MOST].sort_index()


def _about(results: Results) -> Html:
    tested, wrong = len(results.test), len(results.mistakes)
    told = f"{formatting.images(tested)} of test, {formatting.count(wrong)} of them wrong"
    if tested > MOST:
        told += f". Here are {formatting.count(MOST)}: " + (
            "all that are wrong, and of the others those that the model was least sure of"
            if wrong <= MOST
            else "of those that are wrong the ones that the model was surest of"
        )
    told += ". Where it is wrong: true class → predicted class. "
    return element("p", told, element("a", "Back to the report", href="report.html"))
