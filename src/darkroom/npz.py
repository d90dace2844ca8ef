"""NumPy's uncompressed NPZ files: written alike by every Python, and found in them for mapping."""

import struct
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from darkroom import files


def write(target: Path | IO[bytes], /, **arrays: Any) -> None:
    """Write ``arrays`` as :func:`numpy.savez` does, for :func:`numpy.load`; no objects.

    NumPy asks :mod:`zipfile` for the longer fields of files above 2 GiB whatever the size, and Python has filled them
    in differently since 3.11.4: the same arrays would have another hash there. Small arrays need none of them.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in arrays.items():
            array = np.asanyarray(content)
            info = files.zip_member(f"{name}.npy")
            info.file_size = array.nbytes  # lets an array of more than 2 GiB get those fields
            with archive.open(info, "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def place(path: Path, name: str) -> tuple[int, tuple[int, ...], np.dtype[Any]]:
    """Return where in the NPZ ``path`` the array ``name`` begins, in bytes, its shape and its dtype.

    Raises
    ------
    ValueError
        The file is compressed, or the array in Fortran's order: neither can be mapped.
    """
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        member = archive.getinfo(f"{name}.npy")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{path}: compressed; expected the uncompressed form of numpy.savez")
        # Local file header: two lengths at 26, then name, extra field, data.
        file.seek(member.header_offset + 26)
        name_length, extra_length = struct.unpack("<HH", file.read(4))
        file.seek(name_length + extra_length, 1)
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        shape, fortran, dtype = read_header[version](file)
        if fortran:
            raise ValueError(f"{path}: {name} is stored by columns; expected NumPy's usual order")
        return file.tell(), shape, dtype
