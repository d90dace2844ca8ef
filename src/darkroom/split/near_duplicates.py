"""Near-duplicates (resaved, scaled, brightened or cropped copies): found by hashes, confirmed on the pixels.

Perceptual hashes of different pictures of one kind (shoes on white, digits) often agree, so they only propose pairs. A
pair is confirmed where the pictures themselves correlate, as they are or with one of them cropped a little.
"""

import hashlib
import itertools
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from darkroom.array_types import Floats, Pixels, Rows
from darkroom.images import Images, at_random
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
_WAYS = (0, 0), (1, 0), (0, 1)
"""Ways to lay two pictures on each other: which view of the one on which of the other."""
_EQUAL_BLOCKS = 2_000, 200_000
"""Images from which only hashes are compared that agree in one block of bits, and in two: see :func:`near`."""


class Views(NamedTuple):
    """What is compared of each image.

    ``whole`` and ``cropped`` are perceptual hashes, uint64 (images,), of the image and of its middle; ``pixels`` are
    both, uint8 (images, 2, SMALL, SMALL, channels).
    """

    whole: Hashes
    cropped: Hashes
    pixels: Pixels


def grouped(images: Images, rows: Rows, distance: int) -> Rows:
    """Return the group of each image at ``rows`` of the index, as the place in ``rows`` of its first member.

    Images that look the same to the bit are compared with others once: ten thousand black ones make no pairs.
    """
    found, phash = views(images, rows), hashes(images, rows)
    looks = [hashlib.blake2b(view, digest_size=8).digest() for view in found.pixels]
    keys = np.stack([phash, found.whole, found.cropped, np.frombuffer(b"".join(looks), np.uint64)], axis=1)
    _, first, same = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    first, same = first[order], np.argsort(order)[same]
    linked = np.searchsorted(first, pairs(found, phash, distance, first))
    return first[groups(np.bincount(same), linked)][same]


def hashes(images: Images, rows: Rows) -> Hashes:
    """Return the hashes in the index of the pictures as they came: uint64, (rows,)."""
    return np.array([int(text, 16) for text in images.index["phash"].iloc[rows]], np.uint64)


def views(images: Images, rows: Rows) -> Views:
    """Return the views of the images at ``rows``, read in order, a chunk of images in memory at a time."""
    hashes: tuple[list[Hashes], list[Hashes]] = ([], [])
    # In a file without a name, which the system may take out of memory: of ten million images it is large.
    with tempfile.TemporaryFile() as file:
        small = np.memmap(file, np.uint8, shape=(max(1, len(rows)), 2, SMALL, SMALL, images.shape[2]))
    place = iter(small)
    for chunk in images.chunks(rows):
        both = [(_resized(picture, SIDE), _middle(picture)) for picture in chunk]
        for number, found in enumerate(hashes):
            found.append(perceptual_hashes(np.stack([_gray(pair[number]) for pair in both])))
        for pair in both:
            next(place)[:] = [_resized(view, SMALL) for view in pair]
    whole, cropped = (np.concatenate([np.empty(0, np.uint64), *found]) for found in hashes)
    return Views(whole, cropped, small)


def pairs(found: Views, phash: Hashes, distance: int, among: Rows | None = None) -> Rows:
    """Return the pairs of images that are one picture: int64, (pairs, 2), the lower row first.

    Parameters
    ----------
    found : Views
    phash : uint64, (images,)
        Hashes of the pictures before they were prepared.
    distance : int
        Hashes that differ in at most so many bits propose a pair; 0 to 64.
    among : int64, optional
        The rows of the images that are compared; all, if not given.
    """
    rows = np.arange(len(phash)) if among is None else among
    confirmed = [np.empty((0, 2), np.int64)]
    coarse = _coarse(found.pixels)
    at_random(found.pixels)
    for one, other in ((phash, phash), (found.cropped, found.whole)):
        for proposed in near(one[rows], other[rows], distance):
            proposed = rows[proposed]
            likely = proposed[_perhaps_alike(coarse, proposed)]
            for at in range(0, len(likely), _PAIRS):
                some = likely[at : at + _PAIRS]
                confirmed.append(np.sort(some[_alike(found.pixels, some)], axis=1))
    return np.unique(np.concatenate(confirmed), axis=0)


def groups(copies: Rows, links: Rows) -> Rows:
    """Return for each image the first row of its group: every member is linked to one representative.

    ``copies`` says how many images each row stands for, itself included, which are all linked to each other. Groups do
    not chain: where A is like B and B like C, C belongs to the group only if it is like its representative,
    the image with the most links. Not all that is linked can stay together so; what is parted shows in no group.
    """
    count = len(copies)
    links = np.concatenate([links, links[:, ::-1]])
    links = links[np.lexsort((links[:, 1], links[:, 0]))]
    edges = np.searchsorted(links[:, 0], np.arange(count + 1))
    degree = copies - 1 + np.bincount(links[:, 0], copies[links[:, 1]], count).astype(np.int64)
    group = np.full(count, -1, np.int64)
    for row in np.lexsort((np.arange(count), -degree))[: np.count_nonzero(degree)].tolist():
        if group[row] < 0:
            others = links[edges[row] : edges[row + 1], 1]
            members = np.append(others[group[others] < 0], row)
            group[members] = members.min()
    return np.where(group < 0, np.arange(count), group)


