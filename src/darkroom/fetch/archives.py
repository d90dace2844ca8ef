"""Archives: detected by their first bytes, checked for truncation, and named without collisions."""

import bz2
import gzip
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO

from darkroom.table_files import is_table, may_hold_pixels

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""Names under which an archive is kept as it is; any other gets the suffix of what it holds."""

HEAD = 512
"""Bytes from the start of a file that tell what it is: one tar header."""

_MAGIC = {b"PK": ".zip", b"\x1f\x8b": ".tar.gz", b"BZh": ".tar.bz2", b"\xfd7zXZ\x00": ".tar.xz"}
_UNPACKERS: dict[str, Callable[[Path], IO[bytes]]] = {
    ".tar.gz": gzip.GzipFile,  # type: ignore[dict-item]
    ".tar.bz2": bz2.BZ2File,
    ".tar.xz": lzma.LZMAFile,
}
_MOST_EXPANSION = 200  # of a photo archive; beyond that it is a bomb, which decode knows how to meet


def suffix_of(head: bytes) -> str | None:
    """Return the suffix for a file that starts with ``head`` (:data:`HEAD` bytes); None if it is no archive."""
    for magic, suffix in _MAGIC.items():
        if head.startswith(magic):
            return suffix
    try:
        tarfile.TarInfo.frombuf(head[:HEAD], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return None
    return ".tar"


def is_source(head: bytes, name: str) -> bool:
    """Return whether a file that starts with ``head`` is an archive, or one called as tables of pixels are."""
    return suffix_of(head) is not None or (may_hold_pixels(name, head) and not is_html(head))


def is_html(head: bytes) -> bool:
    """Return whether ``head`` begins a web page: what servers send in place of a file that needs a login."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")) or (
        start.startswith(b"<?xml") and b"<html" in start
    )


def check_whole(path: Path) -> None:
    """Read through the archive ``path`` far enough to know that its end is there.

    Raises
    ------
    ValueError
        It breaks off, or is damaged.
    """
    with path.open("rb") as file:
        suffix = suffix_of(file.read(HEAD))
    try:
        if suffix == ".zip":
            zipfile.ZipFile(path).close()  # its table of contents stands at the end
        elif suffix == ".tar":
            _check_tar(path)
        elif suffix is not None:
            _unpack_to_nowhere(path, _UNPACKERS[suffix])
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise ValueError(str(error) or type(error).__name__) from None


def _check_tar(path: Path) -> None:
    size = path.stat().st_size
    with tarfile.open(path, "r:") as archive:
        for info in archive:
            archive.members.clear()  # type: ignore[attr-defined]  # else a million members stay in memory
            if info.offset_data + (info.size if info.isreg() else 0) > size:
                raise ValueError(f"{info.name}: breaks off")


def _unpack_to_nowhere(path: Path, unpacker: Callable[[Path], IO[bytes]]) -> None:
    most = path.stat().st_size * _MOST_EXPANSION
    with unpacker(path) as file:
        while file.tell() < most and file.read(1 << 20):
            pass


def name_for(name: str, head: bytes, taken: Collection[str]) -> str:
    """Return ``name`` made fit for data/raw: plain characters, a suffix that tells, unlike any ``taken``."""
    name = re.sub(r"[^\w.+@() -]", "_", name).lstrip(". ")[-120:] or "archive"
    suffix = suffix_of(head)
    if not name.lower().endswith((*SUFFIXES, ".npz")) and not is_table(name) and suffix is not None:
        name += suffix
    known = {other.casefold() for other in taken}
    fresh, number = name, 1
    while fresh.casefold() in known:
        number += 1
        fresh = f"{number}-{name}"
    return fresh
