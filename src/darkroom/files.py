"""Files written the same way every time: whole or not at all, with fixed formatting and no dates."""

import contextlib
import csv
import fcntl
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


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

    The lock is the kernel's and goes with the process, however that ends. Who holds it may remove the file.

    Parameters
    ----------
    path : Path
    waiting : str, optional
        What to say on stderr where another process holds the lock, which is then waited for.

    Raises
    ------
    BlockingIOError
        Another process holds the lock, and ``waiting`` is not given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is None:
                    raise
                print(waiting, file=sys.stderr, flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            # The holder before us may have removed the file: a lock on one without a name keeps nobody out.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield
                return


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
