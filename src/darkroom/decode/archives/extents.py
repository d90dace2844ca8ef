"""The byte range of each file inside an archive, readable from any thread, process or machine."""

import bz2
import contextlib
import io
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from darkroom.decode.rejections import Reason, Rejected, Rejection

STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
"""Compression methods of a zip that are read; numbers as in the format's own description (APPNOTE.TXT, 4.4.5)."""

_CHUNK = 1 << 20
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, …, length of the name, length of the extra field
_LZMA_MEMORY = 1 << 28  # bytes of dictionary that a member may ask for; the largest preset takes a quarter


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file lies; small, picklable, and independent of any open file.

    Attributes
    ----------
    path : str
        The archive, or the loose file itself.
    offset : int
        Of the first byte; of the local header where ``method`` is set.
    packed : int
        Bytes that the content takes in ``path``.
    bytes : int
        Bytes of the content, as declared.
    method : int or None
        Compression method of a zip's member; None where the content lies bare at ``offset``.
    crc : int or None
        CRC-32 of the content, where the archive declares one.
    """

    path: str
    offset: int
    packed: int
    bytes: int
    method: int | None = None
    crc: int | None = None


class Found(NamedTuple):
    """A file that an archive lists; ``id`` is the name that the archive gives it."""

    id: str
    place: Place


Listed = Found | Rejection


def whole_file(path: Path) -> Place:
    """Return the place of a file on disk, all of it."""
    size = path.stat().st_size
    return Place(str(path), 0, size, size)


def read(place: Place) -> bytes:
    """Return the content at ``place``, checked for length and checksum.

    Raises
    ------
    Rejected
        It is truncated or corrupt, or compressed in a way that is not read. Never more than the declared bytes
        and one chunk are unpacked, so that a lie about the length costs no memory.
    """
    return b"".join(chunks(place))


def head(place: Place, count: int) -> bytes:
    """Return the first ``count`` bytes of the content, or what there is of them; b"" where it cannot be read."""
    try:
        if place.method is None:
            return pread(place.path, place.offset, min(count, place.bytes))
        place = Place(place.path, place.offset, min(place.packed, _CHUNK), place.bytes, place.method)
        return next(chunks(place, count), b"")[:count]
    except Rejected:
        return b""


def pread(path: str, offset: int, count: int) -> bytes:
    """Return ``count`` bytes of ``path`` from ``offset``, fewer at its end, through a handle of this call's own."""
    # Without a buffer: a read is one call of the system, for as much as was asked.
    with io.FileIO(path) as file:
        file.seek(offset)
        return file.read(count)


def bare(place: Place) -> Place:
    """Return a stored member's place without its local header.

    Raises
    ------
    Rejected
        There is no local header where the archive says.
    """
    header = pread(place.path, place.offset, _LOCAL_HEADER.size)
    return Place(place.path, _data_offset(place, header), place.packed, place.packed)


def span(place: Place) -> tuple[int, int]:
    """Return the first byte that reading the content looks at, and the one after the last."""
    start = place.offset
    if place.method is not None:
        header = pread(place.path, place.offset, _LOCAL_HEADER.size)
        with contextlib.suppress(Rejected):
            start = _data_offset(place, header)
    return place.offset, max(start + place.packed, place.offset + _LOCAL_HEADER.size)


def chunks(place: Place, most: int = 0) -> Iterator[bytes]:
    """Yield the content at ``place`` in pieces, of at most ``most`` bytes each where given; see :func:`read`."""
    packed = _packed(place)
    content = packed if place.method in (None, STORED) else _unpacked(packed, place, most)
    done = checksum = 0
    for chunk in content:
        done += len(chunk)
        if done > place.bytes:
            raise Rejected(Reason.CORRUPT, f"unpacks to more than the {place.bytes} bytes it declares")
        if place.crc is not None:
            checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if done < place.bytes:
        raise Rejected(Reason.TRUNCATED, f"{done} of {place.bytes} bytes are there")
    if place.crc not in (None, checksum):
        raise Rejected(Reason.CORRUPT, f"CRC-32 is {checksum:08x}, the archive says {place.crc:08x}")


def _data_offset(place: Place, header: bytes) -> int:
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        raise Rejected(Reason.CORRUPT, f"no local header at byte {place.offset} of the archive")
    _, name, extra = _LOCAL_HEADER.unpack(header)
    return place.offset + _LOCAL_HEADER.size + int(name) + int(extra)


def _packed(place: Place) -> Iterator[bytes]:
    """Yield the bytes as they lie in the archive; what it lacks at its end is missing here too."""
    with io.FileIO(place.path) as file:
        file.seek(place.offset)
        if place.method is not None:
            file.seek(_data_offset(place, file.read(_LOCAL_HEADER.size)))
        left = place.packed
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            yield chunk
            left -= len(chunk)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def _unpacked(packed: Iterator[bytes], place: Place, most: int) -> Iterator[bytes]:
    limit = most or min(place.bytes, 16 * _CHUNK) + 1  # one more than declared shows a lie
    decompressor: _Decompressor | None = None
    for data in packed:
        if decompressor is None:
            decompressor, data = _decompressor(place, data)
        while not decompressor.eof:
            try:
                chunk = decompressor.decompress(data, limit)
            except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
                raise Rejected(Reason.CORRUPT, str(error) or type(error).__name__) from None
            if chunk:
                yield chunk
            data = getattr(decompressor, "unconsumed_tail", b"")
            if not data and len(chunk) < limit:
                break


def _decompressor(place: Place, data: bytes) -> tuple[_Decompressor, bytes]:
    """Return what unpacks ``place``, and its first bytes as it wants them."""
    if place.method == DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS), data
    if place.method == BZIP2:
        return bz2.BZ2Decompressor(), data
    if place.method == LZMA:
        # A zip keeps the version of the packer and the length of the properties before these; the older .lzma form,
        # which the library reads, has the unpacked length after them. All ones: unknown, an end mark tells.
        properties = data[4:9]
        alone = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY)
        return alone, properties + b"\xff" * 8 + data[9:]
    raise Rejected(
        Reason.UNSUPPORTED, f"compression method {place.method} of zip; stored and deflated are common"
    )
