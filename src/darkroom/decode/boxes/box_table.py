"""Boxes as a table: a row for each, with its picture and its four edges in pixels."""

import re
from collections.abc import Iterator, Sequence

from darkroom import UserError
from darkroom.decode.box import Box
from darkroom.decode.boxes.annotated import Annotated, BoxFile, number, sides
from darkroom.decode.labels import table_columns, table_text

_NAMES = {
    "file": (
        "file",
        "filename",
        "imagefilename",
        "image",
        "imagename",
        "imagepath",
        "path",
        "img",
        "imageid",
    ),
    "label": ("label", "labelname", "class", "classname", "category", "categoryname"),
    "x_min": ("xmin", "x1", "left"),
    "y_min": ("ymin", "y1", "top"),
    "x_max": ("xmax", "x2", "right"),
    "y_max": ("ymax", "y2", "bottom"),
    "width": ("width", "imagewidth"),
    "height": ("height", "imageheight"),
}
"""What columns are called, in small letters alone; ``width`` and ``height`` are the picture's."""

_OPTIONAL = {"label", "width", "height"}
_EDGES = ("x_min", "y_min", "x_max", "y_max")


def read(found: Sequence[BoxFile]) -> Iterator[Annotated]:
    """Yield the box of each row, in the order of the files.

    Raises
    ------
    UserError
        A file is no table, lacks a column or has it twice, or a row has no number where one is expected; or all edges
        are within 0 and 1.
    """
    for file in found:
        yield from _read(file.where, file.read())


def _read(where: str, content: bytes) -> Iterator[Annotated]:
    table = table_text.read(where, content, "auto")
    columns = {field: _column(where, field, table.columns) for field in _NAMES}
    boxes = []
    for line, cells in table.rows:
        here = f"{where}: line {line}"
        if len(cells) < len(table.columns):
            raise UserError(f"{here}: got {len(cells)} columns, expected {len(table.columns)}")
        row = {field: cells[place] for field, place in columns.items() if place is not None}
        path = table_columns.path_of(row["file"])
        if not path:
            raise UserError(f"{here}: file: got nothing, expected the picture's path")
        left, top, right, bottom = (number(here, field, row[field]) for field in _EDGES)
        picture = sides(here, "picture's", row.get("width"), row.get("height"))
        label = " ".join(row.get("label", "").split())
        boxes.append(Annotated(where, (path,), Box(left, top, right, bottom, label, picture=picture)))
    if boxes and all(0 <= edge <= 1 for one in boxes for edge in one.box[:4]):
        raise UserError(
            f"{where}: {', '.join(_EDGES)}: all within 0 and 1, which are parts of the sides; expected pixels"
        )
    yield from boxes


def _column(where: str, field: str, columns: Sequence[str]) -> int | None:
    """Return the place of a column; None of an optional one that is not there."""
    plain = [re.sub(r"[\W_]+", "", name).casefold() for name in columns]
    places = [place for place, name in enumerate(plain) if name in _NAMES[field]]
    if len(places) == 1 or (not places and field in _OPTIONAL):
        return places[0] if places else None
    what = f"columns {', '.join(columns[place] for place in places)}" if places else "no column"
    raise UserError(
        f"{where}: {field}: {what}; expected one of {', '.join(_NAMES[field])}, found {', '.join(columns) or 'none'}"
    )
