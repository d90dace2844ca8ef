"""Lists the files of a tar, header by header; a damaged header loses the files up to the next valid one.

`tarfile` stops at such a header without a word; told to ignore zeros it goes on, and says nothing of what is lost.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from darkroom.decode.archives import names
from darkroom.decode.archives.extents import Found, Listed, Place, pread
from darkroom.decode.rejections import Reason, Rejected, Rejection

BLOCK = 512
GZIP, BZIP2, XZ = b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00"
"""First bytes of the compressed forms."""

_CHUNK = 1 << 20
_LONGEST = 1 << 20  # bytes of a long name or of extended attributes; more is an attack on memory
_NAMING = (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)  # of the member that follows
# A link's target, what holds for all, volume marks.
_ASIDE = (
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XGLTYPE,
    b"V",
    b"M",
)
_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


class _Header(NamedTuple):
    name: bytes
    size: int
    kind: bytes


def is_header(block: bytes) -> bool:
    """Return whether ``block`` begins with the header of a tar's member: its checksum tells."""
    return _header(block[:BLOCK]) is not None


def listed(place: Place, damage: str = "") -> list[Listed]:
    """Return the files of the tar at ``place``, which lies bare; folders are none.

    Where ``damage`` says why its bytes break off and the tar's own end is not among them, the last row says that.
    """
    with Path(place.path).open("rb") as file:
        return list(_members(file, place, damage))


def flattened(place: Place, target: Path, most: int) -> tuple[Place, str]:
    """Unpack the compressed tar at ``place``, which lies bare, into the file ``target``.

    Parameters
    ----------
    place : Place
    target : Path
        Made here; holds at most ``most`` bytes.
    most : int
        Bytes.

    Returns
    -------
    Place
        Of what could be unpacked.
    str
        Why it ends before the stream's end, or "".

    Raises
    ------
    Rejected
        The stream holds more than ``most`` bytes, or what begins it is no tar.

    """
    done, damage = 0, ""
    with target.open("xb") as out, _Window(place) as window, _stream(place, window) as stream:
        while True:
            try:
                chunk = stream.read1(_CHUNK)  # unlike read, gives what precedes the damage
            except (OSError, EOFError, zlib.error, lzma.LZMAError, MemoryError) as error:
                if isinstance(error, MemoryError) and not isinstance(stream, lzma.LZMAFile):
                    raise  # no fault of the file; LZMA alone lets one ask for gigabytes
                # Else: bytes after the end, as gunzip ignores.
                if not done or "Not a gzipped file" not in str(error):
                    damage = str(error) or type(error).__name__
                break
            if not chunk:
                break
            if not done and len(chunk) >= BLOCK and not is_header(chunk):
                break  # no tar: no need to unpack the rest
            done += len(chunk)
            if done > most:
                raise Rejected(Reason.TOO_LARGE, f"unpacks to more than {most} bytes")
            out.write(chunk)
    if not is_header(pread(str(target), 0, BLOCK)):
        if damage:
            raise Rejected(Reason.CORRUPT, damage)
        raise Rejected(Reason.UNSUPPORTED, "compressed, and no tar inside")
    return Place(str(target), 0, done, done), damage


