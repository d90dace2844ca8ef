"""The preprocessing steps that `image.steps` may name: pure functions from image to image, using OpenCV.

Each takes and returns uint8 pixels, (height, width) grayscale or (height, width, 3) RGB, and keeps the channels. Steps
about brightness work on the luma of a colour picture and leave its hues.
"""

from collections.abc import Callable, Iterable
from typing import Any

import cv2
import numpy as np

from darkroom.array_types import Pixels
from darkroom.params import steps


def equalize(pixels: Pixels) -> Pixels:
    """Spread the histogram evenly over all grey levels (``cv2.equalizeHist``)."""
    return _on_luma(pixels, cv2.equalizeHist)


def clahe(pixels: Pixels, clip: float = 2.0, tiles: int = 8) -> Pixels:
    """Equalize the histogram in each of tiles x tiles parts, the contrast limited to ``clip`` (``cv2.createCLAHE``)."""
    return _on_luma(pixels, cv2.createCLAHE(clipLimit=clip, tileGridSize=(tiles, tiles)).apply)


def threshold(pixels: Pixels, level: int = 127) -> Pixels:
    """White where the picture is brighter than ``level``, black elsewhere."""
    return _as_gray(pixels, lambda gray: cv2.threshold(gray, level, 255, cv2.THRESH_BINARY)[1])


def adaptive_threshold(pixels: Pixels, window: int = 11, offset: float = 2.0) -> Pixels:
    """White where a pixel is brighter than the mean of the window around it less ``offset``, black elsewhere."""
    binary = cv2.THRESH_BINARY
    return _as_gray(
        pixels,
        lambda gray: cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_MEAN_C, binary, window, offset),
    )


def otsu(pixels: Pixels) -> Pixels:
    """Black and white, parted at the threshold of Otsu (1979)."""
    return _as_gray(pixels, lambda gray: cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1])


def blur(pixels: Pixels, kernel: int = 5) -> Pixels:
    """Smooth with a Gaussian of kernel x kernel pixels, whose standard deviation is OpenCV's for it: 1.1 of 5x5."""
    deviation = 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8
    return cv2.GaussianBlur(pixels, (kernel, kernel), deviation)  # type: ignore[return-value]


def median(pixels: Pixels, kernel: int = 5) -> Pixels:
    """Replace each pixel by the median of its kernel x kernel surroundings: removes specks, keeps edges."""
    return cv2.medianBlur(pixels, kernel)  # type: ignore[return-value]


def sharpen(pixels: Pixels, amount: float = 1.0) -> Pixels:
    """Add ``amount`` times what :func:`blur` takes away: an unsharp mask."""
    detail = pixels.astype(np.float64) - blur(pixels)
    return np.clip(np.rint(pixels + amount * detail), 0, 255).astype(np.uint8)


def erode(pixels: Pixels, kernel: int = 3) -> Pixels:
    """Replace each pixel by the darkest of its kernel x kernel surroundings: bright shapes shrink."""
    return cv2.erode(pixels, _square(kernel))  # type: ignore[return-value]


def dilate(pixels: Pixels, kernel: int = 3) -> Pixels:
    """Replace each pixel by the brightest of its kernel x kernel surroundings: bright shapes grow."""
    return cv2.dilate(pixels, _square(kernel))  # type: ignore[return-value]


def open(pixels: Pixels, kernel: int = 3) -> Pixels:
    """Erode, then dilate: bright specks smaller than the kernel go."""
    return cv2.morphologyEx(pixels, cv2.MORPH_OPEN, _square(kernel))  # type: ignore[return-value]


def close(pixels: Pixels, kernel: int = 3) -> Pixels:
    """Dilate, then erode: dark holes smaller than the kernel are filled."""
    return cv2.morphologyEx(pixels, cv2.MORPH_CLOSE, _square(kernel))  # type: ignore[return-value]


