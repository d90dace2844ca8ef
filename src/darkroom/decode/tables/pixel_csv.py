"""Tables of pixels as text: a column for each (``label,pixel0,…``), or all in one (``emotion,pixels,Usage``)."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from darkroom.decode.rejections import Reason, Rejected
from darkroom.decode.tables import rows
from darkroom.decode.tables.rows import BadRow, Row

_PIXEL = re.compile(r"(?:pixel|px|p)[ _.-]?\d+|\d+x\d+", re.IGNORECASE)
_LABELS = ("label", "labels", "class", "emotion", "target", "digit", "y")
_FEWEST = 16
"""Columns, at least, that are taken for the pixels of an image: fewer are more likely to be marks of classes."""

_LONGEST = 1 << 24
"""Characters of a field, at most: a picture of some 2,000 by 2,000 pixels."""


class _Columns(NamedTuple):
    """Places of columns, None where there is none; ``packed``: one holds all pixels; ``titled``: a row of names."""

    pixels: Sequence[int]
    packed: bool
    label: int | None
    id: int | None
    split: int | None
    sides: tuple[int, int] | None
    titled: bool


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    options = {"encoding": "utf-8-sig", "errors": "replace", "newline": ""}
    return gzip.open(path, "rt", **options) if packed else path.open(**options)  # type: ignore[call-overload]


def read(path: Path, label_column: str) -> Iterator[Row | BadRow] | None:
    """Return the rows of a table of pixels, or what is wrong with each; None where the table is of another kind.

    Parameters
    ----------
    path : Path
        CSV or TSV, packed by gzip or not, with commas, semicolons or tabs.
    label_column : str
        `labels.label_column`; where there is none of that name, others that such tables have are looked for.
    """
    try:
        with _opened(path) as file:
            head = file.readline(_LONGEST)
        delimiter = max(",;\t", key=head.count)
        header = next(csv.reader([head], delimiter=delimiter), [])
        columns = _columns([field.strip() for field in header], label_column)
        if columns is not None and not columns.titled:
            columns = _with_label(columns, path, delimiter)
    except (csv.Error, OSError, EOFError, zlib.error):
        return None
    return None if columns is None else _rows(path, delimiter, columns)


def _columns(header: Sequence[str], label_column: str) -> _Columns | None:
    lower = [field.casefold() for field in header]

    def place(*names: str) -> int | None:
        return next((lower.index(one.casefold()) for one in names if one.casefold() in lower), None)

    if header and all(map(str.isdigit, header)):  # the first image: there is no row of names
        few = len(header) < _FEWEST or rows.shape_of(len(header) - 1) is None
        return None if few else _Columns(range(1, len(header)), False, 0, None, None, None, False)
    packed = place("pixels")
    pixels = (
        [at for at, field in enumerate(header) if _PIXEL.fullmatch(field)] if packed is None else [packed]
    )
    if packed is None and len(pixels) < _FEWEST:
        return None
    label = place(label_column, *_LABELS)
    height, width = place("height"), place("width")
    sides = None if height is None or width is None else (height, width)
    if packed is None and sides is None and rows.shape_of(len(pixels)) is None:
        raise Rejected(
            Reason.UNSUPPORTED,
            f"{len(pixels)} columns of pixels are no square image, gray or RGB; add columns height and width",
        )
    return _Columns(pixels, packed is not None, label, place("id"), place("usage", "split"), sides, True)


def _with_label(columns: _Columns, path: Path, delimiter: str) -> _Columns:
    """Return the columns of a table without names: the label is the first or the last, whichever has fewer values.

    The pixels in the corners of digits are all 0: of such a column, which has one value, the other is the label.
    """
    with _opened(path) as file:
        ends = [(line.split(delimiter, 1)[0], line.rstrip().rsplit(delimiter, 1)[-1]) for line in file]
    first, last = (len(set(values)) for values in zip(*ends, strict=True))
    if 1 < last < first or (first == 1 and last > 1):
        return columns._replace(pixels=range(len(columns.pixels)), label=len(columns.pixels))
    return columns


def _rows(path: Path, delimiter: str, columns: _Columns) -> Iterator[Row | BadRow]:
    limit = csv.field_size_limit(_LONGEST)
    try:
        with _opened(path) as file:
            lines = csv.reader(file, delimiter=delimiter)
            if columns.titled:
                next(lines)
            for number, fields in enumerate(lines):
                try:
                    if fields:
                        yield _row(number, fields, columns)
                except (Rejected, ValueError, IndexError, ZeroDivisionError) as error:
                    detail = error.detail if isinstance(error, Rejected) else str(error)
                    yield BadRow(rows.named(number), detail)
    except (csv.Error, OSError, EOFError, zlib.error) as error:
        raise Rejected(Reason.TRUNCATED, f"breaks off: {error}") from None
    finally:
        csv.field_size_limit(limit)


def _row(number: int, fields: Sequence[str], columns: _Columns) -> Row:
    values = fields[columns.pixels[0]].split() if columns.packed else [fields[at] for at in columns.pixels]
    levels = rows.grey_levels(np.array(values, np.float64))
    shape: tuple[int, ...] | None = rows.shape_of(len(levels))
    if columns.sides is not None:
        height, width = (int(fields[at]) for at in columns.sides)
        shape = (height, width, len(levels) // (height * width))
    if shape is None:
        raise Rejected(Reason.CORRUPT, f"{len(levels)} values are no square image, gray or RGB")
    picture = rows.png(levels.reshape(shape))
    text = "" if columns.label is None else fields[columns.label].strip()
    split = "" if columns.split is None else rows.split_of(fields[columns.split].strip())
    if columns.id is not None and fields[columns.id].strip():
        return Row(fields[columns.id].strip(), picture, text)
    return Row(rows.named(number, split), picture, text)
