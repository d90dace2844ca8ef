"""Decodes bytes to pixels; the only place that decides whether an image can be used.

JPEG, nearly all of what data sets hold, is decoded by OpenCV, Netpbm by :mod:`.netpbm`, every other format and CMYK by
Pillow; where OpenCV gives up on a JPEG, Pillow has the last word and supplies the reason. EXIF orientation is applied,
transparency laid on a background, 16 bits become 8, of an animation the first frame counts.
"""

import io
import re
from typing import Literal, NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image

from darkroom import how_to_install
from darkroom.array_types import Pixels
from darkroom.decode.pictures import bit_depth, decoder_stderr, formats, netpbm
from darkroom.decode.rejections import Reason, Rejected

Color = Literal["grayscale", "rgb"]

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_REDUCED = {
    ("grayscale", 1): cv2.IMREAD_GRAYSCALE,
    ("grayscale", 2): cv2.IMREAD_REDUCED_GRAYSCALE_2,
    ("grayscale", 4): cv2.IMREAD_REDUCED_GRAYSCALE_4,
    ("grayscale", 8): cv2.IMREAD_REDUCED_GRAYSCALE_8,
    ("rgb", 1): cv2.IMREAD_COLOR,
    ("rgb", 2): cv2.IMREAD_REDUCED_COLOR_2,
    ("rgb", 4): cv2.IMREAD_REDUCED_COLOR_4,
    ("rgb", 8): cv2.IMREAD_REDUCED_COLOR_8,
}


class Rendering(NamedTuple):
    """What becomes of transparent pixels and of samples of 16 bits.

    Attributes
    ----------
    background : (red, green, blue)
        What shows where a picture is transparent, each 0 to 255.
    bit_depth : int
        Bits of 16 that the samples use: 8, 10, 12, 14 or 16; the most they hold becomes 255.
    """

    background: tuple[int, int, int] = (255, 255, 255)
    bit_depth: int = 16


AS_IT_WAS = Rendering()
"""On white, and all of the 16 bits."""


class Limits(NamedTuple):
    """What a picture may measure: at most ``max_pixels`` in all, and no side shorter than ``min_side`` pixels."""

    max_pixels: int
    min_side: int

    def check(self, width: int, height: int) -> None:
        """Raise :class:`Rejected`, ``too large`` or ``too small``, for a picture beyond the limits."""
        if width * height > self.max_pixels:
            found = f"{width} x {height} = {width * height} pixels"
            raise Rejected(Reason.TOO_LARGE, f"{found}; decode.max_pixels is {self.max_pixels}")
        if min(width, height) < self.min_side:
            raise Rejected(Reason.TOO_SMALL, f"{width} x {height} pixels; decode.min_side is {self.min_side}")


class Picture(NamedTuple):
    """A decoded picture: ``pixels`` uint8, (height, width) or (height, width, 3) RGB; its size upright, in pixels.

    Where the decoder shrank it, ``pixels`` is smaller than ``width`` by ``height``. ``brightest`` is the largest sample
    of a picture of 16 bits, None for others; see :class:`.bit_depth.Samples`.
    """

    pixels: Pixels
    width: int
    height: int
    brightest: int | None = None


def decode(
    data: bytes,
    color: Color,
    limits: Limits,
    shrink_to: tuple[int, int] | None = None,
    rendering: Rendering = AS_IT_WAS,
) -> Picture:
    """Decode the bytes of one file.

    Parameters
    ----------
    data : bytes
        The whole file.
    color : "grayscale" or "rgb"
    limits : Limits
        Checked against the header, before anything is decoded.
    shrink_to : (height, width), optional
        A JPEG may be shrunk by 2, 4 or 8 while it decodes if each side stays at least :data:`SPARE` times as long as
        this.
    rendering : Rendering, optional

    Raises
    ------
    Rejected
        The file cannot be used: ``empty``, ``not an image``, ``unsupported format``, ``too large``, ``too small``,
        ``truncated`` or ``corrupt``.
    """
    kind = formats.sniff(data)
    with decoder_stderr.listening():
        if kind == "JPEG":
            return _decode_jpeg(data, color, limits, shrink_to)
        if kind == "PNG":
            formats.check_png(data)
        if kind == "NETPBM":
            header = netpbm.header(data)
            limits.check(header.width, header.height)
            found = bit_depth.of_netpbm(data, header, rendering.bit_depth)
            pixels = _to_array(_as_image(found), color, rendering.background)
            return Picture(pixels, header.width, header.height, found.brightest)
        return _decode_by_pillow(data, (kind,), color, limits, rendering)


SPARE = {8: 6.0, 4: 3.5, 2: 1.5}
"""By what the JPEG decoder may shrink, and how many times the target's side must then remain.

The decoder's low-pass filter is not the mean over an area; what follows hides the difference only if it still averages
several pixels, the more the farther the decoder went. Measured on photos of dogs, cats and flowers at sides of 16 to
180 pixels: 1.2 to 1.6 grey levels from full decoding on average at these limits, less above them.
"""


