"""Features of each image from a frozen network: computed once, cached beside the checkpoints for later runs."""

import contextlib
import functools
import hashlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from darkroom import compiled_network, files
from darkroom import images as images_format
from darkroom.array_types import Floats, Pixels, Rows
from darkroom.images import Images
from darkroom.train import checkpoint

KEPT_BYTES = 4 << 30
"""The most that the features of all networks take on disk; the ones not used for longest go first.

Where those of one set take more, half as much again as they: those of a run must outlive it.
"""

_CHUNK = 256  # pictures in a file: what a kill can cost
_BATCH = 32  # pictures in a step, always: the last bits must not depend on how many were missing


class Features:
    """Features in the place of images, as maps of one pixel: what takes :class:`Images` trains on them.

    Attributes
    ----------
    index : DataFrame
        One row an image.
    shape : (1, 1, d)
    image_bytes : int
    """

    def __init__(self, index: pd.DataFrame, rows: Rows, values: Floats) -> None:
        self.index = index
        self.shape = (1, 1, values.shape[1])
        self.image_bytes = values[:1].nbytes
        self._values = values
        self._place = np.full(len(index), -1)
        self._place[rows] = np.arange(len(rows))

    def take(self, rows: npt.ArrayLike) -> Floats:
        """Return the features of the images at ``rows``: float32, (len(rows), 1, 1, d)."""
        return np.asarray(self._values[self._place[np.asarray(rows)]])[:, None, None]

    def read_ahead(self, rows: npt.ArrayLike) -> None:
        """Do nothing: features are far smaller than their images."""


class Extractor:
    """A frozen network ready to say what it sees, and the folder in which that is kept.

    Features are known by the pixels and by what computes them: the trunk's layers and weights, and ``settings``.

    Parameters
    ----------
    trunk : keras.Model
        Raw pixels in, features out, nothing random in it.
    settings : dict
        What else the bits depend on: versions, threads.
    """

    def __init__(self, trunk: Any, settings: dict[str, Any]) -> None:
        self._trunk = trunk
        self._root = files.scratch("features")
        self._folder = None if self._root is None else self._root / _key(trunk, settings)

    @functools.cached_property
    def _run(self) -> Callable[[Pixels], Floats]:
        # Seconds, which are not needed where everything is kept.
        return compiled_network.compiled(self._trunk)

    def compute(self, images: Images, rows: Rows, mirrored: bool = False) -> Floats:
        """Return the features of the images at ``rows``, those that are kept and, computed now, the others.

        Parameters
        ----------
        images : Images
        rows : int64, (n,)
        mirrored : bool
            Of the pictures mirrored left and right.

        Returns
        -------
        float32, (n, d)
            In a file without a name, which the system may take out of memory.
        """
        keys = [] if self._folder is None else _keys(images, rows, mirrored)
        values = _on_disk((len(rows), self._trunk.output_shape[-1]), self._root)
        known = np.zeros(len(rows), bool) if self._folder is None else _fill(values, keys, self._folder)
        new = np.flatnonzero(~known)
        with _progress(len(rows), len(new)) as bar:
            for number, pixels in enumerate(images.chunks(rows[new], _CHUNK)):
                here = new[number * _CHUNK : (number + 1) * _CHUNK]
                values[here] = _in_steps(self._run, _turned(pixels, mirrored))
                if self._folder is not None:
                    _save(self._folder, [keys[place] for place in here], values[here])
                bar.update(len(here))
        if self._root is not None and len(new):
            _forget_oldest(self._root, max(KEPT_BYTES, values.nbytes * 3 // 2))
        return values


def _on_disk(shape: tuple[int, int], folder: Path | None) -> Floats:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        return images_format.at_random(np.memmap(file, np.float32, shape=shape))


def _keys(images: Images, rows: Rows, mirrored: bool) -> list[bytes]:
    """Return what each picture at ``rows`` is known by: a digest of its pixels."""
    return [
        hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=16).digest()
        for pixels in images.chunks(rows, _CHUNK)
        for picture in _turned(pixels, mirrored)
    ]


def _turned(pixels: Pixels, mirrored: bool) -> Pixels:
    return np.ascontiguousarray(pixels[:, :, ::-1]) if mirrored else pixels


def _in_steps(run: Callable[[Pixels], Floats], pixels: Pixels) -> Floats:
    found = []
    for start in range(0, len(pixels), _BATCH):
        step = pixels[start : start + _BATCH]
        filled = np.concatenate([step, np.zeros((_BATCH - len(step), *step.shape[1:]), np.uint8)])
        found.append(run(filled)[: len(step)])
    return np.concatenate(found)


def _key(trunk: Any, settings: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([trunk.get_config(), settings, _processor()], sort_keys=True).encode())
    for weight in trunk.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()[:32]


def _processor() -> list[str]:
    """Return what tells processors apart, which round differently: the folder may be shared by several machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux: there is no telling
        return []
    # Of two kinds the name may be the same: what they compute with stands among the flags.
    return sorted(
        {line for line in lines if line.startswith(("model name", "flags", "CPU part", "Features"))}
    )


def _save(folder: Path, keys: list[bytes], values: Floats) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, keys=np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16), values=values)
    name = hashlib.blake2b(b"".join(keys), digest_size=8).hexdigest()
    checkpoint.write(folder / f"{name}.features", buffer.getvalue())


def _fill(values: Floats, keys: list[bytes], folder: Path) -> npt.NDArray[np.bool_]:
    """Put what is kept in ``folder`` into ``values`` and return which rows these are: bool, (n,).

    A damaged file goes, and what it held is computed again.
    """
    places: dict[bytes, list[int]] = {}
    for number, key in enumerate(keys):
        places.setdefault(key, []).append(number)
    known = np.zeros(len(keys), bool)
    for path in sorted(folder.glob("[!.]*.features")):
        try:
            payload = checkpoint.read(path)
            if payload is None:
                print(f"train: {path}: damaged; these features are computed again")
                path.unlink(missing_ok=True)
                continue
            os.utime(path)
        except FileNotFoundError:  # another training has made room
            continue
        with np.load(io.BytesIO(payload)) as content:
            for key, value in zip(content["keys"], content["values"], strict=True):
                for number in places.get(key.tobytes(), ()):
                    values[number], known[number] = value, True
    return known


def _forget_oldest(root: Path, most: int) -> None:
    entries = []
    for path in root.glob("*/*"):  # what a kill left half-written, too
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            entries.append((status.st_mtime_ns, status.st_size, path))
    excess = sum(size for _, size, _ in entries) - most
    for _, size, path in sorted(entries):
        if excess <= 0:
            break
        path.unlink(missing_ok=True)
        excess -= size


def _progress(total: int, new: int) -> Any:
    """Say how many pictures are known; return a bar for the others, where somebody may look at it."""
    print(
        f"train: features of {total:,} images: {total - new:,} kept from earlier runs, {new:,} to compute",
        flush=True,
    )
    return tqdm(total=new, desc="features", unit=" images", leave=False, disable=not sys.stderr.isatty())
