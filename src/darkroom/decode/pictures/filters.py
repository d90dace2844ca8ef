"""The preprocessing steps that `image.steps` may name: pure functions from image to image, using OpenCV.

Each takes and returns uint8 pixels, (height, width) grayscale or (height, width, 3) RGB, and keeps the channels. Steps
about brightness work on the luma of a colour picture and leave its hues.
"""

from collections.abc import Callable, Iterable
from typing import Any

import cv2
import numpy as np

from darkroom.array_types import Pixels

TRIM_TOLERANCE = 12
"""Grey levels by which a margin may differ from the picture's first pixel and still be trimmed: the noise of JPEG."""


def equalize(pixels: Pixels) -> Pixels:
    """Spread the histogram evenly over all grey levels (``cv2.equalizeHist``)."""
    return _on_luma(pixels, cv2.equalizeHist)


def clahe(pixels: Pixels) -> Pixels:
    """Equalize the histogram tile by tile (8x8 tiles), the contrast limited to 2 (``cv2.createCLAHE``)."""
    return _on_luma(pixels, cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply)


def otsu(pixels: Pixels) -> Pixels:
    """Black and white, parted at the threshold of Otsu (1979)."""
    return _as_gray(pixels, lambda gray: cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1])


def blur(pixels: Pixels) -> Pixels:
    """Smooth with a Gaussian of 5x5 pixels, standard deviation 1.1."""
    return cv2.GaussianBlur(pixels, (5, 5), 1.1)  # type: ignore[return-value]


def median(pixels: Pixels) -> Pixels:
    """Replace each pixel by the median of its 5x5 surroundings: removes specks, keeps edges."""
    return cv2.medianBlur(pixels, 5)  # type: ignore[return-value]


def canny(pixels: Pixels) -> Pixels:
    """White edges on black, by Canny (1986) with thresholds 100 and 200."""
    return _as_gray(pixels, lambda gray: cv2.Canny(gray, 100, 200))


def invert(pixels: Pixels) -> Pixels:
    """Return the negative."""
    return cv2.bitwise_not(pixels)  # type: ignore[return-value]


def trim(pixels: Pixels) -> Pixels:
    """Cut off margins of the colour of the top left pixel; a picture of one colour stays as it is."""
    differs = np.abs(pixels.astype(np.int16) - pixels[0, 0]) > TRIM_TOLERANCE
    content = differs.reshape(*differs.shape[:2], -1).any(axis=2)
    rows, columns = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
    if not len(rows):
        return pixels
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


STEPS: dict[str, Callable[[Pixels], Pixels]] = {
    step.__name__: step for step in (equalize, clahe, otsu, blur, median, canny, invert, trim)
}
"""Every step by its name in params.yaml."""


def apply(pixels: Pixels, names: Iterable[str]) -> Pixels:
    """Apply the named steps in order."""
    for name in names:
        pixels = STEPS[name](pixels)
    return pixels


def _on_luma(pixels: Pixels, change: Callable[..., Any]) -> Pixels:
    if pixels.ndim == 2:
        return change(pixels)
    parts = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    parts[:, :, 0] = change(np.ascontiguousarray(parts[:, :, 0]))
    return cv2.cvtColor(parts, cv2.COLOR_YCrCb2RGB)  # type: ignore[return-value]


def _as_gray(pixels: Pixels, change: Callable[..., Any]) -> Pixels:
    if pixels.ndim == 2:
        return change(pixels)
    return cv2.cvtColor(change(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)), cv2.COLOR_GRAY2RGB)
