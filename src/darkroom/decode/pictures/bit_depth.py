"""Conversion of 16-bit samples to 8 bits; which bits carry data is decided per data set, not per file.

Cameras, microscopes and scanners count in 10, 12 or 14 bits and store that in 16: 4095 is white, and nothing in the
file says so.
"""

import io
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from darkroom.decode.pictures import formats, netpbm

DEPTHS = (8, 10, 12, 14, 16)
"""Bits that samples stored in 16 may have, from darkest to white."""


class Samples(NamedTuple):
    """The pixels of a picture before colours are converted.

    Attributes
    ----------
    pixels : uint8, (height, width, channels)
        1 channel: gray; 2: gray, opacity; 3: RGB; 4: RGB, opacity.
    brightest : int or None
        The largest sample of 16 bits that is no opacity; None where the file has other samples, or says itself how
        many bits are used.
    """

    pixels: npt.NDArray[np.uint8]
    brightest: int | None = None


def _narrowed(wide: npt.NDArray[np.uint16], depth: int) -> Samples:
    """Return samples of 16 bits as 8, of which 255 is what ``depth`` bits hold at most; brighter ones are clipped.

    Parameters
    ----------
    wide : uint16, (height, width, channels)
    depth : int
        One of :data:`DEPTHS`; opacity, the last of 2 or 4 channels, always has 16.
    """
    colors = wide.shape[2] - (wide.shape[2] in (2, 4))
    pixels = (wide >> 8).astype(np.uint8)
    if depth < 16:
        pixels[..., :colors] = np.minimum(wide[..., :colors] >> (depth - 8), 255)
    return Samples(pixels, int(wide[..., :colors].max()))


def depth_of(brightest: Iterable[int | None]) -> int:
    """Return the fewest of :data:`DEPTHS` that hold every sample of a data set; 16 where it has none of 16 bits."""
    most = max((value for value in brightest if value is not None), default=65535)
    return next(depth for depth in DEPTHS if most < 1 << depth)


def of_netpbm(data: bytes, header: netpbm.Header, depth: int) -> Samples:
    """Return the samples of a Netpbm file, which are scaled by the largest one that its header allows.

    Where that is 65535 it says no more than that there are 16 bits, and ``depth`` counts.
    """
    found = netpbm.samples(data, header)
    if header.most == 65535:
        return _narrowed(found.astype(np.uint16), depth)
    return Samples(((found.astype(np.uint32) * 255 + header.most // 2) // header.most).astype(np.uint8))


def of_image(image: Image.Image, data: bytes, depth: int) -> Samples | None:
    """Load the image that Pillow opened from ``data``; return its samples if it has more than 8 bits, else None.

    Numbers that are signed, of 32 bits or floating-point are left to the caller, too.
    """
    layout = _layout(image)
    image.load()
    clear = image.info.get("transparency")
    if layout:
        wide = _whole(image, data, layout)
    elif image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint16)[..., None]
    else:
        return None
    if clear is not None and wide.shape[2] in (1, 3):
        opaque = (wide != np.array(clear, np.uint16)).any(axis=2, keepdims=True)
        # What is not seen is not bright.
        wide = np.dstack([np.where(opaque, wide, 0), np.where(opaque, 0xFFFF, 0)]).astype(np.uint16)
    stated = _stated_depth(image, data)
    return _narrowed(wide, depth) if stated is None else Samples(_narrowed(wide, stated).pixels)


def _layout(image: Image.Image) -> str:
    """Return how a file lays out samples of 16 bits of which Pillow keeps the upper half alone, "" for others.

    Pillow calls that a raw mode: ``RGB;16B`` where the upper half comes first, L where last, N as the machine has it.
    """
    tiles = getattr(image, "tile", [])
    found = {str(tile.args[0] if isinstance(tile.args, tuple) else tile.args) for tile in tiles if tile.args}
    layout = found.pop() if len(found) == 1 else ""
    return layout if re.fullmatch(r"RGBX?;16[BLN]|RGBA;16[BLN]|LA;16B", layout) else ""


def _whole(image: Image.Image, data: bytes, layout: str) -> npt.NDArray[np.uint16]:
    """Return samples of 16 bits whole: Pillow hands out the lower halves where it is told the other byte order."""
    if layout == "LA;16B":
        four = _loaded_as(image, data, "RGBA").astype(np.uint16)
        return (four[..., 0::2] << 8 | four[..., 1::2]).astype(np.uint16)
    little = layout.endswith("L") or (layout.endswith("N") and sys.byteorder == "little")
    low = _loaded_as(image, data, layout[:-1] + ("B" if little else "L"))
    return (np.asarray(image).astype(np.uint16) << 8 | low).astype(np.uint16)


def _loaded_as(image: Image.Image, data: bytes, layout: str) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=(image.format or "",)) as again:
        again.tile = [
            tile._replace(args=(layout, *tile.args[1:]) if isinstance(tile.args, tuple) else layout)
            for tile in again.tile
        ]
        return np.asarray(again)


def _stated_depth(image: Image.Image, data: bytes) -> int | None:
    """Return the bits that a file says its gray samples have, as Pillow hands them out; None where it says 16."""
    if image.format == "JPEG2000" and formats.jpeg2000_bits(data) < 16:
        return 16  # Pillow has scaled them
    bits = getattr(image, "tag_v2", {}).get(258)  # BitsPerSample of TIFF
    return 12 if bits == (12,) else None


def told(wide: Sequence[tuple[int | None, int]], depth: int, asked: int | Literal["auto"]) -> str:
    """Return what to print about the pictures of 16 bits, given as (brightest sample, pictures) a shard."""
    brightest = max(value for value, _ in wide if value is not None)
    found = f"decode: {sum(count for _, count in wide)} pictures have 16 bits; the brightest sample is {brightest}"
    if asked == "auto":
        return f"{found}: {depth} bits hold all, {(1 << depth) - 1} is white (image.bit_depth)"
    clipped = ", and what is brighter is clipped" if brightest >= 1 << depth else ""
    return f"{found}; image.bit_depth is {depth}: {(1 << depth) - 1} is white{clipped}"
