"""Near-duplicates (resaved, scaled, brightened or cropped copies): found by hashes, confirmed on the pixels.

Perceptual hashes of different pictures of one kind (shoes on white, digits) often agree, so they only propose pairs. A
pair is confirmed where the pictures themselves correlate, as they are or with one of them cropped a little.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from darkroom.array_types import Pixels, Rows
from darkroom.images import Images
from darkroom.phash import SIDE, perceptual_hashes

Hashes = npt.NDArray[np.uint64]

ALIKE = 0.99
"""Correlation from which two pictures are one.

Measured by benchmarks/groups.py: of photos and cells at least 95 % of the copies stay above it whatever was done to
them, and no two different ones reach it. Different clothes of 28x28 pixels do, in a few pairs of a million.
"""

CROPPED = 0.02
"""Part of each side that the second view of a picture lacks."""

SMALL = 16
"""Side of the views that are correlated, pixels: small enough that noise and a little crop hardly show."""

_TILE = 64, 4096  # rows and columns of hashes compared at a time: what the processor keeps near
_PAIRS = 1024  # pairs correlated at a time


class Views(NamedTuple):
    """What is compared of each image.

    ``whole`` and ``cropped`` are perceptual hashes, uint64 (images,), of the image and of its middle; ``pixels`` are
    both, uint8 (images, 2, SMALL, SMALL, channels).
    """

    whole: Hashes
    cropped: Hashes
    pixels: Pixels


def links(images: Images, rows: Rows, distance: int) -> Rows:
    """Return the pairs, among the images at ``rows`` of the index, that are one picture; see :func:`pairs`."""
    phash = np.array([int(text, 16) for text in images.index["phash"].iloc[rows]], np.uint64)
    return pairs(views(images, rows), phash, distance)


def views(images: Images, rows: Rows) -> Views:
    """Return the views of the images at ``rows``, read in order, a chunk of images in memory at a time."""
    hashes: tuple[list[Hashes], list[Hashes]] = ([], [])
    small = np.empty((len(rows), 2, SMALL, SMALL, images.shape[2]), np.uint8)
    place = iter(small)
    for chunk in images.chunks(rows):
        both = [(_resized(picture, SIDE), _middle(picture)) for picture in chunk]
        for number, found in enumerate(hashes):
            found.append(perceptual_hashes(np.stack([_gray(pair[number]) for pair in both])))
        for pair in both:
            next(place)[:] = [_resized(view, SMALL) for view in pair]
    whole, cropped = (np.concatenate([np.empty(0, np.uint64), *found]) for found in hashes)
    return Views(whole, cropped, small)


def pairs(found: Views, phash: Hashes, distance: int) -> Rows:
    """Return the pairs of images that are one picture: int64, (pairs, 2), the lower row first.

    Parameters
    ----------
    found : Views
    phash : uint64, (images,)
        Hashes of the pictures before they were prepared.
    distance : int
        Hashes that differ in at most so many bits propose a pair; 0 to 64.
    """
    confirmed = [np.empty((0, 2), np.int64)]
    for proposed in _proposed(phash, found, distance):
        for at in range(0, len(proposed), _PAIRS):
            some = proposed[at : at + _PAIRS]
            confirmed.append(some[_alike(found.pixels, some)])
    return np.unique(np.concatenate(confirmed), axis=0)


def groups(count: int, links: Rows) -> Rows:
    """Return for each of ``count`` images the first row of its group: every member is linked to one representative.

    Groups do not chain: where A is like B and B like C, C belongs to the group only if it is like its representative,
    the image with the most links. Not all that is linked can stay together so; what is parted shows in no group.
    """
    links = np.concatenate([links, links[:, ::-1]])
    links = links[np.lexsort((links[:, 1], links[:, 0]))]
    edges = np.searchsorted(links[:, 0], np.arange(count + 1))
    degree = np.diff(edges)
    group = np.full(count, -1, np.int64)
    for row in np.lexsort((np.arange(count), -degree))[: np.count_nonzero(degree)].tolist():
        if group[row] < 0:
            others = links[edges[row] : edges[row + 1], 1]
            members = np.append(others[group[others] < 0], row)
            group[members] = members.min()
    return np.where(group < 0, np.arange(count), group)


def _proposed(phash: Hashes, found: Views, distance: int) -> Iterator[Rows]:
    """Yield the pairs whose hashes are near: whole with whole, and cropped with whole; a pair may come twice."""
    for start in range(0, len(phash), _TILE[0]):
        rows = slice(start, start + _TILE[0])
        for onward in range(0, len(phash), _TILE[1]):
            columns = slice(onward, onward + _TILE[1])
            near = np.bitwise_count(found.cropped[rows, None] ^ found.whole[columns]) <= distance
            if columns.stop > start:  # equal in both directions: one is enough
                near |= np.bitwise_count(phash[rows, None] ^ phash[columns]) <= distance
            at = np.flatnonzero(near)
            if len(at):
                row, column = np.divmod(at, near.shape[1])
                pair = np.sort(np.stack([row + start, column + onward], axis=1), axis=1)
                yield pair[pair[:, 0] != pair[:, 1]]


def _alike(pixels: Pixels, proposed: Rows) -> npt.NDArray[np.bool_]:
    """Return which pairs correlate by at least :data:`ALIKE`, in any of three ways to lay one view on another.

    All sums are of whole numbers below 2**53 and exact, so that the result does not depend on the processor.
    """
    first, second = (
        pixels[proposed[:, side]].reshape(len(proposed), 2, -1).astype(np.float64) for side in (0, 1)
    )
    ways = ((0, 0), (1, 0), (0, 1))
    return np.logical_or.reduce([_correlate(first[:, one], second[:, other]) for one, other in ways])


def _correlate(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    count = first.shape[1]
    sums = first.sum(axis=1), second.sum(axis=1)
    variances = [
        count * np.einsum("ij,ij->i", view, view) - total**2
        for view, total in zip((first, second), sums, strict=True)
    ]
    covariance = count * np.einsum("ij,ij->i", first, second) - sums[0] * sums[1]
    # Pictures of one flat value correlate with nothing: they are one where they are equal.
    flat = (variances[0] == 0) & (variances[1] == 0) & (sums[0] == sums[1])
    limit = ALIKE * np.sqrt(variances[0] * variances[1])
    return flat | ((limit > 0) & (covariance >= limit))


def _middle(picture: Pixels) -> Pixels:
    """Return the picture without :data:`CROPPED` of each side, as a crop of a copy would leave it."""
    height, width = picture.shape[:2]
    scale = min(1.0, 2 * SIDE / min(height, width))
    large = _resized(picture, max(SIDE, round(height * scale)), max(SIDE, round(width * scale)))
    height, width = large.shape[:2]
    down, across = (1 - 2 * CROPPED) * height / SIDE, (1 - 2 * CROPPED) * width / SIDE
    place = [[across, 0, CROPPED * width + across / 2 - 0.5], [0, down, CROPPED * height + down / 2 - 0.5]]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    middle = cv2.warpAffine(
        large, np.array(place, np.float32), (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return middle.reshape(SIDE, SIDE, -1)  # type: ignore[return-value]


def _resized(picture: Pixels, height: int, width: int | None = None) -> Pixels:
    """Return a picture averaged over areas where it shrinks and interpolated where it grows, its channels kept."""
    size = (width or height, height)
    # In two steps: OpenCV averages along no side of a picture whose other side grows.
    shrunk = min(size[0], picture.shape[1]), min(height, picture.shape[0])
    small = cv2.resize(picture, shrunk, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR).reshape(height, size[0], -1)  # type: ignore[return-value]


def _gray(view: Pixels) -> Pixels:
    return view[..., 0] if view.shape[2] == 1 else cv2.cvtColor(view, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]
