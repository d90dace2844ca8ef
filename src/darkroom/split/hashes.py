"""Near-duplicates among 64-bit perceptual hashes, found without comparing all pairs."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

BITS = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64))

SQUARE = 1024
"""Up to so many hashes are compared in one square: the numbers fit in the processor's cache."""

BUCKET = 10_000
"""What it costs to look into one bucket, in comparisons: many tiny buckets are slower than a few middling ones."""


def near(hashes: Hashes, distance: int) -> Rows:
    """Return links that join all hashes within ``distance``, directly or through others.

    The pigeonhole principle: cut 64 bits into ``distance + 1`` blocks, and two hashes that differ in at most
    ``distance`` bits agree in at least one block (Manku, Jain, Das Sarma, "Detecting near-duplicates for
    web crawling", WWW 2007). So only hashes of one bucket, those that agree in a block, are compared. Blocks
    are dealt from the bits that vary in the bucket at hand, the most varied first, and buckets that stay
    large are cut again: where most hashes agree in most bits, fixed blocks would throw all into one bucket.

    Parameters
    ----------
    hashes : uint64, (n,)
        No two alike.
    distance : int
        Largest Hamming distance that counts as near.

    Returns
    -------
    int64, (m, 2)
        Positions in ``hashes``. Each link joins two hashes within ``distance``, and the connected components
        of the links are those of all such pairs; not every pair is named.
    """
    none = np.empty((0, 2), np.int64)
    if distance == 0:
        return none
    return np.concatenate([none, *_links(hashes, np.arange(len(hashes)), distance)])


def _links(hashes: Hashes, rows: Rows, distance: int) -> Iterator[Rows]:
    """Yield links among ``rows``, all of which may be near each other."""
    if len(rows) <= SQUARE:
        yield from _square(hashes, rows, distance)
        return
    here = hashes[rows]
    buckets = [bucket for block in _blocks(here, distance + 1) for bucket in _buckets(here & block)]
    if 2 * sum(_cost(len(bucket)) for bucket in buckets) < _cost(len(rows)):
        for bucket in buckets:
            yield from _links(hashes, rows[bucket], distance)
    else:
        yield from _walk(hashes, rows, distance)


def _cost(count: int) -> int:
    return count**2 + BUCKET


def _blocks(hashes: Hashes, count: int) -> list[np.uint64]:
    """Deal the bits that vary among ``hashes`` into ``count`` masks, the most even ones first.

    With fewer varied bits than masks some masks are empty, and all hashes agree there: as they should.
    """
    ones = np.array([np.count_nonzero(hashes & bit) for bit in BITS])
    evenness = np.minimum(ones, len(hashes) - ones)
    order = np.argsort(-evenness, kind="stable")
    varied = BITS[order[evenness[order] > 0]]
    return [np.bitwise_or.reduce(varied[start::count]) for start in range(count)]


def _buckets(keys: Hashes) -> list[Rows]:
    """Return the positions of equal ``keys`` together, leaving out those that stand alone."""
    order = np.argsort(keys, kind="stable")
    bounds = np.flatnonzero(np.diff(keys[order])) + 1
    return [bucket for bucket in np.split(order, bounds) if len(bucket) > 1]


def _square(hashes: Hashes, rows: Rows, distance: int) -> Iterator[Rows]:
    """Yield links among ``rows`` by comparing each with each."""
    here = hashes[rows]
    first, second = np.nonzero(np.bitwise_count(here[:, None] ^ here) <= distance)
    ahead = first < second
    if ahead.sum() > 4 * len(rows):  # a heap of near hashes has far more links than it needs
        yield from _walk(hashes, rows, distance)
    else:
        yield np.stack([rows[first[ahead]], rows[second[ahead]]], axis=1)


def _walk(hashes: Hashes, rows: Rows, distance: int) -> Iterator[Rows]:
    """Yield links among ``rows`` by walking from each hash to those not yet reached.

    A hash that was reached is not looked for again, so that a heap of near hashes costs no more than its size.
    """
    left_rows, left = rows, hashes[rows]
    while len(left) > 1:
        reached = [int(left_rows[0])]
        left_rows, left = left_rows[1:], left[1:]
        while reached and len(left):
            row = reached.pop()
            hit = np.bitwise_count(left ^ hashes[row]) <= distance
            if hit.any():
                found = left_rows[hit]
                yield np.stack([np.full(len(found), row), found], axis=1)
                reached.extend(found.tolist())
                left_rows, left = left_rows[~hit], left[~hit]
