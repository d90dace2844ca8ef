"""A page to look through thousands of pictures by class and confidence: one file, which opens offline.

The test images and what ``darkroom predict`` was given are shown by it alike.
"""

import json
from collections.abc import Iterable, Sequence
from string import Template
from typing import Any

from darkroom.array_types import Pixels
from darkroom.plot.html import Html, element, head, resource
from darkroom.plot.thumbnails import data_urls

LONGEST = 96
"""Pixels of a picture's longer side, at most."""

_BUDGET = 4000
"""Characters of a picture, at most, as a rule; a photo takes half of them: 5,000 are a page of some ten megabytes."""


def page_ends(title: str, classes: Sequence[str], about: Html, script: str = "") -> tuple[str, str]:
    """Return what stands before the pictures' rows, and what stands behind them.

    Parameters
    ----------
    title : str
        Of the page.
    classes : sequence of str
        Their names, by number.
    about : Html
        What is said below the title.
    script : str
        May define ``below``, a function that is given a picture's row and returns what stands below it.
    """
    rows = "\0"
    page = Template(resource("picture_page.html")).substitute(
        head=head(title, f"{resource('page.css')}\n{resource('picture_page.css').rstrip()}", scripts=True),
        heading=element("h1", title),
        about=about,
        classes=embedded(classes),
        script=script,
        rows=rows,
    )
    begin, end = page.split(rows)
    return begin, end


def picture_row(
    name: str, likeliest: Iterable[tuple[int, float]], image: Pixels, truth: int | None = None, *more: str
) -> str:
    """Return a picture as the page's script reads it: a line of JSON.

    Parameters
    ----------
    name : str
        Of its file.
    likeliest : pairs of int and float
        Numbers and probabilities of its likeliest classes, the predicted one first.
    image : uint8 array, (height, width, 1 or 3)
        RGB where there are three channels; shrunk to :data:`LONGEST`.
    truth : int, optional
        The number of its true class, if that is known: of all pictures of a page, or of none.
    *more : str
        What else ``below`` needs to know, of pictures whose true class is known.
    """
    [picture] = data_urls([image], _BUDGET, LONGEST)
    best = [[number, round(float(p), 6)] for number, p in likeliest]
    known = [] if truth is None else [truth]
    return embedded([name, best, picture, max(image.shape[:2]), *known, *more]) + "\n"


def embedded(content: Any) -> str:
    """Return JSON that cannot end the element it stands in."""
    return json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")
