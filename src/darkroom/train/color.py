"""Color augmentation: brightness, contrast, channel shift, saturation and hue in one step; random erasing."""

from dataclasses import dataclass

import cv2
import numpy as np

from darkroom.array_types import Doubles, Pixels
from darkroom.params import AugmentParams
from darkroom.train import random_numbers

GREY = 128
"""What an erased square shows."""

# Luma, and the parts of a hue rotation that keep it: W3C, "Filter Effects Module Level 1", feColorMatrix.
_LUMA = np.array([[0.213, 0.715, 0.072]] * 3)
_HUE_SINE = np.array([[-0.213, -0.715, 0.928], [0.143, 0.140, -0.283], [-0.787, 0.715, 0.072]])


@dataclass(frozen=True)
class Tint:
    """How each of n images is recoloured: hue and saturation, contrast about the mean, what is added.

    Attributes
    ----------
    hue : float64, (n,)
        Radians, a rotation that keeps luma.
    saturation, contrast : float64, (n,)
        Factors of the distance from grey, and from the channel's mean over the image.
    added : float64, (n, channels)
        Grey levels.
    """

    hue: Doubles
    saturation: Doubles
    contrast: Doubles
    added: Doubles

    def matrices(self, means: Doubles) -> Doubles:
        """Return the (n, channels, channels + 1) affine maps of pixels, given channel means (n, channels).

        All five changes are affine, so one rounding and one clipping to 0 … 255 do for all of them.
        """
        channels = means.shape[1]
        colour = self._colour() if channels == 3 else np.ones((len(means), 1, 1))
        mean = np.einsum("nij,nj->ni", colour, means)
        added = (1 - self.contrast)[:, None] * mean + self.added
        return np.concatenate([self.contrast[:, None, None] * colour, added[:, :, None]], axis=-1)

    def _colour(self) -> Doubles:
        cosine, sine = np.cos(self.hue)[:, None, None], np.sin(self.hue)[:, None, None]
        saturation = self.saturation[:, None, None]
        chroma = np.eye(3) - _LUMA
        # The rotation maps chroma to chroma and leaves luma alone, so that saturation is a factor of the
        # whole.
        return _LUMA + saturation * (cosine * chroma + sine * _HUE_SINE)


def tint(
    channels: int, keys: random_numbers.Keys, seed: int, turn: int, params: AugmentParams
) -> Tint | None:
    """Draw the tint of the images with ``keys`` in pass ``turn``; None where the params change no colour."""
    ranges = params.brightness or params.contrast or params.channel_shift or params.saturation or params.hue
    if not ranges:
        return None
    u = random_numbers.uniform(seed, "photometry", turn, keys, 4 + channels)
    brightness = random_numbers.within(u[:, 3], params.brightness)
    return Tint(
        hue=np.radians(random_numbers.within(u[:, 0], params.hue)),
        saturation=1 + random_numbers.within(u[:, 1], params.saturation),
        contrast=1 + random_numbers.within(u[:, 2], params.contrast),
        added=255 * (brightness[:, None] + random_numbers.within(u[:, 4:], params.channel_shift)),
    )


def recolour(pixels: Pixels, tint: Tint) -> None:
    """Change the colours of ``pixels``, uint8 (n, height, width, channels), in place."""
    means = np.array([cv2.mean(image)[: pixels.shape[3]] for image in pixels]).reshape(-1, pixels.shape[3])
    for image, matrix in zip(pixels, tint.matrices(means), strict=True):
        cv2.transform(image, matrix, dst=image)


def erase(pixels: Pixels, keys: random_numbers.Keys, seed: int, turn: int, params: AugmentParams) -> None:
    """Cover a square of half of the images with grey, in place ("Random erasing", Zhong et al., 2017)."""
    height, width = pixels.shape[1:3]
    side = round(params.erase * min(height, width))
    if side == 0:
        return
    u = random_numbers.uniform(seed, "erase", turn, keys, 3)
    corners = (u[:, 1:] * [height - side + 1, width - side + 1]).astype(np.int64)
    for number in np.flatnonzero(u[:, 0] < 0.5):
        top, left = corners[number]
        pixels[number, top : top + side, left : left + side] = GREY