def gradient(pixels: Pixels) -> Pixels:
    """How much the brightness changes: the length of Sobel's 3x3 gradient, 255 at an edge from black to white."""

    def steepness(gray: Pixels) -> Pixels:
        across, down = (cv2.Sobel(gray, cv2.CV_16S, *axis).astype(np.float64) for axis in ((1, 0), (0, 1)))
        return np.minimum(np.rint(np.sqrt(across**2 + down**2) / 4), 255).astype(np.uint8)

    return _as_gray(pixels, steepness)


def canny(pixels: Pixels, low: int = 100, high: int = 200) -> Pixels:
    """White edges on black, by Canny (1986) with these thresholds."""
    return _as_gray(pixels, lambda gray: cv2.Canny(gray, low, high))


def hsv(pixels: Pixels) -> Pixels:
    """Return hue, saturation and value in the place of red, green and blue, each 0 to 255."""
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV_FULL)  # type: ignore[return-value]


def lab(pixels: Pixels) -> Pixels:
    """Return CIE L*a*b* in the place of red, green and blue, each scaled to 0 to 255."""
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)  # type: ignore[return-value]


def invert(pixels: Pixels) -> Pixels:
    """Return the negative."""
    return cv2.bitwise_not(pixels)  # type: ignore[return-value]


def trim(pixels: Pixels, tolerance: int = 12) -> Pixels:
    """Cut off margins of the colour of the top left pixel; a picture of one colour stays as it is.

    A margin may differ by ``tolerance`` grey levels: the noise of JPEG.
    """
    differs = np.abs(pixels.astype(np.int16) - pixels[0, 0]) > tolerance
    content = differs.reshape(*differs.shape[:2], -1).any(axis=2)
    rows, columns = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
    if not len(rows):
        return pixels
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def grabcut(pixels: Pixels, inset: float = 0.05, iterations: int = 5) -> Pixels:
    """Make black what is background by GrabCut (Rother, Kolmogorov and Blake, 2004, ``cv2.grabCut``).

    All beyond a rectangle is background, which lies ``inset`` of the shorter side within the edges, 1 pixel at least;
    of what is in it, colours decide. A picture that leaves too few pixels on either side stays as it is.
    """
    height, width = pixels.shape[:2]
    spare = max(1, round(inset * min(height, width)))
    within = width - 2 * spare, height - 2 * spare
    enough = min(within) > 0 and min(within[0] * within[1], height * width - within[0] * within[1]) >= _FEWEST
    if not enough:
        return pixels
    mask = np.zeros((height, width), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    colours = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB) if pixels.ndim == 2 else pixels
    # Its mixtures of colours begin with means drawn at random, by a generator that each thread has of its own.
    cv2.setRNGSeed(0)
    cv2.grabCut(colours, mask, (spare, spare, *within), *models, iterations, cv2.GC_INIT_WITH_RECT)
    # GC_FGD and GC_PR_FGD are odd, GC_BGD and GC_PR_BGD even.
    return cv2.bitwise_and(pixels, pixels, mask=mask % 2)  # type: ignore[return-value]


def apply(pixels: Pixels, given: Iterable[steps.Step]) -> Pixels:
    """Apply steps of `image.steps` in order."""
    for name, numbers in map(steps.numbers, given):
        pixels = _FUNCTIONS[name](pixels, **numbers)
    return pixels


_FEWEST = 5
"""Pixels that GrabCut needs of either kind: as many as its mixtures have parts."""

_FUNCTIONS: dict[str, Callable[..., Pixels]] = {
    function.__name__: function
    for function in (
        *(equalize, clahe, threshold, otsu, adaptive_threshold),
        *(blur, median, sharpen, erode, dilate, open, close),
        *(gradient, canny, hsv, lab, invert, trim, grabcut),
    )
}


def _square(kernel: int) -> Pixels:
    return np.ones((kernel, kernel), np.uint8)


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
