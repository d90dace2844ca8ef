"""Resizing of an image to the network's input size: squash, fit or crop."""

import cv2
import numpy as np

from darkroom.array_types import Pixels

_FIXED = {
    "area": cv2.INTER_AREA,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "nearest": cv2.INTER_NEAREST_EXACT,  # the pixels of Pillow and of Keras's generators; INTER_NEAREST takes others
}

_FAR = 3
"""How many times longer than the target both sides must be for a picture to be halved first.

The detour takes 131 µs instead of 326 µs for a photo of 500x375 to 80x80; docs/decoding.md says how far it ends from
the mean over the area itself.
"""


def resize(pixels: Pixels, size: tuple[int, int], how: str, interpolation: str) -> Pixels:
    """Bring ``pixels``, uint8 (h, w) or (h, w, 3), to ``size`` (height, width).

    Parameters
    ----------
    how : "squash", "fit" or "crop"
        squash: to ``size`` whatever the shape. fit: the whole picture, centred on black. crop: the short side to
        ``size``, then the centre.
    interpolation : "auto", "area", "linear", "cubic" or "nearest"
        auto: the mean over the area where a side shrinks, by way of halves where both shrink far, linear where it
        grows.
    """
    if how == "fit":
        return _fit(pixels, size, interpolation)
    if how == "crop":
        return _crop(pixels, size, interpolation)
    return squash(pixels, size, interpolation)


def squash(pixels: Pixels, size: tuple[int, int], interpolation: str = "auto") -> Pixels:
    """Scale each side by itself to ``size`` (height, width)."""
    height, width = pixels.shape[:2]
    if (height, width) == size:
        return pixels
    if interpolation != "auto":
        return _scale(pixels, size, _FIXED[interpolation])
    while pixels.shape[0] >= _FAR * size[0] and pixels.shape[1] >= _FAR * size[1]:
        # At half the size linear interpolation is the mean of 2 x 2 pixels, at a sixth of the time of the area's.
        pixels = _scale(pixels, (pixels.shape[0] // 2, pixels.shape[1] // 2), cv2.INTER_LINEAR)
        height, width = pixels.shape[:2]
    shrunk = (min(height, size[0]), min(width, size[1]))
    if shrunk != (height, width):
        pixels = _scale(pixels, shrunk, cv2.INTER_AREA)
    return pixels if shrunk == size else _scale(pixels, size, cv2.INTER_LINEAR)


def _scale(pixels: Pixels, size: tuple[int, int], interpolation: int) -> Pixels:
    return cv2.resize(pixels, size[::-1], interpolation=interpolation)  # type: ignore[return-value]


def _fit(pixels: Pixels, size: tuple[int, int], interpolation: str) -> Pixels:
    scale = min(size[0] / pixels.shape[0], size[1] / pixels.shape[1])
    height, width = (max(1, min(size[axis], round(pixels.shape[axis] * scale))) for axis in (0, 1))
    framed = np.zeros((*size, *pixels.shape[2:]), np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    framed[top : top + height, left : left + width] = squash(pixels, (height, width), interpolation)
    return framed


def _crop(pixels: Pixels, size: tuple[int, int], interpolation: str) -> Pixels:
    # A picture of 1 x 100,000 pixels would be blown up to gigabytes: what lies far outside the crop goes first, as
    # much on either side, so that the centre stays where it was.
    scale = max(size[0] / pixels.shape[0], size[1] / pixels.shape[1])
    for axis in (0, 1):
        spare = (pixels.shape[axis] - int(4 * size[axis] / scale) - 8) // 2
        if spare > 0:
            pixels = pixels[spare:-spare] if axis == 0 else pixels[:, spare:-spare]
    height, width = (max(size[axis], round(pixels.shape[axis] * scale)) for axis in (0, 1))
    scaled = squash(pixels, (height, width), interpolation)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return scaled[top : top + size[0], left : left + size[1]]
