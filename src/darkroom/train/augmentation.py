"""Augmentation of each training image: one warp, then color, determined by seed, pass over the data and image."""

import numpy as np

from darkroom import UserError
from darkroom.array_types import Pixels
from darkroom.images import Images
from darkroom.params import AugmentParams
from darkroom.train import color, geometry, random_numbers


def augment(pixels: Pixels, keys: random_numbers.Keys, seed: int, turn: int, params: AugmentParams) -> Pixels:
    """Return the images as pass ``turn`` shows them.

    An image's result depends on its pixels, its key, the seed and the pass: not on the other images, their
    order or number.

    Parameters
    ----------
    pixels : uint8, (n, height, width, channels)
        One channel is grey, three are red, green and blue. May be returned, or changed.
    keys : uint64, (n,)
        From :func:`darkroom.train.random_numbers.image_keys`.
    seed : int
    turn : int
        The pass over the images.
    params : AugmentParams

    Returns
    -------
    uint8, (n, height, width, channels)
    """
    height, width, channels = pixels.shape[1:]
    placement = geometry.place(height, width, keys, seed, turn, params)
    if placement is not None:
        pixels = geometry.warp(pixels, placement.maps(height, width), params.fill)
    tint = color.tint(channels, keys, seed, turn, params)
    if tint is not None:
        color.recolour(pixels, tint)
    color.erase(pixels, keys, seed, turn, params)
    return pixels


def check(params: AugmentParams, channels: int) -> None:
    """Raise a UserError where the params change colours that images of so many channels do not have."""
    for name, value in (("saturation", params.saturation), ("hue", params.hue)):
        if value and channels != 3:
            raise UserError(
                f"params.yaml: augment.{name}: got {value} for grayscale images, which have no colour; "
                f"expected 0, or rgb for image.color"
            )


def examples(images: Images, row: int, seed: int, params: AugmentParams, n: int = 9) -> Pixels:
    """Return the image at ``row`` as the first ``n`` passes show it: uint8 (n, height, width, channels)."""
    key = random_numbers.image_keys([images.index["id"].iloc[row]])
    return np.concatenate([augment(images.take([row]), key, seed, turn, params) for turn in range(n)])
