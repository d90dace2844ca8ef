"""Information that images lose in preprocessing: most of their pixels, or their color."""

from collections.abc import Sequence

import numpy as np

from darkroom.array_types import Pixels
from darkroom.decode import archives
from darkroom.decode.pictures import decoding
from darkroom.decode.pictures.preparation import Preparation
from darkroom.decode.rejections import Rejected
from darkroom.decode.shards import Row

_MOST_SHRUNK = 4.0
"""How many times smaller a side may become without a word."""

SIDES = (32, 64, 96, 128, 160, 224)
"""Sides to propose, pixels; networks of photos are made for up to the last."""

_SAMPLE = 16
_COLOURED = 12.0
"""Levels of 255 between the strongest and the weakest channel, the mean of a picture: grey scans have less."""


def warnings(members: Sequence[archives.Member], rows: Sequence[Row], preparation: Preparation) -> list[str]:
    """Return a warning where the median picture shrinks more than four times a side, or most lose their colour.

    Parameters
    ----------
    members
        All that were decoded; a few of them, evenly spaced, are decoded again in colour.
    rows
        The images that are used.
    preparation : Preparation
    """
    return [*_shrinking(rows, preparation), *_fading(members, rows, preparation)]


def _shrinking(rows: Sequence[Row], preparation: Preparation) -> list[str]:
    height, width = preparation.resolution
    wide, high = (int(np.median([getattr(row, side) for row in rows])) for side in ("width", "height"))
    # The side that loses less, so that a long picture is judged by what a square of it would lose.
    factor = min(wide / width, high / height)
    if factor <= _MOST_SHRUNK:
        return []
    enough = [side for side in SIDES if min(wide, high) / side <= _MOST_SHRUNK]
    return [
        f"the pictures are {wide} x {high} pixels (median) and become {width} x {height}, {factor:.0f} times smaller a "
        f"side: what is small in them is lost; try image.resolution: {enough[0] if enough else SIDES[-1]}"
    ]


def _fading(members: Sequence[archives.Member], rows: Sequence[Row], preparation: Preparation) -> list[str]:
    if preparation.color != "grayscale":
        return []
    chosen = {rows[len(rows) * place // _SAMPLE].id for place in range(_SAMPLE)}
    coloured = [_is_coloured(member, preparation) for member in members if member.id in chosen]
    if sum(coloured) <= len(coloured) / 2:
        return []
    return [
        f"the pictures are coloured ({sum(coloured)} of {len(coloured)} that were looked at) and become grey; where "
        "colour tells classes apart, set image.color: rgb"
    ]


def _is_coloured(member: archives.Member, preparation: Preparation) -> bool:
    limits = decoding.Limits(preparation.max_pixels, preparation.min_side)
    try:
        picture = decoding.decode(archives.read(member), "rgb", limits, shrink_to=(32, 32)).pixels
    except Rejected:  # of a damage that only decoding in colour meets: it was used in grey
        return False
    return is_coloured(picture)


def is_coloured(picture: Pixels) -> bool:
    """Return whether a picture, uint8 (height, width, 3), has more colour than a grey one that was scanned."""
    return float(np.ptp(picture, axis=2).mean()) > _COLOURED
