"""Occlusion sensitivity maps: how much the model's confidence drops when a part of the image is hidden.

Occlusion sensitivity (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014, 4.2) asks
nothing of the model but predictions, so that it works for every network on every backend.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from darkroom.array_types import Pixels
from darkroom.evaluate.classifier import Probabilities

Map = npt.NDArray[np.float32]

PATCHES = 12
"""Places of the patch along each side, at most: 144 predictions an image."""


def occlusion_map(predict: Callable[[Pixels], Probabilities], image: Pixels) -> Map:
    """Return how much hiding each place lowers the probability of the class predicted for the whole image.

    Parameters
    ----------
    predict : callable
        Gives the probabilities of uint8 images, (images, height, width, channels).
    image : uint8, (height, width, channels)
        The image to explain.

    Returns
    -------
    float32, (height, width)
        In [0, 1]: 1 where hiding costs most, 0 where it costs nothing or helps. All 0 if no place matters.
    """
    height, width, _ = image.shape
    tops, patch_height = _places(height)
    lefts, patch_width = _places(width)
    whole = predict(image[None])[0]
    predicted = int(whole.argmax())
    grey = image.mean(axis=(0, 1)).round().astype(np.uint8)
    hidden = np.repeat(image[None], len(tops) * len(lefts), axis=0)
    corners = [(top, left) for top in tops for left in lefts]
    for copy, (top, left) in zip(hidden, corners, strict=True):
        copy[top : top + patch_height, left : left + patch_width] = grey
    lost = whole[predicted] - predict(hidden)[:, predicted]
    # The patches overlap: each pixel gets the mean of those that hid it.
    total = np.zeros((height, width), np.float32)
    times = np.zeros_like(total)
    for drop, (top, left) in zip(lost, corners, strict=True):
        total[top : top + patch_height, left : left + patch_width] += max(float(drop), 0.0)
        times[top : top + patch_height, left : left + patch_width] += 1
    # Not OpenCV's blur, whose floating-point sums differ between CPUs of Intel and AMD.
    smooth = gaussian_filter(total / times, max(patch_height, patch_width) / 4, mode="mirror")
    return smooth / smooth.max() if smooth.max() > 0 else smooth


def _places(side: int) -> tuple[list[int], int]:
    """Return where patches start along a side, ends included, and how long they are: about a sixth of the side."""
    patch = max(1, round(side / 6))
    count = min(PATCHES, side - patch + 1)
    return [round(start) for start in np.linspace(0, side - patch, count)], patch
