"""Lists the files of a zip from its central directory, without unpacking; damage loses only the files it hits.

`zipfile` would be a third less code, and loses all files to one damaged entry, or to one name that is not the UTF-8 it
claims to be.
"""

import binascii
import mmap
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from darkroom.decode.archives import names
from darkroom.decode.archives.extents import Found, Listed, Place
from darkroom.decode.rejections import Reason, Rejected, Rejection

# The format: APPNOTE.TXT of PKWARE, sections 4.3.12 (entry), 4.3.14 to 4.3.16 (the three records of the end).
_ENTRY = struct.Struct("<4s2B5H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_ENTRY_MARK, _END_MARK, _END64_MARK, _LOCATOR_MARK = (
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
)
_TAIL = 1 << 20  # bytes searched for the end record: 64 KiB of comment, and what was appended to the archive
_ENCRYPTED, _UTF8 = 0x1 | 0x40, 0x800  # flag bits


class _Directory(NamedTuple):
    start: int  # of the first entry, in the file
    end: int
    shift: int  # of every offset in the archive: what was put before it
    entries: int  # as declared


class _Entry(NamedTuple):
    system: int
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    attributes: int
    offset: int
    raw: bytes
    extra: bytes


def has_end(place: Place) -> bool:
    """Return whether the record that ends a zip stands near the end of ``place``."""
    try:
        with Path(place.path).open("rb") as file, _mapped(file.fileno()) as data:
            _directory(data, place)
    except Rejected:
        return False
    return True


def listed(place: Place) -> list[Listed]:
    """Return the files of the zip at ``place``, which lies bare; folders are none.

    Raises
    ------
    Rejected
        It has no readable central directory.
    """
    with Path(place.path).open("rb") as file, _mapped(file.fileno()) as data:
        directory = _directory(data, place)
        found: list[Listed] = []
        ends: list[int] = []  # of each file's data, at least; -1 where nothing is to be read
        for entry in _entries(data, directory):
            if isinstance(entry, Rejection):
                found.append(entry)
                ends.append(-1)
            elif not _is_folder(entry):
                found.append(_file(entry, place, directory.shift))
                ends.append(directory.shift + entry.offset + 30 + len(entry.raw) + entry.packed)
    return _without_overlaps(found, ends, directory.start)


def _mapped(handle: int) -> mmap.mmap:
    try:
        return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise Rejected(Reason.EMPTY) from None


def _directory(data: mmap.mmap, place: Place) -> _Directory:
    """Find the central directory: the last end record whose directory is there."""
    low = max(place.offset, place.offset + place.packed - _TAIL)
    high = place.offset + place.packed
    at = data.rfind(_END_MARK, low, high)
    while at >= 0:
        directory = _directory_before(data, place, at) if at + _END.size <= high else None
        if directory is not None:
            return directory
        at = data.rfind(_END_MARK, low, at + 3)
    raise Rejected(Reason.TRUNCATED, "a zip's table of contents stands at its end, and it is not there")


def _directory_before(data: mmap.mmap, place: Place, at: int) -> _Directory | None:
    _, disk, first_disk, here, entries, size, offset, _ = _END.unpack_from(data, at)
    end = at
    if 0xFFFF in (disk, entries) or 0xFFFFFFFF in (size, offset):
        far = _end64(data, place, at)
        if far is not None:
            end, disk, first_disk, here, entries, size, offset = far
    if disk or first_disk or here != entries:
        return None  # one of several volumes: the others hold what this one lists
    # Where something was put before the archive, the directory lies later than the record says.
    for start in (end - size, place.offset + offset):
        if place.offset <= start <= end and (not size or data[start : start + 4] == _ENTRY_MARK):
            return _Directory(start, min(start + size, end), start - offset, entries)
    return None


def _end64(data: mmap.mmap, place: Place, at: int) -> tuple[int, ...] | None:
    locator = at - _LOCATOR64.size
    if locator < place.offset or data[locator : locator + 4] != _LOCATOR_MARK:
        return None
    offset = _LOCATOR64.unpack_from(data, locator)[2]
    for end in (place.offset + offset, locator - _END64.size):
        if place.offset <= end <= locator - _END64.size and data[end : end + 4] == _END64_MARK:
            _, _, _, _, disk, first_disk, here, entries, size, start = _END64.unpack_from(data, end)
            return end, disk, first_disk, here, entries, size, start
    return None


