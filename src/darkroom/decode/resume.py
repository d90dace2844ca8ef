"""The cache of finished shards, keyed by content hash, from which a killed run resumes."""

import contextlib
import hashlib
import importlib.metadata
import json
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL

from darkroom import files

SHARED = (
    "__init__.py",
    "array_types.py",
    "files.py",
    "images.py",
    "npz.py",
    "params",
    "phash.py",
    "redirection.py",
    "table_files.py",
)
"""Of the files beside the rooms, those that dvc.yaml names for decode."""

_STALE = 7 * 24 * 3600
"""Seconds after which the work of a killed run that nobody took up again is removed."""


def key(content: Any) -> str:
    """Return a name for the work that ``content``, anything JSON can hold, describes.

    The code that does the work and the versions of what it rests on are part of the name: shards made by another
    program are not taken up.
    """
    room = Path(__file__).parent
    code = files.python_files(room, *(room.parent / name for name in SHARED))
    versions = [
        platform.python_version(),
        np.__version__,
        cv2.__version__,
        PIL.__version__,
        _version("pillow-heif"),
    ]
    digest = hashlib.sha256(json.dumps([content, versions], sort_keys=True).encode())
    for path in code:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@contextlib.contextmanager
def opened(name: str) -> Iterator[Path]:
    """Give the work folder ``name``, held by this process alone; remove it when the block ends without error.

    It lies in ``.dvc/tmp`` of the workspace, that of the original one in a temporary checkout of ``dvc exp run``, or
    in the system's temporary folder where there is no ``.dvc``. Whoever holds it already is waited for: a stage
    survives the death of the dvc that started it.
    """
    home = files.scratch("decode")
    if home is None:
        with tempfile.TemporaryDirectory(prefix="darkroom-decode-") as temporary:
            yield Path(temporary)
        return
    home = home.resolve()  # a worker's process may have another working folder
    home.mkdir(parents=True, exist_ok=True)
    _remove_stale(home, name)
    lock = home / f"{name}.lock"
    with files.locked(lock, "decode: another run decodes the same images; waiting for it"):
        folder = home / name
        folder.mkdir(exist_ok=True)
        yield folder
        shutil.rmtree(folder)
        files.unname(lock)


def _remove_stale(home: Path, but: str) -> None:
    for path in sorted(home.glob("*.lock")):
        if path.stem == but or time.time() - path.stat().st_mtime < _STALE:
            continue
        with contextlib.suppress(TimeoutError), files.locked(path):
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            files.unname(path)
