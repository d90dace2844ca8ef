"""The image format that stages share: a folder with a few large shards and ``index.csv``, one row per image.

A folder holds

- ``images.json``: how the pixels were made and what the shards hold,
- ``index.csv``: one row an image, in the order of the rows of all shards one after the other,
- ``shard-00000.npz`` …: an uncompressed NPZ with one array ``images``, uint8, (rows, height, width, channels); or
  ``shard-00000.csv`` …: the column ``label`` and one column a pixel.

NPZ shards are memory-mapped, so that reading one image touches one image's bytes and memory stays flat.
"""

import csv
import functools
import io
import mmap
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from darkroom import UserError, files, npz
from darkroom.array_types import Pixels, Rows
from darkroom.params import ImageParams

INDEX_COLUMNS = ("id", "label", "split", "width", "height", "bytes", "sha256", "phash")
"""Columns of ``index.csv``.

``id`` names the image's file inside the source, with ``#1`` or another number behind it where it is a part of that
(``image.boxes``); ``label`` is its class, empty where it has none; ``split`` is ``train``, ``validation`` or ``test``
where the source came split, else empty; ``width`` and ``height`` are those of the picture as it came, or of the part,
in pixels, and ``bytes`` the length of its file; ``sha256`` is that of the file; ``phash`` a 64-bit perceptual hash, as
16 hexadecimal digits.
"""


class Images:
    """The images of one folder, opened for reading.

    Parameters
    ----------
    folder : Path
        A folder as described at the top of this module.

    Attributes
    ----------
    index : DataFrame
        One row an image with :data:`INDEX_COLUMNS`, missing text as ``""``.
    description : dict
        The content of ``images.json``.
    shape : (height, width, channels)
        Of each image.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.description = files.read_json(folder / "images.json")
        self.shape: tuple[int, int, int] = tuple(self.description["shape"])
        self.index = pd.read_csv(
            folder / "index.csv",
            dtype={"id": str, "label": str, "split": str, "sha256": str, "phash": str},
            keep_default_na=False,
            # An empty id does not occur, and a class may be called "NA": only text read as text is safe.
        )
        opened = [_open_shard(folder / name, self.shape) for name in self.description["shards"]]
        self._shard = functools.lru_cache(_mappable(len(opened)))(
            lambda number: at_random(opened[number][1]())
        )
        self._starts = np.cumsum([0, *(rows for rows, _ in opened)])
        if self._starts[-1] != len(self.index):
            raise ValueError(
                f"{folder}: {len(self.index)} rows in index.csv, {self._starts[-1]} images in the shards"
            )

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: npt.ArrayLike) -> Pixels:
        """Return the images at ``rows`` of the index, in that order: uint8, (len(rows), height, width, channels)."""
        rows = np.asarray(rows, dtype=np.int64)
        pixels = np.empty((len(rows), *self.shape), np.uint8)
        shard_of = self._shard_of(rows)
        self.read_ahead(rows)
        for number in np.unique(shard_of).tolist():
            here = np.flatnonzero(shard_of == number)
            pixels[here] = self._shard(number)[rows[here] - self._starts[number]]
        return pixels

    def chunks(self, rows: npt.ArrayLike, size: int = 1024) -> Iterator[Pixels]:
        """Yield the images at ``rows`` in order, at most ``size`` at a time: what a pass over all of them holds."""
        rows = np.asarray(rows, dtype=np.int64)
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            yield self.take(some)
            for number in np.unique(self._shard_of(some)).tolist():
                _forget(self._shard(number))

    @property
    def image_bytes(self) -> int:
        """Bytes of an image's pixels."""
        return int(np.prod(self.shape))

    def read_ahead(self, rows: npt.ArrayLike) -> None:
        """Have the system read the images at ``rows`` before they are taken, neighbours in one go."""
        rows = np.unique(np.asarray(rows, dtype=np.int64))
        shard_of = self._shard_of(rows)
        ends = (np.diff(rows, append=-1) != 1) | (np.diff(shard_of, append=-1) != 0)
        begins = np.roll(ends, 1)  # the last row ends a run, too
        starts = self._starts[shard_of[ends]]
        runs = np.stack([shard_of[ends], rows[begins] - starts, rows[ends] - starts + 1], axis=1)
        for number, begin, end in runs.tolist():
            _will_need(self._shard(number), begin * self.image_bytes, end * self.image_bytes)

    def _shard_of(self, rows: Rows) -> Rows:
        """Return the number of the shard that holds each of ``rows``."""
        return np.searchsorted(self._starts, rows, side="right") - 1


