"""An image with its occlusion map as an overlay."""

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from darkroom.array_types import Pixels


def overlay(image: Pixels, heat: npt.NDArray[np.float32]) -> Pixels:
    """Return the image, grey, under its heat map: uint8, (height, width, 3)."""
    grey = image.mean(axis=2)[..., None]
    glow = mpl.colormaps["inferno"](heat)[..., :3] * 255
    weight = 0.25 + 0.5 * heat[..., None]
    return (grey * (1 - weight) + glow * weight).round().astype(np.uint8)
