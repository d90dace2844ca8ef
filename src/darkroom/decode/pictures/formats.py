"""Detects a file's real image format from its first bytes and, for some formats, reads its header."""

import struct
import zlib
from typing import NamedTuple

from darkroom.decode.pictures import netpbm
from darkroom.decode.rejections import Reason, Rejected

SUPPORTED = (
    *("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000", "TGA", "PCX"),
    "NETPBM",
)
"""Formats that are decoded, whatever the file's name says; MPO is JPEG with further pictures behind the first.

HEIF is so where the package pillow-heif is installed.
"""

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
    if data[4:8] == b"ftyp" and (kind := _by_brand(data)):
        return kind
    if data.startswith((b"\x00\x00\x00\x0cjP  ", _CODESTREAM)):
        return "JPEG2000"
    if netpbm.begins(data):
        return "NETPBM"
    for name, signature in _UNSUPPORTED:
        if data.startswith(signature):
            raise Rejected(Reason.UNSUPPORTED, name)
    if _is_pcx(data):
        return "PCX"
    if _is_tga(data):
        return "TGA"
    raise Rejected(Reason.NOT_AN_IMAGE, f"begins with {data[:16]!r}")


_CODESTREAM = b"\xff\x4f\xff\x51"  # of JPEG 2000: its first two markers
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))


def _by_brand(data: bytes) -> str:
    """Return what the ftyp box of an ISO media file names: AVIF, HEIF or ""."""
    box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    brands = [box[:4], *(box[at : at + 4] for at in range(8, len(box) - 3, 4))]
    if brands[0] in (b"mif1", b"msf1"):  # the structure alone; which coding is inside, the others tell
        return "AVIF" if b"avif" in brands or b"avis" in brands else "HEIF"
    if brands[0] in (b"avif", b"avis"):
        return "AVIF"
    return "HEIF" if brands[0] in _HEIF_BRANDS else ""


def _is_pcx(data: bytes) -> bool:
    if len(data) < 128 or data[0] != 10 or data[1] not in (0, 2, 3, 4, 5) or data[2] != 1:
        return False
    left, top, right, bottom = struct.unpack_from("<4H", data, 4)
    return data[3] in (1, 2, 4, 8) and data[65] in (1, 3, 4) and left <= right and top <= bottom


def _is_tga(data: bytes) -> bool:
    """Return whether the header is one of a Truevision TGA, which has no signature: every field must make sense."""
    if len(data) < 18:
        return False
    _, mapped, kind, first, entries, entry_bits, _, _, width, height, bits, flags = struct.unpack_from(
        "<3B2HB4H2B", data
    )
    if kind not in (1, 2, 3, 9, 10, 11) or flags & 0xC0 or not width or not height:
        return False
    if kind in (1, 9):
        return mapped == 1 and bits == 8 and entry_bits in (15, 16, 24, 32) and 0 < first + entries <= 256
    return mapped == first == entries == 0 and bits in ((8, 16) if kind in (3, 11) else (15, 16, 24, 32))


_UNSUPPORTED = (
    ("JPEG XL", b"\xff\x0a"),
    ("JPEG XL", b"\x00\x00\x00\x0cJXL "),
    ("Photoshop", b"8BPS"),
    ("icon", b"\x00\x00\x01\x00"),
    ("PDF", b"%PDF-"),
    ("PostScript", b"%!PS"),
    ("OpenEXR", b"\x76\x2f\x31\x01"),
    ("DICOM", b"\0" * 128 + b"DICM"),
)


def jpeg2000_bits(data: bytes) -> int:
    """Return the bits of the first component's samples, as the codestream states them; 8 where it does not."""
    at = data.find(_CODESTREAM)
    return (data[at + 42] & 0x7F) + 1 if 0 <= at < len(data) - 42 else 8


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
