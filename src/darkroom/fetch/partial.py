"""A partial download and its metadata, stored so that the next run can resume it."""

import contextlib
import errno
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from darkroom import UserError, files

# Seconds after which an unfinished download that nobody asked for again is removed.
_FORGOTTEN = 30 * 24 * 3600


@contextlib.contextmanager
def claimed(root: Path, *identity: object) -> Iterator[Path]:
    """Give the folder below ``root`` of the download ``identity``, to one process at a time; others wait.

    A killed ``dvc repro`` can leave its stage running beside the next one. The lock is the kernel's: it goes with the
    process that holds it, however that ends.
    """
    key = hashlib.sha256(repr(identity).encode()).hexdigest()[:24]
    with files.locked(root / f"{key}.lock", "another run is downloading the same source; waiting for it"):
        place = root / key
        place.mkdir(exist_ok=True)
        os.utime(place)
        yield place


@contextlib.contextmanager
def writing(parameter: str, folder: Path) -> Iterator[None]:
    """Turn a disk that is full, or closed to us, into the user's business; what is here of a download stays."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder  # a full disk names no file
        cure = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "correct that"
        raise UserError(
            f"{parameter}: {where}: cannot write: {error.strerror or error}; {cure} and run again: "
            "the download goes on where it stopped"
        ) from None


@contextlib.contextmanager
def opened(raw: Path) -> Iterator[os.stat_result]:
    """Give what tells the folder ``raw``, as it is now, from a later one of its name, for :func:`deliver`.

    The number of a folder that is gone may become another's, but not while it is open here. Windows opens no folder,
    and its NTFS gives no number twice.
    """
    handle = None if sys.platform == "win32" else os.open(raw, os.O_RDONLY)
    try:
        yield raw.stat()
    finally:
        if handle is not None:
            os.close(handle)


def deliver(part: Path, target: Path, folder: os.stat_result) -> None:
    """Put the finished ``part`` at ``target`` too, whole or not at all; ``part`` stays until all is delivered.

    Parameters
    ----------
    part : Path
        What was downloaded.
    target : Path
        Where it belongs.
    folder : os.stat_result
        What :func:`opened` gave of the target's folder when the stage began.

    Raises
    ------
    UserError
        That folder is gone, even if another has its name: a killed ``dvc repro`` left this stage running, and data/raw
        belongs to a later one, perhaps of other params.
    """
    if not (target.parent.exists() and os.path.samestat(folder, target.parent.stat())):
        raise UserError(f"{target.parent}: another run has started it over; this one ends")
    target.unlink(missing_ok=True)
    try:
        # Both lie on one disk, nearly always: no second copy.
        target.hardlink_to(part)
    except OSError:
        with files.whole(target) as copy:
            shutil.copyfile(part, copy)


def clean(root: Path, done: list[Path]) -> None:
    """Remove the folders ``done`` and what was forgotten long ago; a lock stays, being nothing but a name."""
    oldest = time.time() - _FORGOTTEN
    for place in root.iterdir():
        if place in done or (place.is_dir() and place.stat().st_mtime < oldest):
            shutil.rmtree(place, ignore_errors=True)


class Partial:
    """The bytes so far of one address (``part``) and a note of which version of the file they belong to.

    Parameters
    ----------
    place : Path
        A folder of its own, from :func:`claimed`.
    """

    def __init__(self, place: Path) -> None:
        self.path = place / "part"
        self._note = place / "note.json"
        # None yet, or damaged: nothing on disk can be trusted to belong together.
        try:
            self.note: dict[str, Any] = files.read_json(self._note)
        except (
            OSError,
            ValueError,
        ):
            self.restart()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size

    @property
    def validator(self) -> str | None:
        """What the server called this version of the file: a strong ETag, or the date of its last change."""
        return self.note.get("validator")

    @property
    def total(self) -> int | None:
        """Bytes of the whole file, if the server said."""
        return self.note.get("total")

    @property
    def finished(self) -> bool:
        """Whether the whole file is here, checked."""
        return bool(self.note.get("finished"))

    @property
    def joined(self) -> bool:
        """Whether the bytes come from more than one transfer."""
        return bool(self.note.get("joined"))

    def restart(self, validator: str | None = None, total: int | None = None) -> None:
        """Drop the bytes so far and note what the next ones belong to."""
        self.path.write_bytes(b"")  # first, so that no note ever stands beside another version's bytes
        self._write({"validator": validator, "total": total})

    def join(self) -> None:
        """Note that another transfer goes on where an earlier one stopped."""
        self._write(self.note | {"joined": True})

    def finish(self) -> None:
        """Sync the file to disk and note that it is whole."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self._write(self.note | {"finished": True})

    def _write(self, note: dict[str, Any]) -> None:
        self.note = note
        files.write_json(self._note, note)