def _decode_jpeg(data: bytes, color: Color, limits: Limits, shrink_to: tuple[int, int] | None) -> Picture:
    header = formats.jpeg_header(data)
    if header is None:
        return _decode_by_pillow(data, ("JPEG", "MPO"), color, limits)
    limits.check(header.width, header.height)
    if header.components not in (1, 3):
        return _decode_by_pillow(data, ("JPEG", "MPO"), color, limits)
    # libjpeg reports only the first oddity of a picture: a harmless one in the header must not hide damage in the scan.
    encoded = np.frombuffer(formats.without_junk(data, header) if header.junk else data, np.uint8)
    flag = _REDUCED[color, _factor(header, shrink_to)]

    def attempt() -> Pixels | None:
        try:
            return cv2.imdecode(encoded, flag)  # type: ignore[return-value]
        except cv2.error as error:
            # No fault of the picture: Pillow might do with less, and give other bits.
            if error.code == cv2.Error.StsNoMem:
                raise MemoryError(error.err) from None
            return None

    pixels, complaint = decoder_stderr.decoded(attempt)
    if pixels is None:
        picture = _decode_by_pillow(data, ("JPEG", "MPO"), color, limits)
    else:
        if color == "rgb":
            cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)
        turned = (pixels.shape[1] > pixels.shape[0]) != (header.width > header.height)
        size = (header.height, header.width) if turned else (header.width, header.height)
        picture = Picture(pixels, *size)
    if complaint:
        raise Rejected(Reason.TRUNCATED if "remature end" in complaint else Reason.CORRUPT, complaint)
    return picture


def _factor(header: formats.JpegHeader, shrink_to: tuple[int, int] | None) -> int:
    """Return by how much the decoder may shrink: the largest of 8, 4, 2 that leaves enough pixels, or 1."""
    if shrink_to is None:
        return 1
    # Which way up the picture is stands in its EXIF data; asking the short side for the long one is right for both.
    spare = min(header.width, header.height) / max(shrink_to)
    return next((factor for factor, least in SPARE.items() if spare / factor >= least), 1)


def _decode_by_pillow(
    data: bytes, kinds: tuple[str, ...], color: Color, limits: Limits, rendering: Rendering = AS_IT_WAS
) -> Picture:
    # Pillow's own limit, raised or lowered to ours, guards frames that are larger than the header says.
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    if kinds == ("HEIF",):
        _register_heif()

    def attempt() -> Picture | Rejected:
        try:
            with Image.open(io.BytesIO(data), formats=kinds) as image:
                limits.check(*image.size)
                found = bit_depth.of_image(image, data, rendering.bit_depth)
                pixels = _to_array(image if found is None else _as_image(found), color, rendering.background)
                pixels = _upright(image, pixels)
                return Picture(pixels, pixels.shape[1], pixels.shape[0], found.brightest if found else None)
        except Rejected as rejection:
            return rejection
        except MemoryError:
            raise
        except Exception as error:
            # What a damaged file makes a decoder raise has no bounds: struct.error, KeyError, SyntaxError, and more.
            return _rejection(error)

    picture, _ = decoder_stderr.decoded(attempt)
    if isinstance(picture, Rejected):
        raise picture
    return picture


def _register_heif() -> None:
    try:
        import pillow_heif
    except ModuleNotFoundError:
        raise Rejected(
            Reason.UNSUPPORTED,
            f"HEIF; install pillow-heif ({how_to_install('heif')}), then `dvc repro --force decode`",
        ) from None
    pillow_heif.register_heif_opener()


def _rejection(error: Exception) -> Rejected:
    words = str(error).split("\n")[0]
    # An address differs from run to run.
    words = re.sub(r"<_io\.BytesIO object at 0x[0-9a-f]+>", "", words).strip()[:200]
    lower = words.lower()
    if "truncated" in lower or "too short" in lower or isinstance(error, EOFError):
        return Rejected(Reason.TRUNCATED, words)
    if "too large" in lower or isinstance(error, Image.DecompressionBombError):
        return Rejected(Reason.TOO_LARGE, words)
    if "not supported" in lower or "unsupported" in lower or isinstance(error, NotImplementedError):
        return Rejected(Reason.UNSUPPORTED, words)
    return Rejected(Reason.CORRUPT, words or type(error).__name__)


def _as_image(found: bit_depth.Samples) -> Image.Image:
    return Image.fromarray(found.pixels[..., 0] if found.pixels.shape[2] == 1 else found.pixels)


def _to_array(image: Image.Image, color: Color, background: tuple[int, int, int]) -> Pixels:
    """Return the pixels of an image of 8 bits: uint8, (height, width[, 3]), on ``background`` where transparent."""
    if image.mode in ("I", "F"):
        kind = "floating-point numbers" if image.mode == "F" else "signed or 32-bit numbers"
        raise Rejected(
            Reason.UNSUPPORTED, f"pixels are {kind} (mode {image.mode}); save unsigned, 8 or 16 bits"
        )
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, background), rgba)
    return np.array(image.convert("L" if color == "grayscale" else "RGB"))


def _upright(image: Image.Image, pixels: Pixels) -> Pixels:
    """Turn the pixels as the EXIF orientation asks; see CIPA DC-008 (Exif 2.32), tag 274."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        orientation = 1  # EXIF data that cannot be read says nothing; the picture itself is whole
    flips = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[:, ::-1],
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a.swapaxes(0, 1)[::-1],
    }
    return np.ascontiguousarray(flips[orientation](pixels)) if orientation in flips else pixels
