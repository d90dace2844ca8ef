"""The meaning of a label table's columns: image, label (one column, or one column per class) and split."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from darkroom import UserError
from darkroom.decode.labels import table_text
from darkroom.decode.labels.predefined_splits import ALLOWED, split_named
from darkroom.decode.labels.table_text import Table
from darkroom.params import LabelsParams

SHOWN = 3
"""Rows named in a message."""


class Row(NamedTuple):
    """One row: the line where it ends, the image it names, and its label (None: empty) and split ("": none)."""

    line: int
    path: str
    label: str | None
    split: str


def read(where: str, table: Table, labels: LabelsParams) -> tuple[list[Row], list[str]]:
    """Return the rows as the parameters say they are read, and warnings.

    Raises
    ------
    UserError
        A column is missing, a row is too short or too long, names a split that is none, or has several labels.
    """

    def column(key: str, name: str) -> int:
        return table_text.column(where, table.columns, key, name)

    path = column("path_column", labels.path_column)
    split = None if labels.split_column is None else column("split_column", labels.split_column)
    classes = [column("label_columns", name) for name in labels.label_columns or ()]
    label = None if classes else column("label_column", labels.label_column)
    fewest = 1 + max(place for place in (path, split, label, *classes) if place is not None)
    for line, cells in table.rows:
        if len(cells) < fewest:
            raise UserError(f"{where}: line {line}: {len(cells)} columns, expected at least {fewest}")
        if any(cell.strip() for cell in cells[len(table.columns) :]):
            raise UserError(
                f"{where}: line {line}: {len(cells)} columns, and the first line has {len(table.columns)}; where the "
                "text of one holds what parts columns, put it into quotes"
            )
    if classes:
        said, warnings = _by_class(where, table, classes, path)
    else:
        assert label is not None
        said = [_one_line(cells[label]) or None for _, cells in table.rows]
        warnings = _one_column_a_class(where, table, label, {path, split})
    rows = [
        Row(line, path_of(cells[path]), one, "" if split is None else _split(where, line, cells[split]))
        for (line, cells), one in zip(table.rows, said, strict=True)
    ]
    return rows, warnings


def _one_line(text: str) -> str:
    """Return ``text`` with single spaces, in Unicode's composed form."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def path_of(text: str) -> str:
    """Return ``text`` in the form of ids."""
    parts = text.strip().replace("\\", "/").split("/")
    return unicodedata.normalize("NFC", "/".join(part for part in parts if part not in ("", ".")))


def _split(where: str, line: int, text: str) -> str:
    split = split_named(text.strip())
    if text.strip() and not split:
        raise UserError(f"{where}: line {line}: split {text.strip()!r}; allowed are {ALLOWED}, or nothing")
    return split


def _by_class(
    where: str, table: Table, classes: Sequence[int], path: int
) -> tuple[list[str | None], list[str]]:
    """Return each row's label, the one of the columns ``classes`` that holds 1; None where none does."""
    said: list[str | None] = []
    without, several = [], []
    for line, cells in table.rows:
        marks = {place: _mark(cells[place]) for place in classes}
        for place, mark in marks.items():
            if mark is None:
                raise UserError(
                    f"{where}: line {line}: {cells[place]!r} in column {table.columns[place]}, which "
                    "labels.label_columns in params.yaml names; expected 1 for the image's class, else 0 or nothing"
                )
        found = [table.columns[place] for place in classes if marks[place]]
        said.append(_one_line(found[0]) if found else None)
        where_it_is = f"line {line} ({cells[path].strip()})"
        if len(found) > 1:
            several.append(f"{where_it_is}: {', '.join(found)}")
        elif not found:
            without.append(where_it_is)
    if several:
        raise UserError(
            f"{where}: {_of(several, table)} have 1 in more than one of labels.label_columns: {_first(several)}. Every "
            "image has one class here: correct or remove these rows, or add a column that names the class that counts, "
            "and set labels.label_column"
        )
    if without:
        note = f"{_of(without, table)} have 1 in none of labels.label_columns; their images are taken as unlabelled"
        return said, [f"{where}: {note}: {_first(without)}"]
    return said, []


def _one_column_a_class(where: str, table: Table, label: int, others: set[int | None]) -> list[str]:
    """Return a warning where the column of labels is one of several that say 1 for an image's class and else 0."""
    if {_mark(cells[label]) for _, cells in table.rows} != {True, False}:
        return []
    marked = [
        place
        for place in range(len(table.columns))
        if place not in others
        and all(len(cells) > place and _mark(cells[place]) is not None for _, cells in table.rows)
    ]
    if len(marked) > 1 and all(
        sum(_mark(cells[place]) or 0 for place in marked) == 1 for _, cells in table.rows
    ):
        names = ", ".join(table.columns[place] for place in marked)
        return [
            f"{where}: the columns {names} hold 1 for the image's class and 0 for others, and only "
            f"{table.columns[label]} is read; to read all, set labels.label_columns: [{names}]"
        ]
    return []


def _mark(cell: str) -> bool | None:
    """Return whether a cell says 1; None where it says neither 1 nor 0."""
    text = cell.strip().casefold()
    if text in ("", "false"):
        return False
    if text == "true":
        return True
    try:
        return {0.0: False, 1.0: True}.get(float(text))
    except ValueError:
        return None


def _of(found: Sequence[str], table: Table) -> str:
    return f"{len(found)} of {len(table.rows)} rows"


def _first(found: Sequence[str]) -> str:
    return "; ".join(found[:SHOWN]) + ("; …" if len(found) > SHOWN else "")
