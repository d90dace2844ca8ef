"""Images embedded in the page within a size budget: PNG if they are small, WebP if they are many or large."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np

from darkroom.array_types import Pixels

LEVELS = ((256, 85), (192, 80), (160, 75), (128, 70), (96, 65), (64, 55), (48, 40))
"""Longest side in pixels, and WebP quality: each level is tried until all images fit the budget."""

SMALL = 64
"""Images of at most this side, in pixels, are kept exactly as they are, as PNG, where the budget allows it."""


def data_urls(images: Sequence[Pixels], budget: int, longest: int = LEVELS[0][0]) -> list[str]:
    """Return each image as a ``data:`` address, together at most ``budget`` characters.

    Parameters
    ----------
    images : sequence of uint8 arrays, (height, width, 1 or 3)
        RGB where there are three channels.
    budget : int
        Characters; the last level is taken even if it does not suffice.
    longest : int
        Pixels of the longer side, at most.
    """
    urls: list[str] = []
    if all(max(image.shape[:2]) <= SMALL for image in images):
        urls = [data_url(image, ".png") for image in images]
        if sum(map(len, urls)) <= budget:
            return urls
    for side, quality in LEVELS:
        if side > longest:
            continue
        options = [cv2.IMWRITE_WEBP_QUALITY, quality]
        urls = [data_url(_shrunk(image, side), ".webp", options) for image in images]
        if sum(map(len, urls)) <= budget:
            break
    return urls


def _shrunk(image: Pixels, side: int) -> Pixels:
    factor = side / max(image.shape[:2])
    if factor >= 1:
        return image
    height, width = (max(1, round(length * factor)) for length in image.shape[:2])
    shrunk = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8).reshape(height, width, image.shape[2])


def encoded(image: Pixels, suffix: str, options: Sequence[int] = ()) -> bytes:
    """Return an image, uint8 (height, width, 1 or 3), as the bytes of a file of the kind that ``suffix`` names."""
    stored = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.shape[2] == 3 else image
    done, data = cv2.imencode(suffix, stored, list(options))
    if not done:
        raise RuntimeError(f"OpenCV could not encode an image of shape {image.shape} as {suffix}")
    return data.tobytes()


def data_url(image: Pixels, suffix: str, options: Sequence[int] = ()) -> str:
    """Return an image as a ``data:`` address that holds all of it."""
    content = base64.b64encode(encoded(image, suffix, options)).decode("ascii")
    return f"data:image/{suffix.removeprefix('.')};base64,{content}"
