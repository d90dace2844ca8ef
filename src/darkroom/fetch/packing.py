"""Packs loose files into one uncompressed zip, reproducibly: dates and order on disk do not change its bytes."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

from darkroom import files

_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold
_MODE = 0o100644 << 16  # a regular file, rw-r--r--, where Unix zips keep it


def member(name: str) -> zipfile.ZipInfo:
    """Return the header of a stored member with the one date and the one set of permissions that all members have."""
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = 3  # Unix, also where this runs elsewhere
    info.external_attr = _MODE
    return info


def pack_contents(path: Path, contents: Iterable[tuple[str, bytes]]) -> None:
    """Write the stored zip ``path`` with one member for each (name, content), sorted by name."""
    with files.whole(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, content in sorted(contents):
            archive.writestr(member(name), content)
