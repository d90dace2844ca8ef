"""Geometric augmentation: flips, rotation, shear, zoom, shifts and crop composed into one warp per image."""

from dataclasses import dataclass

import cv2
import numpy as np

from darkroom.array_types import Doubles, Pixels
from darkroom.params import AugmentParams
from darkroom.train import random_numbers

_FILL = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,  # the edge pixel twice, as `reflect` of Keras: dcba|abcd|dcba
    "constant": cv2.BORDER_CONSTANT,
}


@dataclass(frozen=True)
class Placement:
    """How each of n images is moved: crop; flips, rotation, shear and zoom about the centre; shift.

    Attributes
    ----------
    flips : float64, (n, 2)
        -1 mirrors, 1 does not: left and right, top and bottom.
    rotation, shear : float64, (n,)
        Radians; rotation is counterclockwise, shear moves rows below the centre to the right.
    zoom : float64, (n,)
        Magnification.
    shift, offset : float64, (n, 2)
        Pixels to the right and down: of the result; and of the crop's centre from the picture's.
    crop : float
        Part of each side that the crop takes, before it is blown up to the whole again.
    """

    flips: Doubles
    rotation: Doubles
    shear: Doubles
    zoom: Doubles
    shift: Doubles
    offset: Doubles
    crop: float

    def maps(self, height: int, width: int) -> Doubles:
        """Return the (n, 2, 3) affine maps from a pixel of the result to its place in the picture.

        Both count pixel centres from 0 and turn about ((width - 1) / 2, (height - 1) / 2), so that a flip
        alone is exact and a crop takes equal parts of the pixels at its two edges.
        """
        cosine, sine, tangent = np.cos(self.rotation), np.sin(self.rotation), np.tan(self.shear)
        # Flip, unrotate, unshear; the y axis points down, so counterclockwise is (cos, sin; -sin, cos).
        linear = np.stack([cosine, -sine - cosine * tangent, sine, cosine - sine * tangent], axis=-1)
        linear = self.flips[:, :, None] * linear.reshape(-1, 2, 2)
        linear *= (self.crop / self.zoom)[:, None, None]
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        moved = np.einsum("nij,nj->ni", linear, centre + self.shift)
        return np.concatenate([linear, (centre + self.offset - moved)[:, :, None]], axis=-1)


def place(
    height: int, width: int, keys: random_numbers.Keys, seed: int, turn: int, params: AugmentParams
) -> Placement | None:
    """Draw the placement of the images with ``keys`` in pass ``turn``; None where the params move nothing."""
    if not _is_on(params):
        return None
    u = random_numbers.uniform(seed, "geometry", turn, keys, 9)
    sides = np.array([width, height])
    flipped = (u[:, :2] < 0.5) & [params.flip_horizontal, params.flip_vertical]
    least, most = params.zoom
    return Placement(
        flips=np.where(flipped, -1.0, 1.0),
        rotation=np.radians(random_numbers.within(u[:, 2], params.rotation)),
        shear=np.radians(random_numbers.within(u[:, 3], params.shear)),
        zoom=least + u[:, 4] * (most - least),
        shift=random_numbers.within(u[:, 5:7], params.shift) * sides,
        # Never beyond the centres of the outermost pixels, where half a pixel would be filled in.
        offset=random_numbers.within(u[:, 7:9], (1 - params.crop) / 2) * (sides - 1),
        crop=params.crop,
    )


def _is_on(params: AugmentParams) -> bool:
    """Return whether the params move any pixel."""
    switches = params.flip_horizontal or params.flip_vertical
    ranges = params.rotation or params.shift or params.shear
    return bool(switches or ranges or tuple(params.zoom) != (1, 1) or params.crop < 1)


def warp(pixels: Pixels, maps: Doubles, fill: str) -> Pixels:
    """Resample each image once, with linear interpolation.

    Parameters
    ----------
    pixels : uint8, (n, height, width, channels)
    maps : float64, (n, 2, 3)
        From the result to the picture, as of :meth:`Placement.maps`.
    fill : str
        What lies outside: ``nearest`` (the edge again), ``reflect`` or ``constant`` (black).

    Returns
    -------
    uint8, (n, height, width, channels)
    """
    warped = np.empty_like(pixels)
    size = (pixels.shape[2], pixels.shape[1])
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, _FILL[fill]
    still = (maps == np.eye(2, 3)).all(axis=(1, 2))
    for image, matrix, result, same in zip(pixels, maps, warped, still, strict=True):
        if same:
            result[:] = image
        else:
            cv2.warpAffine(image, matrix, size, dst=result, flags=flags, borderMode=border)
    return warped
