"""MixUp and CutMix: training images and their targets mixed with the next image of the batch."""

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from darkroom.array_types import Floats, Pixels
from darkroom.params import AugmentParams
from darkroom.train import random_numbers

Shares = npt.NDArray[np.float64]


def mix(
    pixels: Pixels, values: Floats, keys: random_numbers.Keys, seed: int, turn: int, params: AugmentParams
) -> tuple[Pixels, Floats]:
    """Mix each image of a batch with the one after it, the last with the first.

    The order of a batch is random, so its neighbour is a random partner. The share of an image is drawn by
    its own key from Beta(alpha, alpha). Where both methods are on, each image takes either, half of the time.

    Parameters
    ----------
    pixels : uint8, (n, height, width, channels)
    values : float32, (n, k)
        What mixes as the pixels do: targets, and weights beside them.
    keys : uint64, (n,)
    seed, turn : int
    params : AugmentParams
        Of which ``mixup`` and ``cutmix``: the alphas, 0 where a method is off.

    Returns
    -------
    uint8, (n, height, width, channels), and float32, (n, k)
        MixUp rounds to whole grey levels: all batches of all runs hold the same kind of pixels.
    """
    if not (params.mixup or params.cutmix):
        return pixels, values
    u = random_numbers.uniform(seed, "mixing", turn, keys, 4)
    cut = u[:, 0] < (0.5 if params.mixup else 1.0) if params.cutmix else np.zeros(len(u), bool)
    alphas = np.where(cut, params.cutmix, params.mixup)
    shares = betaincinv(alphas, alphas, u[:, 1])  # the inverse of the distribution function
    mixed = pixels.copy()
    for number, partner in enumerate(np.roll(pixels, -1, axis=0)):
        if cut[number]:
            shares[number] = _paste(mixed[number], partner, shares[number], u[number, 2:])
        else:
            share = shares[number]
            cv2.addWeighted(pixels[number], share, partner, 1 - share, 0, dst=mixed[number])
    own = shares.astype(np.float32)[:, None]
    return mixed, own * values + (1 - own) * np.roll(values, -1, axis=0)


def _paste(image: Pixels, partner: Pixels, share: float, centre: Shares) -> float:
    """Paste a box of the partner, as CutMix (Yun et al., 2019); return what share is left."""
    height, width = image.shape[:2]
    part = np.sqrt(1 - share)
    top, bottom = _extent(height, part, centre[0])
    left, right = _extent(width, part, centre[1])
    image[top:bottom, left:right] = partner[top:bottom, left:right]
    return 1 - (bottom - top) * (right - left) / (height * width)


def _extent(side: int, part: float, centre: float) -> tuple[int, int]:
    """Return where ``part`` of a side begins and ends, about ``centre`` of it, cut off at the edges."""
    length = int(side * part)
    start = int(side * centre) - length // 2
    return max(start, 0), min(start + length, side)
