"""A table that names each image and its label: found, read, and matched to the files of the source."""

import csv
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from darkroom import UserError, files
from darkroom.decode import archives
from darkroom.decode.archives import Member
from darkroom.decode.rejections import Rejected
from darkroom.decode.splits import ALLOWED, split_named
from darkroom.params import LabelsParams

_AMBIGUOUS = -1
_SHOWN = 3  # rows named in a note


class _Row(NamedTuple):
    line: int
    path: str
    label: str | None
    split: str


class Manifest:
    """The table of ``labels.file``, matched to ``members``.

    A row means the file of its path; else the one file whose path ends with it; else the one file of that name; else
    the one file of that name without its suffix. Rows that mean none are counted on stderr; files without a row have no
    label.

    Parameters
    ----------
    members : sequence of Member
    labels : LabelsParams
    inbox : Path
        Where the table is looked for when the source has none of that name.

    Attributes
    ----------
    member : Member or None
        The table itself, where it is a file of the source.

    Raises
    ------
    UserError
        The table is not there or not readable, lacks a column, names a split that is none, means several files by one
        row or one file by rows that differ, or means no file at all.
    """

    def __init__(self, members: Sequence[Member], labels: LabelsParams, inbox: Path) -> None:
        self.member, self._where, content = _found(members, labels, inbox)
        rows = _rows(self._where, content, labels)
        self._rows = self._matched(rows, [member.id for member in members])

    def label(self, number: int) -> str | None:
        """Return the label of member ``number``; None where no row names it, or its label is empty."""
        row = self._rows.get(number)
        return row.label if row else None

    def split(self, number: int) -> str:
        """Return the split of member ``number``, or ""."""
        row = self._rows.get(number)
        return row.split if row else ""

    def _matched(self, rows: Sequence[_Row], ids: Sequence[str]) -> dict[int, _Row]:
        index = _Index(ids, {row.path.count("/") + 1 for row in rows})
        matched: dict[int, _Row] = {}
        missing = []
        for row in rows:
            number = index.find(row.path)
            if number == _AMBIGUOUS:
                raise UserError(
                    f"{self._where}: line {row.line}: {row.path!r} means several files; give the path"
                )
            if number is None:
                missing.append(row)
                continue
            known = matched.setdefault(number, row)
            if known[2:] != row[2:]:
                raise UserError(
                    f"{self._where}: lines {known.line} and {row.line} differ about {ids[number]}: "
                    f"{known.label!r} {known.split} and {row.label!r} {row.split}"
                )
        if rows and not matched:
            raise UserError(
                f"{self._where}: no row names a file of the source; the first names {rows[0].path!r}, the source has "
                f"{ids[0] if ids else 'no file'!r}"
            )
        if missing:
            first = ", ".join(repr(row.path) for row in missing[:_SHOWN])
            more = ", …" if len(missing) > _SHOWN else ""
            count = f"{len(missing)} of {len(rows)} rows name no file of the source"
            print(f"decode: {self._where}: {count}: {first}{more}", file=sys.stderr)
        return matched


class _Index:
    """The files of the source by the ends of their paths, of as many parts as the table's paths have."""

    def __init__(self, ids: Sequence[str], lengths: Iterable[int]) -> None:
        self._by_id = {id: number for number, id in enumerate(ids)}
        self._by_end: dict[int, dict[str, int]] = {length: {} for length in {1, *lengths}}
        self._by_stem: dict[str, int] = {}
        for number, id in enumerate(ids):
            parts = id.split("/")
            for length, ends in self._by_end.items():
                if length <= len(parts):
                    _enter(ends, "/".join(parts[-length:]), number)
            _enter(self._by_stem, parts[-1].rpartition(".")[0], number)

    def find(self, path: str) -> int | None:
        """Return the number of the file that ``path`` means; None: no file; -1: several."""
        if path in self._by_id:
            return self._by_id[path]
        number = self._by_end[path.count("/") + 1].get(path)
        if number is not None:
            return number
        name = path.rpartition("/")[2]
        for table in (self._by_end[1], self._by_stem):
            number = table.get(name)
            if number is not None and number != _AMBIGUOUS:
                return number
        return None


def _enter(table: dict[str, int], key: str, number: int) -> None:
    table[key] = _AMBIGUOUS if key in table else number


def _found(members: Sequence[Member], labels: LabelsParams, inbox: Path) -> tuple[Member | None, str, bytes]:
    """Return the table if it is in the source, what messages call it, and its content.

    Looked for in the source by its path, then in the inbox, then in the source by the end of its path.
    """
    name = _path(labels.file or "")
    inside = next((member for member in members if member.id == name), None)
    beside = inbox / (labels.file or "")
    ours = beside.resolve().is_relative_to(inbox.resolve()) or files.is_linked_by_dvc(beside)
    if inside is None and ours and beside.is_file():
        return None, f"{beside}", beside.read_bytes()
    ends = [member for member in members if member.id.endswith(f"/{name}")]
    inside = inside or (ends[0] if len(ends) == 1 else None)
    if inside is None:
        tables = sorted(m.id for m in members if m.id.lower().endswith((".csv", ".tsv", ".txt")))[:10]
        where = (
            "in the source more than once; give its path" if ends else f"neither in the source nor in {inbox}"
        )
        known = ", ".join(tables) or "no table"
        raise UserError(f"params.yaml: labels.file: {labels.file!r} is {where}; the source has {known}")
    try:
        return inside, f"{inside.id} of the source", archives.read(inside)
    except Rejected as error:
        raise UserError(f"{inside.id} of the source, which labels.file names: {error}") from None


def _rows(where: str, content: bytes, labels: LabelsParams) -> list[_Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: expected UTF-8 text, got something else at byte {error.start}") from None
    lines = text.splitlines(keepends=True)
    first = lines[0] if lines else ""
    reader = csv.reader(lines, delimiter=max(",;\t", key=first.count), strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        wanted = {
            key: _column(where, columns, key, getattr(labels, key))
            for key in ("path_column", "label_column", "split_column")
            if getattr(labels, key) is not None
        }
        return [_row(where, reader.line_num, cells, wanted) for cells in reader if any(cells)]
    except csv.Error as error:
        raise UserError(f"{where}: line {reader.line_num}: not a table: {error}") from None


def _column(where: str, columns: Sequence[str], key: str, name: str) -> int:
    if name not in columns:
        raise UserError(
            f"{where}: no column {name!r}, which labels.{key} in params.yaml names; "
            f"found {', '.join(columns) or 'none'}"
        )
    return columns.index(name)


def _row(where: str, line: int, cells: Sequence[str], wanted: dict[str, int]) -> _Row:
    if len(cells) <= max(wanted.values()):
        raise UserError(
            f"{where}: line {line}: {len(cells)} columns, expected at least {max(wanted.values()) + 1}"
        )
    split = cells[wanted["split_column"]].strip() if "split_column" in wanted else ""
    if split and not split_named(split):
        raise UserError(f"{where}: line {line}: split {split!r}; allowed are {ALLOWED}, or nothing")
    label = unicodedata.normalize("NFC", " ".join(cells[wanted["label_column"]].split()))
    return _Row(line, _path(cells[wanted["path_column"]]), label or None, split_named(split) if split else "")


def _path(text: str) -> str:
    parts = text.strip().replace("\\", "/").split("/")
    return unicodedata.normalize("NFC", "/".join(part for part in parts if part not in ("", ".")))