def _entries(data: mmap.mmap, directory: _Directory) -> Iterator[_Entry | Rejection]:
    at, count = directory.start, 0
    while at + _ENTRY.size <= directory.end:
        if data[at : at + 4] != _ENTRY_MARK:
            following = data.find(_ENTRY_MARK, at, directory.end)
            yield Rejection("", Reason.CORRUPT, f"the table of contents is damaged at byte {at}")
            if following < 0:
                return
            at = following
        head = _ENTRY.unpack_from(data, at)
        name_at = at + _ENTRY.size
        extra_at = name_at + head[11]
        after = extra_at + head[12] + head[13]
        if after > directory.end:
            break
        yield _entry(head, data[name_at:extra_at], data[extra_at : extra_at + head[12]])
        count += 1
        at = after
    # Old writers count modulo 65,536; more entries than declared are files all the same.
    if count < directory.entries:
        yield Rejection("", Reason.CORRUPT, f"lists {count} of the {directory.entries} files it declares")


def _entry(head: tuple, name: bytes, extra: bytes) -> _Entry:
    _, _, system, _, flags, method, _, _, crc, packed, size, _, _, _, _, _, attributes, offset = head
    if 0xFFFFFFFF in (packed, size, offset):
        size, packed, offset = _long_numbers(extra, size, packed, offset)
    return _Entry(system, flags, method, crc, packed, size, attributes, offset, name, extra)


def _long_numbers(extra: bytes, *short: int) -> list[int]:
    """Return each of ``short``, or where it is all ones the number of 64 bits that stands for it (4.5.3)."""
    field = _extra_field(extra, 0x0001)
    long = list(short)
    for number, value in enumerate(short):
        if value == 0xFFFFFFFF and len(field) >= 8:
            long[number] = int.from_bytes(field[:8], "little")
            field = field[8:]
    return long


def _extra_field(extra: bytes, wanted: int) -> bytes:
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == wanted:
            return extra[4 : 4 + size]
        extra = extra[4 + size :]
    return b""


def _is_folder(entry: _Entry) -> bool:
    # The second byte of a character in Shift-JIS or Big5 may be that of a backslash: such a file has content.
    return (
        entry.raw.endswith(b"/")
        or (entry.raw.endswith(b"\\") and not entry.size)
        or stat.S_ISDIR(entry.attributes >> 16)
    )


def _file(entry: _Entry, place: Place, shift: int) -> Listed:
    name = _name(entry)
    mode = entry.attributes >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "a device, pipe or socket"
        return Rejection(name, Reason.NOT_A_FILE, kind)
    if entry.flags & _ENCRYPTED or entry.method == 99:
        return Rejection(name, Reason.ENCRYPTED, "needs a password; pack it again without one")
    start = shift + entry.offset
    if not place.offset <= start < place.offset + place.packed:
        return Rejection(name, Reason.CORRUPT, f"lies at byte {entry.offset}, outside the archive")
    return Found(name, Place(place.path, start, entry.packed, entry.size, entry.method, entry.crc))


def _name(entry: _Entry) -> str:
    field = _extra_field(entry.extra, 0x7075) if entry.extra else b""  # the name in UTF-8, of Info-ZIP
    if len(field) > 5 and field[0] == 1 and int.from_bytes(field[1:5], "little") == binascii.crc32(entry.raw):
        return names.decoded(field[5:], certain=True)
    # Many writers use UTF-8 and do not set the flag: whether the bytes are such tells more.
    name = names.decoded(entry.raw, certain=bool(entry.flags & _UTF8))
    # A backslash may be half of a character where the name is not UTF-8.
    return with_slashes(name) if entry.system == 0 and names.is_utf8(name) else name


def with_slashes(name: str) -> str:
    """Return the name of a file with ``/`` between its parts where a writer on Windows left backslashes there.

    .NET before 4.6.1 did; unzip has the same rule.
    """
    return name if "/" in name else name.replace("\\", "/")


def _without_overlaps(found: list[Listed], ends: list[int], directory: int) -> list[Listed]:
    """Reject every file whose data runs into the next one's: how a small zip unpacks to petabytes (Fifield 2019)."""
    if not any(isinstance(item, Found) for item in found):
        return found
    rows = np.array([row for row, item in enumerate(found) if isinstance(item, Found)], np.int64)
    starts = np.array([item.place.offset for item in found if isinstance(item, Found)], np.int64)
    order = np.argsort(starts, kind="stable")
    following = np.append(starts[order][1:], directory)
    for row, limit in zip(rows[order].tolist(), following.tolist(), strict=True):
        if ends[row] > limit:
            found[row] = Rejection(
                found[row].id, Reason.CORRUPT, "its data overlaps what follows it in the archive"
            )
    return found
