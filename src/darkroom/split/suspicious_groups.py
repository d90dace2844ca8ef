"""Warnings of the split stage: groups of near-duplicates that may be wrong, or may point to wrong labels."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from darkroom import files
from darkroom.array_types import Rows

LARGE = 0.01
"""Share of its class from which a group is worth a warning."""

AT_LEAST = 10
"""Images from which a group is worth a warning, however small its class: bursts of a camera are shorter."""

_GROUPS = 3  # groups of a kind that are named, the largest first
_IDS = 3  # images of a group that are named


def warnings(ids: Sequence[str], labels: Sequence[str], alike: Rows) -> list[str]:
    """Return what to look at among groups of look-alikes: those of several labels, and large ones.

    Parameters
    ----------
    ids, labels : sequences of str
        Of each image.
    alike : int64, (images,)
        The row of the first member of each image's group, as :func:`.groups.look_alikes` returns it.
    """
    found = list(_groups(alike))
    classes = Counter(labels)
    mixed = [members for members in found if len({labels[row] for row in members}) > 1]
    large = [
        members
        for members in found
        if len(members) > max(AT_LEAST, LARGE * max(classes[labels[row]] for row in members))
    ]
    return [
        *_told(
            mixed, ids, "look alike under several labels", "one may be wrong; see labels.skip and labels.map"
        ),
        *_told(
            large,
            ids,
            "look alike and stay in one part",
            "where they are different pictures, lower split.near_duplicates, or set it to null",
        ),
    ]


def leaks(images: int) -> list[str]:
    """Return a warning where so many ``images`` of validation and test have a relative in another part."""
    if not images:
        return []
    return [
        f"data leakage: {images} validation and test images have a copy, or one of their group, in another part, as "
        "the source was split; split.predefined: repair moves them to train, ignore splits from scratch"
    ]


def write(path: Path, warnings: Sequence[str]) -> None:
    """Write ``warnings`` as JSON, and print them on stderr."""
    files.write_json(path, {"warnings": list(warnings)})
    for warning in warnings:
        print(f"split: warning: {warning}", file=sys.stderr)


def _groups(alike: Rows) -> Iterator[list[int]]:
    """Yield the rows of each group of two or more, the largest group first."""
    order = np.argsort(alike, kind="stable")
    starts = np.flatnonzero(np.diff(alike[order], prepend=-1))
    parts = [part.tolist() for part in np.split(order, starts[1:]) if len(part) > 1]
    yield from sorted(parts, key=len, reverse=True)


def _told(groups: Sequence[list[int]], ids: Sequence[str], what: str, remedy: str) -> Iterator[str]:
    for members in groups[:_GROUPS]:
        some = ", ".join(ids[row] for row in members[:_IDS])
        more = f" and {len(members) - _IDS} more" if len(members) > _IDS else ""
        yield f"{len(members)} images {what}: {some}{more}; {remedy}"
    if len(groups) > _GROUPS:
        yield f"{len(groups) - _GROUPS} more groups {what}; column group of data/split/split.csv names them"
