"""What a file says it is in its first bytes: its real format and, for JPEG and PNG, the facts of its header."""

import struct
import zlib
from typing import NamedTuple

from darkroom.decode.rejections import Reason, Rejected

SUPPORTED = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
"""Formats that are decoded, whatever the file's name says; MPO is JPEG with further pictures behind the first."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def sniff(data: bytes) -> str:
    """Return the format of ``data``, one of :data:`SUPPORTED`, from its signature.

    Raises
    ------
    Rejected
        ``empty``, ``not an image``, or ``unsupported format`` for pictures of another known kind.
    """
    if not data:
        raise Rejected(Reason.EMPTY, "0 bytes")
    if data.startswith(b"\xff\xd8"):
        return "JPEG"
    if data.startswith(_PNG_SIGNATURE):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    # "BM" alone begins many a text; the size of the second header, 12 to 124 bytes, makes sure.
    if data.startswith(b"BM") and len(data) >= 18 and 12 <= int.from_bytes(data[14:18], "little") <= 124:
        return "BMP"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if data[4:8] == b"ftyp":
        if data[8:12] in (b"avif", b"avis"):
            return "AVIF"
        if data[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
            raise Rejected(Reason.UNSUPPORTED, "HEIF")
    for name, signature in _UNSUPPORTED:
        if data.startswith(signature):
            raise Rejected(Reason.UNSUPPORTED, name)
    raise Rejected(Reason.NOT_AN_IMAGE, f"begins with {data[:16]!r}")


_UNSUPPORTED = (
    ("JPEG 2000", b"\x00\x00\x00\x0cjP  "),
    ("JPEG 2000", b"\xff\x4f\xff\x51"),
    ("JPEG XL", b"\xff\x0a"),
    ("JPEG XL", b"\x00\x00\x00\x0cJXL "),
    ("Photoshop", b"8BPS"),
    ("icon", b"\x00\x00\x01\x00"),
    ("PDF", b"%PDF-"),
    ("PostScript", b"%!PS"),
    ("OpenEXR", b"\x76\x2f\x31\x01"),
    ("DICOM", b"\0" * 128 + b"DICM"),
)


class JpegHeader(NamedTuple):
    """The facts of a JPEG's header.

    ``width`` and ``height`` are in pixels and before any EXIF rotation; ``components`` is 1 for grayscale, 3 for
    colour, 4 for CMYK. ``junk`` holds the (start, end) offsets of bytes between the header's segments that belong to
    none of them.
    """

    width: int
    height: int
    components: int
    junk: tuple[tuple[int, int], ...]


_NO_LENGTH = frozenset([0x01, *range(0xD0, 0xD9)])
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def jpeg_header(data: bytes) -> JpegHeader | None:
    """Read the header of a JPEG up to its first scan; None where there is no frame before the first scan."""
    frame, junk, at = None, [], 2
    while True:
        start = data.find(b"\xff", at)
        if start < 0:
            return None
        if start > at:
            junk.append((at, start))
        marker_at = start + 1
        while data[marker_at : marker_at + 1] == b"\xff":
            marker_at += 1
        if marker_at + 3 > len(data):
            return None
        marker, at = data[marker_at], marker_at + 1
        if marker in _NO_LENGTH:
            continue
        if marker == 0:  # FF 00 is no marker: more of what does not belong here
            junk.append((start, at))
            continue
        if marker in (0xDA, 0xD9):
            return JpegHeader(*frame, tuple(junk)) if frame else None
        length = int.from_bytes(data[at : at + 2], "big")
        if marker in _FRAMES and frame is None and at + 8 <= len(data):
            height, width, components = struct.unpack(">HHB", data[at + 3 : at + 8])
            frame = (width, height, components)
        at += max(length, 2)


def without_junk(data: bytes, header: JpegHeader) -> bytes:
    """Return the JPEG without the stray bytes of its header."""
    parts, at = [], 0
    for start, end in header.junk:
        parts.append(data[at:start])
        at = end
    return b"".join([*parts, data[at:]])


def check_png(data: bytes) -> None:
    """Check that every critical chunk of a PNG is whole and that the last one is there.

    Decoders differ in what they check; the checksums that the format brings settle it. Chunks that only annotate (their
    name begins with a small letter) may be damaged, as the format's specification allows.

    Raises
    ------
    Rejected
        ``truncated`` or ``corrupt``, with the chunk's name.
    """
    at, first = len(_PNG_SIGNATURE), True
    view = memoryview(data)
    while True:
        if at + 8 > len(data):
            raise Rejected(Reason.TRUNCATED, "ends before the IEND chunk")
        length, kind = struct.unpack(">I4s", view[at : at + 8])
        name = kind.decode("latin-1")
        if first and kind != b"IHDR":
            raise Rejected(Reason.CORRUPT, f"the first chunk is {name!r}, expected IHDR")
        first = False
        if kind == b"IEND":
            return
        end = at + 12 + length
        if end > len(data):
            raise Rejected(Reason.TRUNCATED, f"ends inside the {name!r} chunk")
        if kind[0] & 0x20 == 0 and zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(
            view[end - 4 : end], "big"
        ):
            raise Rejected(Reason.CORRUPT, f"wrong checksum of the {name!r} chunk")
        at = end
