"""Reproducible, atomic file writing: fixed formatting, no timestamps; checksums that show later changes."""

import contextlib
import csv
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from darkroom import UserError

SEAL = "MD5SUMS"
"""The file in which :func:`seal` notes what a folder holds, in the form that ``md5sum --check`` reads."""


@contextlib.contextmanager
def whole(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path``; move it there when the block ends well.

    A reader sees the old file or the new one, never a part, whatever is killed and whenever. ``sync`` makes that hold
    for a power cut too, at the price of waiting for the disk: for what later runs build on unseen. Outputs of stages
    need it not, since DVC knows them by their hash.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        if sync:
            with part.open("rb") as file:
                os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())  # mkstemp makes private files; these are ordinary ones
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, waiting: str | None = None) -> Iterator[None]:
    """Hold a lock on the file ``path`` while the block runs, made for it and empty.

    The lock is the kernel's and goes with the process, however that ends. Who holds it may :func:`unname` the file.

    Parameters
    ----------
    path : Path
    waiting : str, optional
        What to say on stderr where another process holds the lock, which is then waited for.

    Raises
    ------
    TimeoutError
        Another process holds the lock, and ``waiting`` is not given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if waiting is None:
            raise
        print(waiting, file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def unname(lock: Path) -> None:
    """Remove the file of a lock that is held: Windows lets nobody, and there :mod:`filelock` does, once it is free."""
    with contextlib.suppress(PermissionError):
        lock.unlink(missing_ok=True)


_MAGIC = b"darkroom 2 "


def write_with_digest(path: Path, payload: bytes) -> None:
    """Write ``payload`` after a line with its digest, whole or not at all, and so that a power cut loses nothing."""
    with whole(path, sync=True) as part:
        part.write_bytes(_MAGIC + _digest(payload) + b"\n" + payload)


def read_with_digest(path: Path) -> bytes | None:
    """Return what :func:`write_with_digest` wrote to ``path``; None where it is damaged."""
    header, _, payload = path.read_bytes().partition(b"\n")
    return payload if header == _MAGIC + _digest(payload) else None


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=16).hexdigest().encode()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def empty_folder(path: Path) -> Path:
    """Make ``path`` an empty folder, removing what was there: a stage owns its outputs.

    DVC does the same before it runs a stage; this serves who runs ``python -m stages.NAME`` by hand.
    """
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def zip_member(name: str) -> zipfile.ZipInfo:
    """Return the header of a stored member with the one date and the one set of permissions that all members have."""
    # The earliest date that a zip can hold.
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    # Unix, also where this runs elsewhere; a regular file, rw-r--r--.
    info.create_system = 3
    info.external_attr = 0o100644 << 16
    return info


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as JSON in its own order, two spaces deep; NaN and infinity are errors, not JSON."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with whole(path) as part:
        part.write_text(text + "\n", encoding="utf-8", newline="\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    FileNotFoundError, ValueError
        The file is missing, or holds something else.

    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table as CSV: UTF-8, one header line, ``\\n`` line ends, floats to six significant digits."""
    with whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([f"{v:.6g}" if isinstance(v, float) else v for v in row] for row in rows)


def is_linked_by_dvc(path: Path) -> bool:
    """Return whether ``path`` is a link into DVC's cache, as `dvc add` leaves where ``cache.type`` is symlink.

    Wherever that cache lies, its objects are called after the MD5 of their content, by which they are told.

    Raises
    ------
    UserError
        It is, and the object is damaged.
    """
    target = path.resolve()
    named = _OBJECT.search(target.as_posix())
    if not path.is_symlink() or not named or not target.is_file():
        return False
    if _md5(target) != "".join(named.groups()):
        raise UserError(
            f"{path}: damaged in DVC's cache: {target} is not what its name says; remove it, then `dvc pull`, or put "
            "the file there again and `dvc add` it"
        )
    return True


_OBJECT = re.compile(r"/files/md5/([0-9a-f]{2})/([0-9a-f]{30})$")


def python_files(*entries: Path) -> list[Path]:
    """Return every Python file among ``entries`` and, at any depth, in those that are folders: the code of a result."""
    return [
        path for entry in entries for path in (sorted(entry.rglob("*.py")) if entry.is_dir() else [entry])
    ]


def scratch(name: str, project: Path = Path()) -> Path | None:
    """Return the folder for what ``name`` keeps between runs: below .dvc/tmp of the repository; None outside of one.

    Git ignores it and DVC leaves it alone. `dvc exp run --temp` and `--queue` work in a checkout that is thrown away,
    where DVC_ROOT still names the repository.
    """
    dvc = Path(os.environ.get("DVC_ROOT") or project) / ".dvc"
    return dvc / "tmp" / "darkroom" / name if dvc.is_dir() else None


def seal(folder: Path) -> None:
    """Note in ``folder`` the MD5 of every file in it, at any depth, so that :func:`damage` can tell what changed since.

    MD5 because DVC names what it keeps by it: the sum of a file is the name of its copy in DVC's cache.
    """
    sums = _sums(folder)
    with whole(folder / SEAL) as part:
        part.write_text(sums, encoding="utf-8", newline="\n")


def damage(folder: Path) -> dict[Path, str]:
    """Return the files of ``folder`` that are no longer what was sealed, each with the MD5 that it had then.

    A folder without a seal has none; a file that came later does not matter.
    """
    try:
        noted = (folder / SEAL).read_bytes()
    except FileNotFoundError:
        return {}
    found = _sums(folder)
    if noted == found.encode():
        return {}
    first, _, lines = noted.partition(b"\n")
    if first != _first(lines):
        # The seal itself is damaged. What it said is what it would say now, unless another file is damaged too.
        return {folder / SEAL: hashlib.md5(found.encode(), usedforsecurity=False).hexdigest()}
    before, now = (
        dict(line.split("  ", 1)[::-1] for line in text.splitlines()[1:]) for text in (noted.decode(), found)
    )
    return {folder / name: digest for name, digest in before.items() if now.get(name) != digest}


def _sums(folder: Path) -> str:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SEAL)
    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(_md5, paths))
    names = [path.relative_to(folder).as_posix() for path in paths]
    lines = "".join(f"{digest}  {name}\n" for digest, name in zip(digests, names, strict=True))
    return f"{_first(lines.encode()).decode()}\n{lines}"


def _first(lines: bytes) -> bytes:
    """Return the first line of a seal, a comment to ``md5sum``: by it a damaged seal is told from a damaged file."""
    return b"# " + hashlib.md5(lines, usedforsecurity=False).hexdigest().encode()


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
