"""A table that names each image and its label: found, read, and matched to the files of the source."""

from collections.abc import Sequence
from pathlib import Path

from darkroom import UserError
from darkroom.decode.archives import Member
from darkroom.decode.labels import table_columns, table_text
from darkroom.decode.labels.named_files import NamedFiles
from darkroom.decode.labels.table_columns import SHOWN, Row
from darkroom.decode.path_index import AMBIGUOUS, PathIndex
from darkroom.params import LabelsParams


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
        self._rows = self._matched(rows, list(dict.fromkeys(member.file for member in members)))

    def label(self, id: str) -> str | None:
        """Return the label of the file ``id``; None where no row names it, or its label is empty."""
        row = self._rows.get(id)
        return row.label if row else None

    def split(self, id: str) -> str:
        """Return the split of the file ``id``, or ""."""
        row = self._rows.get(id)
        return row.split if row else ""

    def _matched(self, rows: Sequence[Row], ids: Sequence[str]) -> dict[str, Row]:
        index = PathIndex(ids, [row.path for row in rows])
        matched: dict[str, Row] = {}
        missing: list[Row] = []
        by_case: list[Row] = []
        for row in rows:
            number, in_case = index.find(row.path)
            if not in_case:
                (missing if number is None else by_case).append(row)
            if number == AMBIGUOUS:
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


def _found(members: Sequence[Member], labels: LabelsParams, inbox: Path) -> tuple[Member | None, str, bytes]:
    """Return the table if it is in the source, what messages call it, and its content."""
    named = NamedFiles("labels.file", labels.file or "", (".csv", ".tsv", ".txt"), members, inbox)
    beside = named.beside()
    if beside is not None and beside.is_file():
        return None, f"{beside}", beside.read_bytes()
    inside = named.inside()
    if inside is None:
        raise named.missing()
    return inside, f"{inside.id} of the source", named.read(inside)
