"""One row of a table: its pixels as a picture, its label as text."""

import math
from typing import Any, NamedTuple

import cv2
import numpy as np

from darkroom.decode.labels.predefined_splits import split_named
from darkroom.decode.rejections import Reason, Rejected

_SPLITS = {"publictest": "validation", "privatetest": "test", "t10k": "test"}
"""Names of splits that are none of English: of FER2013's column Usage, and of MNIST's second pair of files."""


class Row(NamedTuple):
    """One image: ``name`` is its path in the table; ``content`` is an encoded picture; ``label`` is "" without one."""

    name: str
    content: bytes
    label: str


class BadRow(NamedTuple):
    """A row that is no image, and why."""

    name: str
    detail: str


def named(number: int, split: str = "") -> str:
    """Return the name of row ``number``, from 0, of a table that gives none: from 1 on, in a folder of its split."""
    return f"{split}/{number + 1:07d}.png".lstrip("/")


def split_of(name: str) -> str:
    """Return train, validation or test where ``name`` says so, else ""."""
    return _SPLITS.get(name.casefold()) or split_named(name)


def shape_of(count: int) -> tuple[int, int, int] | None:
    """Return height, width and channels of the square image, gray or RGB, of ``count`` values; None where none is."""
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if side and side * side * channels == count:
            return side, side, channels
    return None


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    """Encode an image, uint8 or uint16, (height, width) or (height, width, 1, 3 or 4), losslessly."""
    if pixels.ndim == 3 and pixels.shape[2] > 1:
        order = [2, 1, 0, 3][: pixels.shape[2]]
        pixels = pixels[:, :, order]
    # Level 1: such pictures are read once, and soon.
    return cv2.imencode(".png", np.ascontiguousarray(pixels), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def label_of(value: Any) -> str:
    """Return a label as text: whole numbers without a point, bytes as UTF-8; "" for what is missing."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def grey_levels(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return ``values`` as uint8: whole numbers of 0 to 255, or truth values.

    Raises
    ------
    Rejected
        Others are among them.
    """
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "iuf":
        raise Rejected(Reason.UNSUPPORTED, f"holds {values.dtype}; expected numbers")
    with np.errstate(invalid="ignore"):
        levels = values.astype(np.uint8) if values.size and np.isfinite(values).all() else None
    if levels is None or not (levels == values).all():
        least, most = (np.nanmin(values), np.nanmax(values)) if values.size else (0, 0)
        raise Rejected(
            Reason.CORRUPT, f"holds values of {least:g} to {most:g}; expected whole numbers of 0 to 255"
        )
    return levels