def near(one: Hashes, other: Hashes, distance: int) -> Iterator[Rows]:
    """Yield the pairs (row of ``one``, another row of ``other``) whose hashes differ in at most ``distance`` bits.

    Each pair comes once, if not the other way round, too. Of ``distance + k`` blocks of bits such hashes agree in at
    least k: hashes are compared where they agree in k blocks, one choice of blocks after the other (Norouzi, Punjani
    and Fleet, "Fast search in Hamming space with multi-index hashing", 2012, with k = 1).
    """
    agreeing = min(int(np.searchsorted(_EQUAL_BLOCKS, len(one))), 64 - distance)
    count = max(1, distance + agreeing)
    # Neighbouring bits are much alike from picture to picture: each block has some of everywhere.
    blocks = np.array([sum(1 << bit for bit in range(first, 64, count)) for first in range(count)], np.uint64)
    for chosen in itertools.combinations(range(count), agreeing):
        skipped = [block for block in range(max(chosen, default=0)) if block not in chosen]
        for pairs in _near_where_equal(one, other, np.bitwise_or.reduce(blocks[list(chosen)]), distance):
            differing = one[pairs[:, 0]] ^ other[pairs[:, 1]]
            # A pair belongs to the first choice of blocks that brings it together.
            first = ((differing[:, None] & blocks[skipped]) != 0).all(axis=1)
            if len(found := pairs[first & (pairs[:, 0] != pairs[:, 1])]):
                yield found


def _near_where_equal(one: Hashes, other: Hashes, mask: np.uint64, distance: int) -> Iterator[Rows]:
    """Yield the pairs of rows whose hashes are equal in ``mask`` and differ in at most ``distance`` bits."""
    orders = [np.argsort(hashes & mask, kind="stable") for hashes in (one, other)]
    left, right = (hashes[order] for hashes, order in zip((one, other), orders, strict=True))
    for rows, columns in _tiles(left, right, mask):
        differing = np.bitwise_count(left[rows, None] ^ right[columns])
        at = np.flatnonzero(differing <= distance)
        if len(at):
            row, column = np.divmod(at, differing.shape[1])
            yield np.stack([orders[0][rows][row], orders[1][columns][column]], axis=1)


def _tiles(left: Hashes, right: Hashes, mask: np.uint64) -> Iterator[tuple[slice, slice]]:
    """Yield tiles of rows and columns in which hashes, sorted by what ``mask`` leaves of them, agree in that."""
    values, starts = np.unique(left & mask, return_index=True)
    first = np.searchsorted(right & mask, values)
    last = np.searchsorted(right & mask, values, "right")
    bounds = np.stack([starts, np.append(starts, len(left))[1:], first, last], axis=1)
    for top, bottom, begin, end in bounds[first < last].tolist():
        for row in range(top, bottom, _TILE[0]):
            for column in range(begin, end, _TILE[1]):
                yield slice(row, min(row + _TILE[0], bottom)), slice(column, min(column + _TILE[1], end))


def _coarse(pixels: Pixels) -> Floats:
    """Return 16 means of each view, of the view shifted to mean 0 and scaled to length 1: float32, (images, 2, 16)."""
    parts = [np.empty((0, 2, 16), np.float32)]
    for at in range(0, len(pixels), _PAIRS):
        some = pixels[at : at + _PAIRS].astype(np.float64)
        some -= some.mean(axis=(2, 3, 4), keepdims=True)
        lengths = np.sqrt((some**2).sum(axis=(2, 3, 4)))
        blocks = some.reshape(len(some), 2, 4, SMALL // 4, 4, -1).sum(axis=(3, 5)).reshape(len(some), 2, 16)
        blocks /= np.maximum(lengths, 1e-9)[..., None] * np.sqrt(some[0, 0].size / 16)
        parts.append(blocks.astype(np.float32))
    return np.concatenate(parts)


def _perhaps_alike(coarse: Floats, proposed: Rows) -> npt.NDArray[np.bool_]:
    """Return which pairs :func:`_alike` may confirm; nearly all others are told here, at a fiftieth of the time.

    Two vectors of length 1 correlate by r where the square of their distance is 2 - 2 r, and means over blocks, each
    times the root of the block's size, lie no farther apart than what they are the means of.
    """
    first, second = (coarse[proposed[:, side]] for side in (0, 1))
    ways = [first[:, one] - second[:, other] for one, other in _WAYS]
    return np.logical_or.reduce([np.einsum("ij,ij->i", way, way) <= 2 - 2 * ALIKE + 1e-4 for way in ways])


def _alike(pixels: Pixels, proposed: Rows) -> npt.NDArray[np.bool_]:
    """Return which pairs correlate by at least :data:`ALIKE`, in any of three ways to lay one view on another.

    All sums are of whole numbers below 2**53 and exact, so that the result does not depend on the processor.
    """
    first, second = (
        pixels[proposed[:, side]].reshape(len(proposed), 2, -1).astype(np.float64) for side in (0, 1)
    )
    return np.logical_or.reduce([_correlate(first[:, one], second[:, other]) for one, other in _WAYS])


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
