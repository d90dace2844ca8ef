"""Packs loose files into one uncompressed zip, reproducibly: dates and order on disk do not change its bytes."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

from darkroom import files


def pack_contents(path: Path, contents: Iterable[tuple[str, bytes]]) -> None:
    """Write the stored zip ``path`` with one member for each (name, content), sorted by name."""
    with files.whole(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, content in sorted(contents):
            archive.writestr(files.zip_member(name), content)
