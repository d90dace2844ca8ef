"""Files that hold arrays: NPY, HDF5 and MNIST's IDX, opened without running anything that they may hold."""

import gzip
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.decode.rejections import Reason, Rejected
from darkroom.decode.tables.arrays import Array

_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""NumPy's types by the third byte of an IDX file: http://yann.lecun.com/exdb/mnist/, "the IDX file format"."""


def is_one_array(name: str) -> bool:
    """Return whether a file of this name holds one array."""
    return name.lower().endswith((".npy", "-ubyte", "-ubyte.gz"))


def is_hdf5(name: str) -> bool:
    """Return whether a file of this name holds arrays that have names."""
    return name.lower().endswith((".h5", ".hdf5"))


def one_array(path: Path, most: int) -> Array:
    """Return the array of an NPY or IDX file; it may be mapped from disk, else it takes ``most`` bytes at most.

    Raises
    ------
    Rejected
        The file is damaged, or holds anything but numbers and text.
    """
    with path.open("rb") as file:
        is_npy = file.read(6) == b"\x93NUMPY"
    return _npy(path) if is_npy else _idx(path, most)


def _npy(path: Path) -> Array:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError, SyntaxError) as error:
        reason = (
            Reason.UNSUPPORTED if "allow_pickle" in str(error) or "object" in str(error) else Reason.CORRUPT
        )
        detail = "holds Python objects (a pickle), which could run anything; save arrays of numbers"
        raise Rejected(reason, detail if reason is Reason.UNSUPPORTED else str(error)) from None


def hdf5(path: Path) -> dict[str, Array]:
    """Return the data sets of an HDF5 file by their paths in it: those that lie in it, and not in files that it names.

    Raises
    ------
    Rejected
        The file is damaged, or of another kind.
    """
    import h5py  # comes with Keras

    found: dict[str, Array] = {}

    def note(name: str, item: Any) -> None:
        # Of files elsewhere nothing is read; visititems follows hard links alone.
        if isinstance(item, h5py.Dataset) and not item.is_virtual and not item.external and item.ndim:
            found[name] = item

    try:
        h5py.File(path, "r").visititems(note)
    except (OSError, RuntimeError, ValueError) as error:
        raise Rejected(Reason.CORRUPT, f"cannot be read as HDF5: {error}") from None
    return found


def _idx(path: Path, most: int) -> Array:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            zero, kind, axes = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
            if zero or kind not in _IDX_TYPES or not axes:
                raise Rejected(Reason.CORRUPT, "does not begin as an IDX file does")
            dtype = np.dtype(_IDX_TYPES[kind])
            expected = math.prod(shape) * dtype.itemsize
            if expected > most:
                raise Rejected(
                    Reason.TOO_LARGE, f"declares {expected} bytes, more than the {most} that are allowed"
                )
            content = file.read(expected + 1)
    except (struct.error, EOFError, OSError, OverflowError, MemoryError) as error:
        raise Rejected(Reason.TRUNCATED, f"breaks off: {error}") from None
    if len(content) != expected:
        reason = Reason.TRUNCATED if len(content) < expected else Reason.CORRUPT
        raise Rejected(reason, f"declares {shape}, {expected} bytes, and holds {len(content)} or more")
    return np.frombuffer(content, dtype).reshape(shape)