class _Window(io.RawIOBase):
    """A part of a file, read as if it were a file."""

    def __init__(self, place: Place) -> None:
        self._file = Path(place.path).open("rb")  # noqa: SIM115 (closed in close)
        self._file.seek(place.offset)
        self._left = place.packed

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._file.read(self._left if size is None or size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


def _stream(place: Place, window: _Window) -> io.BufferedIOBase:
    start = pread(place.path, place.offset, 6)
    file: BinaryIO = window  # type: ignore[assignment]  # the three only ever read it
    if start.startswith(GZIP):
        return gzip.GzipFile(fileobj=file, mode="rb")
    return bz2.BZ2File(file) if start.startswith(BZIP2) else lzma.LZMAFile(file)


def _members(file: BinaryIO, place: Place, damage: str) -> Iterator[Listed]:
    at, end = place.offset, place.offset + place.packed
    name, attributes = b"", dict[bytes, bytes]()
    while at + BLOCK <= end:
        file.seek(at)
        block = file.read(BLOCK)
        if not block.strip(b"\0"):
            return  # the archive's own end; what follows is no part of it
        info = _header(block)
        if info is None:
            yield Rejection("", Reason.CORRUPT, f"a header is damaged at byte {at - place.offset} of the tar")
            at, name, attributes = _next_header(file, at + BLOCK, end), b"", {}
            continue
        data = at + BLOCK
        size = info.size
        if info.kind in _NAMING:
            content = file.read(size) if size <= _LONGEST else b""
            if info.kind == tarfile.GNUTYPE_LONGNAME:
                name = content.split(b"\0")[0]
            else:
                attributes = _attributes(content)
        elif info.kind not in _ASIDE:
            size = _length(info, attributes)
            if info.kind == tarfile.GNUTYPE_SPARSE:
                data += _sparse_map(file, block)
            elif info.kind in _KINDS or info.kind == tarfile.DIRTYPE:
                size = 0  # links and devices may state one, and have no data
            if info.kind != tarfile.DIRTYPE:
                yield _file(info, name, attributes, Place(place.path, data, size, size), end)
            name, attributes = b"", {}
        at = data + -(-size // BLOCK) * BLOCK
    if damage:
        yield Rejection("", Reason.TRUNCATED, f"{damage}; the files after this point are missing")
    elif at < end and at != place.offset:
        yield Rejection("", Reason.TRUNCATED, "the tar ends within a header")


def _header(block: bytes) -> _Header | None:
    """Return what of a header matters here, None where its checksum is wrong.

    `tarfile.TarInfo.frombuf` gives the same and all the rest, in six times the time.
    """
    if len(block) < BLOCK:
        return None
    try:
        checksum, size = _number(block[148:156]), _number(block[124:136])
    except ValueError:
        return None
    counted = block[:148] + b" " * 8 + block[156:]  # the checksum's own field counts as spaces
    total = sum(counted)
    if checksum != total and checksum != total - 256 * sum(byte > 127 for byte in counted):
        return None  # the second form: some old writers took bytes for signed
    if size < 0:
        return None
    kind = block[156:157]
    name, prefix = _text(block[:100]), _text(block[345:500])
    if prefix and kind not in tarfile.GNU_TYPES:
        name = prefix + b"/" + name
    if kind == tarfile.AREGTYPE and name.endswith(b"/"):
        kind = tarfile.DIRTYPE  # before 1988
    return _Header(name, size, kind)


def _number(field: bytes) -> int:
    """Return a number of a header: octal digits, or big-endian where the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field[1:], "big")
        return value if field[0] == 0x80 else value - 256 ** (len(field) - 1)
    return int(_text(field).strip() or b"0", 8)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _next_header(file: BinaryIO, at: int, end: int) -> int:
    """Return where the next sound header lies, or ``end``; all headers since 1988 say "ustar"."""
    while at < end:
        file.seek(at)
        data = file.read(_CHUNK)
        mark = data.find(b"ustar")
        while mark >= 0:
            start = mark - 257
            if start >= 0 and start % BLOCK == 0 and is_header(data[start : start + BLOCK]):
                return at + start
            mark = data.find(b"ustar", mark + 1)
        if len(data) < _CHUNK:
            break
        at += _CHUNK  # whole blocks, so that no header lies across two chunks
    return end


def _file(
    info: _Header, long_name: bytes, attributes: Mapping[bytes, bytes], place: Place, end: int
) -> Listed:
    # UTF-8, as its specification says.
    extended = attributes.get(b"GNU.sparse.name") or attributes.get(b"path")
    name = names.decoded(extended or long_name or info.name, certain=extended is not None)
    if info.kind in _KINDS:
        return Rejection(name, Reason.NOT_A_FILE, _KINDS[info.kind])
    if info.kind == tarfile.GNUTYPE_SPARSE or any(key.startswith(b"GNU.sparse.") for key in attributes):
        return Rejection(name, Reason.UNSUPPORTED, "a sparse file; pack it again without --sparse")
    if place.offset + place.packed > end:
        return Rejection(
            name, Reason.TRUNCATED, f"{max(end - place.offset, 0)} of {place.bytes} bytes are there"
        )
    return Found(name, place)


def _attributes(content: bytes) -> dict[bytes, bytes]:
    """Return the records of an extended header (POSIX.1-2001, pax): ``length key=value`` and a line end, each."""
    found = {}
    at = 0
    while at < len(content):
        space = content.find(b" ", at, at + 9)
        length = content[at:space]
        if space < 0 or not length.isdigit() or int(length) <= space - at:
            break
        key, _, value = content[space + 1 : at + int(length)].partition(b"=")
        found[key] = value.removesuffix(b"\n")
        at += int(length)
    return found


def _length(info: _Header, attributes: Mapping[bytes, bytes]) -> int:
    stated = attributes.get(b"size", b"")
    return int(stated) if stated.isdigit() and len(stated) < 20 else info.size


def _sparse_map(file: BinaryIO, block: bytes) -> int:
    """Return the bytes of further blocks of an old GNU sparse file's map; ``file`` stands behind the header."""
    size, more = 0, block[482]
    while more and len(block := file.read(BLOCK)) == BLOCK:
        size, more = size + BLOCK, block[504]
    return size
