"""Names of files that hold the pixels of many images: what fetch accepts beside archives, and decode reads."""

import re

_TABLE = re.compile(r"\.(csv|tsv)(\.gz)?$|\.(npy|h5|hdf5|parquet)$|[.-]idx\d-ubyte(\.gz)?$", re.IGNORECASE)

KINDS = ".csv, .npy, .npz, .h5, .parquet, -idx3-ubyte"
"""What :func:`is_table` knows, and NPZ, which is an archive of .npy: for messages."""


def is_table(name: str) -> bool:
    """Return whether a file called ``name`` may hold images in its rows: CSV, NPY, HDF5, Parquet, or MNIST's IDX."""
    return _TABLE.search(name) is not None


def may_hold_pixels(name: str, head: bytes) -> bool:
    """Return whether a table that starts with ``head``, some hundred bytes, may be one of pixels, and not of labels."""
    if not name.lower().endswith((".csv", ".tsv")):
        return is_table(name) and bool(head)
    return b"pixels" in head.lower() or max(map(head.count, (b",", b";", b"\t"))) >= 20


def stem(name: str) -> str:
    """Return ``name`` without the suffixes by which it is told."""
    return _TABLE.sub("", name)
