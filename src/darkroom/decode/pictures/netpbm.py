"""The Netpbm formats (PBM, PGM, PPM, PAM): almost raw pixels after a short text header.

Pillow and OpenCV each read a part of them, and differ in what becomes of more than 8 bits. The formats' own
descriptions: pbm(5), pgm(5), ppm(5) and pam(5) of Netpbm.
"""

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from darkroom.decode.rejections import Reason, Rejected

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"P([1-6])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})")
_DEEPEST = re.compile(_GAP + rb"(\d{1,9})")
_START = re.compile(rb"P[1-6]\s+[#\d]|P[1-6]#|P7\n")
_FIELD = re.compile(rb"[ \t]*(?:#.*|([A-Z]+)[ \t]+(.*?)[ \t\r]*|)\n")


class Header(NamedTuple):
    """``kind`` is the digit after the P; a sample counts up to ``most``; the pixels begin at byte ``start``."""

    kind: int
    width: int
    height: int
    channels: int
    most: int
    start: int


def begins(data: bytes) -> bool:
    """Return whether ``data`` begins as one of these formats does."""
    return _START.match(data) is not None


def header(data: bytes) -> Header:
    """Read the header.

    Raises
    ------
    Rejected
        It is ``truncated`` or ``corrupt``, or has channels that are no colours.
    """
    found = _pam(data) if data.startswith(b"P7") else _plain_or_raw(data)
    if not (found.width and found.height and 0 < found.most < 65536):
        size = f"{found.width} x {found.height} pixels of at most {found.most}"
        raise Rejected(Reason.CORRUPT, f"{size}; expected 1 to 65535")
    return found


def samples(data: bytes, found: Header) -> npt.NDArray[Any]:
    """Return the samples, (height, width, channels), each at most ``found.most``: uint16 where that is above 255.

    Raises
    ------
    Rejected
        They are ``truncated`` or ``corrupt``.
    """
    count = found.width * found.height * found.channels
    flat: npt.NDArray[Any]
    if found.kind in (1, 2, 3):
        flat = _written_out(data[found.start :], found, count)
    elif found.kind == 4:
        stride = -(-found.width // 8)
        rows = _raw(data, found.start, stride * found.height, "u1").reshape(found.height, stride)
        flat = np.unpackbits(rows, axis=1, count=found.width).ravel()
    else:
        flat = _raw(data, found.start, count, "u1" if found.most < 256 else ">u2")
    if found.kind in (1, 4):
        flat = 1 - flat  # in a bitmap, a one is black
    if flat.max() > found.most:
        raise Rejected(
            Reason.CORRUPT, f"a sample of {flat.max()}, where the header says at most {found.most}"
        )
    shape = (found.height, found.width, found.channels)
    return flat.astype(np.uint8 if found.most < 256 else np.uint16).reshape(shape)


def _plain_or_raw(data: bytes) -> Header:
    size = _HEADER.match(data)
    if size is None:
        raise _broken(data)
    kind, width, height = (int(group) for group in size.groups())
    most, end = 1, size.end()
    if kind not in (1, 4):
        depth = _DEEPEST.match(data, end)
        if depth is None:
            raise _broken(data[end:])
        most, end = int(depth[1]), depth.end()
    return Header(kind, width, height, 3 if kind in (3, 6) else 1, most, end + 1)


def _broken(rest: bytes) -> Rejected:
    if len(rest) < 16:
        return Rejected(Reason.TRUNCATED, "ends within its header")
    return Rejected(Reason.CORRUPT, "width, height or the largest sample is no number")


def _pam(data: bytes) -> Header:
    fields: dict[bytes, bytes] = {}
    at = 3
    while not data.startswith(b"ENDHDR", at):
        line = _FIELD.match(data, at)
        if line is None:
            raise _broken(data[at:])
        if line[1]:
            fields[line[1]] = line[2]
        at = line.end()
    numbers = [fields.get(name, b"") for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")]
    if not all(re.fullmatch(rb"\d{1,9}", number) for number in numbers):
        raise Rejected(Reason.CORRUPT, "WIDTH, HEIGHT, DEPTH or MAXVAL is no number")
    width, height, channels, most = (int(number) for number in numbers)
    kind = fields.get(b"TUPLTYPE", b"").decode("latin-1")
    if not 1 <= channels <= 4 or kind.startswith("CMYK"):
        raise Rejected(Reason.UNSUPPORTED, f"PAM with {channels} channels {kind}")
    return Header(7, width, height, channels, most, at + len(b"ENDHDR\n"))


def _raw(data: bytes, start: int, count: int, dtype: str) -> npt.NDArray[Any]:
    there = max(len(data) - start, 0) // np.dtype(dtype).itemsize
    if there < count:
        raise Rejected(Reason.TRUNCATED, f"{there} of {count} samples are there")
    return np.frombuffer(data, dtype, count, start)


def _written_out(text: bytes, found: Header, count: int) -> npt.NDArray[Any]:
    text = re.sub(rb"#[^\r\n]*", b" ", text)
    if wrong := re.search(rb"[^\d\s]", text):
        raise Rejected(Reason.CORRUPT, f"{wrong[0]!r} where a number is expected")
    flat: npt.NDArray[Any]
    if found.kind == 1:
        # Digits need no space between them here.
        flat = np.frombuffer(text, np.uint8)
        flat = flat[flat > ord(" ")][:count] - ord("0")
    else:
        # Without a count: asked for more numbers than there are, NumPy makes some up.
        flat = np.fromstring(text, np.int64, sep=" ")[:count] if text.strip() else np.empty(0, np.int64)
    if len(flat) < count:
        raise Rejected(Reason.TRUNCATED, f"{len(flat)} of {count} samples are there")
    return flat
