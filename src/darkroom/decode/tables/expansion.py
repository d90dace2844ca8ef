"""Finding the tables among the files of a source, and writing their rows to where they are read like any member."""

import itertools
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from darkroom import files, table_files
from darkroom.decode import archives
from darkroom.decode.archives import Member, Place
from darkroom.decode.rejections import Reason, Rejected, Rejection
from darkroom.decode.tables import array_files, arrays, parquet, pixel_csv
from darkroom.decode.tables.rows import BadRow, Row


class _Table(NamedTuple):
    """Ids of the files that a table consists of, the folder in which they lie, and the rows."""

    files: list[str]
    folder: str
    rows: Iterator[Row | BadRow]


def expanded(
    members: Sequence[Member], scratch: Path, most: int, limit: str, label_column: str
) -> tuple[list[Member], list[Rejection]]:
    """Put the rows of each table in its place.

    Parameters
    ----------
    members : sequence of Member
    scratch : Path
        A folder of the caller's, emptied first, for the pictures made of rows, and for tables that lie packed.
    most : int
        Bytes that are written there, at most.
    limit : str
        What the user calls ``most``.
    label_column : str
        `labels.label_column`.

    Returns
    -------
    list of Member, list of Rejection
        Each sorted by id. A member that is a row has its label, "" without one. Tables that cannot be read, and rows
        that are no pictures, are rejected; files that are only called like tables, as one of labels, stay.
    """
    if not any(table_files.is_table(member.id) for member in members):
        return list(members), []
    expansion = _Expansion(files.empty_folder(scratch), most, limit, label_column)
    tables = expansion.tables(members)
    beside = Counter(table.folder for table in tables)
    for table in tables:
        # Alone in its folder, a table is that folder: so the ids that it may have of its own stay what they were.
        expansion.add(table, table.folder if beside[table.folder] == 1 else table.files[0])
    gone = {id for table in tables for id in table.files} | {one.id for one in expansion.rejected}
    expansion.members += [member for member in members if member.id not in gone]
    return expansion.finished()


class _Expansion:
    """The members and rejections so far, and how many bytes may still be written."""

    def __init__(self, scratch: Path, most: int, limit: str, label_column: str) -> None:
        self.members: list[Member] = []
        self.rejected: list[Rejection] = []
        self._left = most
        self._limit = limit
        self._label_column = label_column
        self._paths = (scratch / f"{number:05d}" for number in itertools.count())

    def tables(self, members: Sequence[Member]) -> list[_Table]:
        """Return the tables among ``members``; reject what can be nothing else and cannot be read."""
        found = []
        alone: dict[str, dict[str, arrays.Array]] = defaultdict(dict)
        for member in members:
            folder, name = posixpath.split(member.id)
            try:
                if array_files.is_one_array(name):
                    alone[folder][name] = array_files.one_array(self._path(member), self._left)
                elif array_files.is_hdf5(name):
                    rows = arrays.read(array_files.hdf5(self._path(member)))
                    found.append(_Table([member.id], folder, rows))
                elif table_files.is_table(name):
                    table = self._of_text_or_parquet(member, name)
                    found += [] if table is None else [_Table([member.id], folder, table)]
            except Rejected as error:
                self.reject(member.id, error)
        for folder, group in alone.items():
            ids = [posixpath.join(folder, name) for name in group]
            found.append(_Table(ids, folder, arrays.read(group)))
        return found

    def _of_text_or_parquet(self, member: Member, name: str) -> Iterator[Row | BadRow] | None:
        if name.lower().endswith(".parquet"):
            return parquet.read(self._path(member), name, self._label_column)
        return pixel_csv.read(self._path(member), self._label_column)

    def _path(self, member: Member) -> Path:
        """Return a file that holds ``member`` and nothing else."""
        place = member.place
        if place.method is None and place.bytes == Path(place.path).stat().st_size:
            return Path(place.path)
        path = next(self._paths)
        with path.open("xb") as file:
            for chunk in archives.chunks(place):
                self._write(file, chunk)
        return path

    def _write(self, file: IO[bytes], data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise Rejected(Reason.TOO_LARGE, f"unpacks to more than {self._limit} allows")
        file.write(data)

    def add(self, table: _Table, folder: str) -> None:
        """Write the pictures of a table, and add a member for each, in ``folder``."""
        path = next(self._paths)
        with path.open("xb") as file:
            try:
                for row in table.rows:
                    self._add_row(posixpath.join(folder, row.name), row, path, file)
            except Rejected as error:
                for id in table.files:
                    self.reject(id, error)

    def _add_row(self, id: str, row: Row | BadRow, path: Path, file: IO[bytes]) -> None:
        if isinstance(row, BadRow):
            self.rejected.append(Rejection(id, Reason.CORRUPT, row.detail))
            return
        try:
            name = archives.safe_name(id)
        except Rejected as error:
            self.rejected.append(Rejection(archives.shown(id), error.reason, error.detail))
            return
        place = Place(str(path), file.tell(), len(row.content), len(row.content))
        self._write(file, row.content)
        self.members.append(Member(name, place, row.label))

    def reject(self, id: str, error: Rejected) -> None:
        """Note why a file cannot be used."""
        self.rejected.append(Rejection(id, error.reason, error.detail))

    def finished(self) -> tuple[list[Member], list[Rejection]]:
        """Return members and rejections, each sorted by id, later members of the same id rejected."""
        detail = "another row or file of this name stands before it"
        kept, others = archives.first_of_each_id(self.members, detail)
        return kept, sorted([*self.rejected, *others])
