"""A table that names each image and its label: found, read, and matched to the files of the source."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from darkroom import UserError, files
from darkroom.decode import archives
from darkroom.decode.archives import Member
from darkroom.decode.labels import table_columns, table_text
from darkroom.decode.labels.table_columns import SHOWN, Row
from darkroom.decode.rejections import Rejected
from darkroom.params import LabelsParams

_AMBIGUOUS = -1


class Manifest:
    """The table of ``labels.file``, matched to ``members``.

    A row means the file of its path; else the one file whose path ends with it; else the one file of that name; else
    the one file of that name without its suffix; and where there is none, the one found so where upper and lower case
    do not count. Files without a row have no label.

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
    warnings : list of str
        Rows that mean no file, and rows that mean one but for upper and lower case.

    Raises
    ------
    UserError
        The table is not there or not readable, lacks a column, names a split that is none, means several files by one
        row or one file by rows that differ, or means no file at all.
    """

    def __init__(self, members: Sequence[Member], labels: LabelsParams, inbox: Path) -> None:
        self.member, self._where, content = _found(members, labels, inbox)
        table = table_text.read(self._where, content, labels.encoding)
        rows, self.warnings = table_columns.read(self._where, table, labels)
        self._rows = self._matched(rows, [member.id for member in members])

    def label(self, id: str) -> str | None:
        """Return the label of the file ``id``; None where no row names it, or its label is empty."""
        row = self._rows.get(id)
        return row.label if row else None

    def split(self, id: str) -> str:
        """Return the split of the file ``id``, or ""."""
        row = self._rows.get(id)
        return row.split if row else ""

    def _matched(self, rows: Sequence[Row], ids: Sequence[str]) -> dict[str, Row]:
        index = _Index(ids, {row.path.count("/") + 1 for row in rows})
        matched: dict[str, Row] = {}
        missing: list[Row] = []
        by_case: list[Row] = []
        for row in rows:
            number = index.find(row.path)
            if number is None:
                number = index.in_any_case.find(row.path.casefold())
                (missing if number is None else by_case).append(row)
            if number == _AMBIGUOUS:
                raise UserError(
                    f"{self._where}: line {row.line}: {row.path!r} means several files; give the path"
                )
            if number is None:
                continue
            known = matched.setdefault(ids[number], row)
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
        self._warn("name no file of the source", missing, rows)
        self._warn("name a file that is written with other small and capital letters", by_case, rows)
        return matched

    def _warn(self, what: str, found: Sequence[Row], rows: Sequence[Row]) -> None:
        if found:
            first = ", ".join(repr(row.path) for row in found[:SHOWN])
            more = ", …" if len(found) > SHOWN else ""
            self.warnings.append(f"{self._where}: {len(found)} of {len(rows)} rows {what}: {first}{more}")


class _Index:
    """The files of the source by the ends of their paths, of as many parts as the table's paths have."""

    def __init__(self, ids: Sequence[str], lengths: Iterable[int]) -> None:
        self._ids = ids
        self._by_id: dict[str, int] = {}
        self._by_end: dict[int, dict[str, int]] = {length: {} for length in {1, *lengths}}
        self._by_stem: dict[str, int] = {}
        for number, id in enumerate(ids):
            _enter(self._by_id, id, number)
            parts = id.split("/")
            for length, ends in self._by_end.items():
                if length <= len(parts):
                    _enter(ends, "/".join(parts[-length:]), number)
            _enter(self._by_stem, parts[-1].rpartition(".")[0], number)

    @cached_property
    def in_any_case(self) -> "_Index":
        """The same where upper and lower case do not count: ``find`` takes paths that are case-folded."""
        return _Index([id.casefold() for id in self._ids], self._by_end)

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
    name = table_columns.path_of(labels.file or "")
    inside = next((member for member in members if member.id == name), None)
    beside = inbox / (labels.file or "")
    ours = beside.resolve().is_relative_to(inbox.resolve()) or files.is_linked_by_dvc(beside)
    if inside is None and ours and beside.is_file():
        return None, f"{beside}", beside.read_bytes()
    ends = [member for member in members if member.id.endswith(f"/{name}")]
    inside = inside or (ends[0] if len(ends) == 1 else None)
    if inside is None:
        there = [*(member.id for member in members), *sorted(path.name for path in inbox.glob("*"))]
        known = [path for path in there if path.lower().endswith((".csv", ".tsv", ".txt"))]
        where = (
            "in the source more than once; give its path" if ends else f"neither in the source nor in {inbox}"
        )
        raise UserError(
            f"params.yaml: labels.file: {labels.file!r} is {where}; there is {', '.join(known[:10]) or 'no table'}"
            f"{table_text.nearest(name, known)}"
        )
    try:
        return inside, f"{inside.id} of the source", archives.read(inside)
    except Rejected as error:
        raise UserError(f"{inside.id} of the source, which labels.file names: {error}") from None
