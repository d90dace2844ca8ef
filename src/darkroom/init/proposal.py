"""The params proposed for a source: each with the reason for it."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from darkroom import UserError, table_files
from darkroom.decode.archives import Member
from darkroom.decode.labels import Labelling, label_members
from darkroom.decode.preparation_warnings import SIDES
from darkroom.init.contents import Pictures
from darkroom.params import LabelsParams

_LEAST_PHOTO = 64
"""Pixels of the short side from which the networks of ImageNet see something in a picture."""

_LEAST_IMAGE = 16
_FEW = 3  # pictures of a class, in the median: with fewer it is hardly a class


class Choice(NamedTuple):
    """A parameter, its value as params.yaml has it, and why."""

    name: str
    value: str
    reason: str


class Labels(NamedTuple):
    """How labels are read: what is chosen, and what that makes of the files."""

    choices: list[Choice]
    read: Labelling


def recipe(pictures: Pictures) -> Choice:
    """Return the recipe for such pictures."""
    side = min(pictures.width_and_height)
    if side >= _LEAST_PHOTO:
        return Choice(
            "recipe",
            "transfer",
            "a new head on a network trained on ImageNet: begin with this for photos; transfer-tuned tunes the "
            "network too, for pictures unlike those of everyday things",
        )
    return Choice(
        "recipe",
        "fast-small",
        f"the short side has {side} pixels, too few for a network of photos; it mirrors and turns pictures: see to it "
        "that augment.flip_horizontal, flip_vertical and rotation suit yours",
    )


def resolution(pictures: Pictures) -> Choice:
    """Return the side of the images: as many pixels as the pictures have, and the network makes use of."""
    width, height = pictures.width_and_height
    side = min(width, height)
    if side >= SIDES[-1]:
        value, why = SIDES[-1], "what the network was trained at"
    elif side >= _LEAST_PHOTO:
        value, why = next(one for one in SIDES if one >= side), "the next usual size up: no detail is lost"
    elif side >= _LEAST_IMAGE:
        value, why = side, "as many as they have"
    else:
        value, why = _LEAST_IMAGE, "the least that the network makes sense for"
    return Choice("image.resolution", str(value), f"the pictures have {width} x {height} pixels; {why}")


def color(pictures: Pictures) -> Choice:
    """Return the colour of the images: what most pictures have."""
    all_of_them = len(pictures.widths)
    if pictures.in_colour:
        return Choice("image.color", "rgb", f"{pictures.coloured} of {all_of_them} pictures are coloured")
    return Choice(
        "image.color", "grayscale", f"{all_of_them - pictures.coloured} of {all_of_them} pictures are gray"
    )


def labels(
    members: Sequence[Member], pictures: Sequence[Member], params: LabelsParams, inbox: Path
) -> Labels:
    """Return where labels are read: the first place that gives classes of several pictures.

    Parameters
    ----------
    members, pictures
        All files, which say how they are laid out, and the pictures among them, which are counted.
    params : LabelsParams
        All but ``kind`` and ``depth`` holds.
    inbox : Path

    Raises
    ------
    UserError
        No place gives two classes.
    """
    if any(member.label for member in members):
        read = label_members(members, params, inbox)
        return Labels([Choice("labels.kind", "folder", "idle: the table of pixels brings its labels")], read)
    tried = []
    for choices in _CANDIDATES:
        values = {choice.name.partition(".")[2]: _parsed(choice.value) for choice in choices}
        read = Labelling([], [], [])
        # Names that are numbers to predict are no classes either.
        with contextlib.suppress(UserError):
            read = label_members(members, params.model_copy(update={"depth": 1} | values), inbox)
        tried.append((choices, read))
    counted = {picture.id for picture in pictures}
    classes = [
        Counter(one.label for one in read.members if one.label is not None and one.id in counted)
        for _, read in tried
    ]
    for (choices, read), counts in zip(tried, classes, strict=True):
        if len(counts) > 1 and median(counts.values()) >= _FEW:
            return Labels([one._replace(reason=one.reason.format(len(counts))) for one in choices], read)
    raise UserError(_no_classes(members, pictures, map(len, classes)))


_CANDIDATES = [
    [Choice("labels.kind", "folder", "{} classes by the folder that each file lies in")],
    [Choice("labels.kind", "filename", "{} classes by the beginning of each file's name, as in cat.12.jpg")],
    [
        Choice("labels.kind", "folder", "the folder that a file lies in tells too little"),
        Choice("labels.depth", "2", "{} classes by the folder above it"),
    ],
]


def _parsed(value: str) -> str | int:
    return int(value) if value.isdigit() else value


def _no_classes(members: Sequence[Member], pictures: Sequence[Member], counts: Iterable[int]) -> str:
    """Return what was found instead of classes, ``counts`` being how many each candidate gives, and what to do."""
    by_folder, by_name = itertools.islice(counts, 2)
    table = next((one.id for one in members if table_files.is_table(one.id)), None)
    remedy = (
        f"if {table} names them, set labels.kind: csv and labels.file (docs/labels.md#by-table)"
        if table
        else "put the pictures of each class into a folder called like it, or give a table of labels "
        "(docs/labels.md#by-table)"
    )
    return (
        f"no two classes of {_FEW} pictures or more: the folders of {len(pictures)} pictures give {by_folder}, the "
        f"beginnings of their names {by_name}, as {pictures[0].id}; {remedy}"
    )
