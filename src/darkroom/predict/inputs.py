"""The images given by the user as files, folders, archives or lists, as locations that any thread can read."""

import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from darkroom import UserError
from darkroom.decode import archives, tables
from darkroom.decode.archives import extents, names, system_files
from darkroom.decode.archives.extents import Place
from darkroom.decode.pictures import formats
from darkroom.decode.rejections import Reason, Rejected, Rejection
from darkroom.table_files import is_table

_LARGE = 2**26  # bytes; of a file this large the beginning is looked at before the whole is read


class Picture(NamedTuple):
    """A file to predict: its path as the user gave or would give it, an archive taken for a folder."""

    id: str
    place: Place


Source = Picture | Rejection


class Sources:
    """Lists what paths name.

    Parameters
    ----------
    scratch : Path
        A folder of the caller's for what cannot be read in place; needed as long as the pictures are read.
    max_bytes : int
        A file of more bytes is rejected, and so is an archive that holds more.
    skip : Path or None
        A file that is left out of folders: the command's own output.
    """

    def __init__(self, scratch: Path, max_bytes: int, skip: Path | None = None) -> None:
        self._max_bytes = max_bytes
        self._skip = skip.absolute() if skip else None
        self._scratch = (scratch / f"{number:06d}" for number in itertools.count())

    def named(self, path: str) -> Iterator[Source]:
        """Yield what ``path`` names: itself, the files below a folder in the order of their names, or of an archive.

        In folders, what begins with a dot, what systems and fetch leave behind and links to folders are left out.
        """
        try:
            mode = Path(path).stat().st_mode
            if stat.S_ISDIR(mode):
                yield from self._below(Path(path))
            elif stat.S_ISREG(mode):
                yield from self._file(Path(path))
            else:
                yield Rejection(printable(path), Reason.NOT_A_FILE, "a pipe or a device")
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            yield _unreadable(printable(path), error)

    def _below(self, folder: Path) -> Iterator[Source]:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
        for entry in entries:
            name = f"{entry.name}/" if entry.is_dir() else entry.name
            if (
                entry.name.startswith(".")
                or entry.name in archives.NO_DATA
                or system_files.told(name, ())
                or (entry.is_symlink() and entry.is_dir())
            ):
                continue
            path = folder / entry.name
            if path.absolute() != self._skip:
                yield from self.named(str(path))

    def _file(self, path: Path) -> Iterator[Source]:
        # Such a file is no archive: no need to look into it while the files are listed.
        if path.name.lower().endswith(archives.PICTURES):
            yield self._loose(path)
        else:
            yield from self._opened(path)

    def _loose(self, path: Path) -> Source:
        place = extents.whole_file(path)
        if place.bytes > self._max_bytes:
            detail = f"{place.bytes} bytes, --max-bytes is {self._max_bytes}"
            return Rejection(printable(path.as_posix()), Reason.TOO_LARGE, detail)
        return Picture(printable(path.as_posix()), place)

    def _opened(self, path: Path) -> Iterator[Source]:
        """Yield the files of the archive at ``path``, or the file itself where it is none."""
        shown = printable(path.as_posix())
        try:
            found = archives.members_of(path, next(self._scratch), self._max_bytes, "--max-bytes")
        except Rejected as error:
            yield error.of(shown)
            return
        if found is None and not is_table(path.name):
            yield self._loose(path)
            return
        itself = archives.Member(path.name, extents.whole_file(path))
        members, rejections = found or ([itself], [])
        members, bad = tables.expanded(members, next(self._scratch), self._max_bytes, "--max-bytes", "label")
        for member in members:
            yield Picture(shown if member == itself else f"{shown}/{member.id}", member.place)
        rejections += bad
        for one in rejections:
            if one.reason is not Reason.SYSTEM_FILE:
                yield one._replace(id=f"{shown}/{one.id}" if one.id else shown)


def find(paths: Sequence[str], listed: bytes, sources: Sources) -> tuple[list[Picture], list[Rejection]]:
    """Return the pictures that ``paths`` name, in that order, and the files that cannot be used.

    Parameters
    ----------
    paths : sequence of str
        Files, folders and archives; ``-`` stands for the paths in ``listed``.
    listed : bytes
        Paths, one a line, or separated by NUL where there is one (as ``find -print0`` writes them).
    sources : Sources

    Raises
    ------
    UserError
        One of ``paths`` is not there, or they name no file at all.
    """
    for path in paths:
        if path != "-" and not os.path.lexists(path):
            raise UserError(f"{names.shown(path)}: no such file or folder")
    everything = [source for path in _spelled_out(paths, listed) for source in sources.named(path)]
    if not everything:
        shown = ", ".join(names.shown(path) for path in paths[:5])
        raise UserError(f"{shown}: no files there; expected pictures, folders or archives of them")
    pictures = [source for source in everything if isinstance(source, Picture)]
    return pictures, [source for source in everything if isinstance(source, Rejection)]


def read(picture: Picture) -> bytes:
    """Return the bytes of a picture; safe from any number of threads at once.

    Raises
    ------
    Rejected
        It cannot be used.
    OSError
        It cannot be read.
    """
    if picture.place.bytes > _LARGE:
        formats.sniff(extents.head(picture.place, 512))
    return extents.read(picture.place)


def rejection(picture: Picture, error: Rejected | OSError) -> Rejection:
    """Return the file as one that cannot be used."""
    return error.of(picture.id) if isinstance(error, Rejected) else _unreadable(picture.id, error)


def printable(path: str) -> str:
    r"""Return a path as UTF-8 text: bytes that are none are spelled ``\xe9``, whatever the locale."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _spelled_out(paths: Sequence[str], listed: bytes) -> Iterator[str]:
    for path in paths:
        if path == "-":
            yield from (
                os.fsdecode(name) for name in listed.split(b"\0" if b"\0" in listed else b"\n") if name
            )
        else:
            yield path


def _unreadable(id: str, error: OSError | ValueError) -> Rejection:
    detail = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return Rejection(id, Reason.UNREADABLE, detail)