def _mappable(shards: int) -> int:
    """Return how many of ``shards`` may be mapped at a time, those used last: each takes a file descriptor.

    A process has 256 or 1,024 of them until it asks for more, which it may: all shards of a set, as a rule. On Windows
    a mapping takes none.
    """
    if sys.platform == "win32":
        return max(1, shards)
    import resource

    granted, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * shards
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if granted != resource.RLIM_INFINITY and granted < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        granted = wanted
    return max(1, shards if granted == resource.RLIM_INFINITY else min(shards, granted // 2))


def _will_need(shard: Pixels, begin: int, end: int) -> None:
    """Have the system read bytes ``begin`` to ``end`` of a shard's pixels now, all at once."""
    mapping = getattr(shard, "_mmap", None)
    if mapping is not None and hasattr(mmap, "MADV_WILLNEED"):
        header = len(mapping) - shard.nbytes
        page = (header + begin) // mmap.PAGESIZE * mmap.PAGESIZE
        mapping.madvise(mmap.MADV_WILLNEED, page, header + end - page)


def _forget(shard: Pixels) -> None:
    """Give back the memory of pages read so far: the system counts them as ours until it needs them."""
    mapping = getattr(shard, "_mmap", None)
    if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def at_random(array: Any) -> Any:
    """Have the system read nothing around what is looked at of a mapped ``array``, and return it.

    Of what is larger than memory, in a random order, that would be up to a thousand times what is used.
    """
    mapping = getattr(array, "_mmap", None)
    if mapping is not None and hasattr(mmap, "MADV_RANDOM"):
        mapping.madvise(mmap.MADV_RANDOM)
    return array


def write_shard(path: Path, pixels: Pixels, labels: Sequence[str] | None = None) -> None:
    """Write ``pixels``, uint8 (rows, height, width, channels), as one shard in the format of ``path``'s suffix.

    The CSV form also holds ``labels``; its pixel columns are ``pixel0`` …, row by row, a pixel's channels together.
    """
    with files.whole(path) as part:
        if path.suffix == ".npz":
            npz.write(part, images=pixels)
        else:
            _write_csv_shard(part, pixels, labels if labels is not None else [""] * len(pixels))


def read_shard(path: Path, shape: tuple[int, int, int]) -> Pixels:
    """Return the pixels of a shard, uint8 (rows, *shape): an NPZ mapped from disk, a CSV read into memory."""
    return _open_shard(path, shape)[1]()


def _open_shard(path: Path, shape: tuple[int, int, int]) -> tuple[int, Callable[[], Pixels]]:
    """Return how many rows a shard has and what gives its pixels: of an NPZ, a new mapping at each call."""
    if path.suffix == ".npz":
        offset, stored, dtype = npz.place(path, "images")
        if dtype != np.uint8 or len(stored) != 4:
            raise ValueError(
                f"{path}: expected uint8 images (rows, height, width, channels), got {dtype} {stored}"
            )
        return stored[0], functools.partial(_mapped, path, offset, stored)
    frame = pd.read_csv(path, dtype=dict.fromkeys(_pixel_columns(shape), np.uint8), keep_default_na=False)
    pixels = frame.drop(columns="label").to_numpy(np.uint8).reshape(-1, *shape)
    return len(pixels), lambda: pixels


def write_description(
    folder: Path,
    shape: tuple[int, int, int],
    classes: Sequence[str],
    shards: Sequence[str],
    preparation: dict[str, Any],
) -> None:
    """Write ``images.json``; ``preparation`` says how a picture becomes such pixels, for whoever predicts later."""
    content = {
        "shape": list(shape),
        "classes": list(classes),
        "shards": list(shards),
        "preparation": preparation,
    }
    files.write_json(folder / "images.json", content)


def check_prepared(folder: Path, image: ImageParams) -> None:
    """Check that the images of ``folder`` were prepared as the section ``image`` of params.yaml says.

    DVC brings outputs back from its caches by comparing params in its own way, which has passed over some; whatever it
    brings, a stage must not train on, measure or show pictures of another preparation.

    Raises
    ------
    UserError
        They were prepared otherwise.
    """
    made = files.read_json(folder / "images.json")["preparation"]
    asked = {
        **image.model_dump(mode="json"),
        "resolution": list(image.height_and_width),
        "background": list(image.background_color),
    }
    if image.bit_depth == "auto":
        del asked["bit_depth"]  # what was found stands there
    differences = [
        f"image.{key} {made.get(key)!r}, where params.yaml says {value!r}"
        for key, value in asked.items()
        if made.get(key) != value
    ]
    if differences:
        raise UserError(
            f"{folder}: these images were made with {'; '.join(differences)}: they are of an earlier run, or came out "
            "of a cache. Make them again: dvc repro --force --single-item decode && dvc repro"
        )


def shard_name(number: int, suffix: Literal["npz", "csv"]) -> str:
    """Return the name of shard ``number``; names sort as numbers do up to 100,000 shards."""
    return f"shard-{number:05d}.{suffix}"


def _mapped(path: Path, offset: int, shape: tuple[int, ...]) -> Pixels:
    """Map an array in a file; ``numpy.load`` ignores ``mmap_mode`` for NPZ files."""
    if 0 in shape:  # nothing to map, and mmap refuses it
        return np.empty(shape, np.uint8)
    return np.memmap(path, np.uint8, mode="r", offset=offset, shape=shape)


def _pixel_columns(shape: tuple[int, int, int]) -> list[str]:
    return [f"pixel{number}" for number in range(int(np.prod(shape)))]


_DIGITS = np.array([f",{value}".encode() for value in range(256)], dtype="S4")


def write_table(images: Images, path: Path) -> None:
    """Write all images as one CSV, in the order of the index: ``id``, ``label``, and a column for each pixel.

    Pixels are as in a shard of the CSV form. Where the shape cannot be told from their number, as it can of a square in
    gray or RGB, ``height`` and ``width`` stand before them. `source.path` takes such a table.
    """
    height, width, channels = images.shape
    sides = {} if height == width and channels in (1, 3) else {"height": str(height), "width": str(width)}
    with files.whole(path) as part, part.open("wb") as file:
        file.write(_line(["id", "label", *sides, *_pixel_columns(images.shape)]) + b"\n")
        rows = zip(images.index["id"], images.index["label"], strict=True)
        leading = ([id, label, *sides.values()] for id, label in rows)
        for pixels in images.chunks(np.arange(len(images))):
            _write_rows(file, pixels, leading)


def _write_csv_shard(path: Path, pixels: Pixels, labels: Sequence[str]) -> None:
    with path.open("wb") as file:
        file.write(_line(["label", *_pixel_columns(pixels.shape[1:])]) + b"\n")
        _write_rows(file, pixels, ([label] for label in labels))


def _write_rows(file: IO[bytes], pixels: Pixels, leading: Iterable[Sequence[str]]) -> None:
    """Write a line for each image: the next of ``leading``, then the pixels."""
    # A table of 256 byte strings, padded with NUL, instead of formatting each number: thirty times as fast as pandas.
    for image, fields in zip(pixels, leading, strict=False):
        file.write(_line(fields) + _DIGITS[image.ravel()].tobytes().replace(b"\0", b"") + b"\n")


def _line(fields: Sequence[str]) -> bytes:
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(fields)
    return row.getvalue().encode()
