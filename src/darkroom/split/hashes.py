"""Near-duplicates among 64-bit perceptual hashes, found without comparing all pairs."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

BITS = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64))

SMALL = 512
"""Below so many hashes, comparing them all costs less than sorting them into buckets."""


def near(hashes: Hashes, distance: int) -> Rows:
    """Return links that join all hashes within ``distance``, directly or through others.

    The pigeonhole principle: cut 64 bits into ``distance + 1`` blocks, and two hashes that differ in at most
    ``distance`` bits agree in at least one block (Manku, Jain, Das Sarma, "Detecting near-duplicates for web
    crawling", WWW 2007). So only hashes of one bucket, those that agree in a block, are compared. Blocks are dealt
    from the bits that vary in the bucket at hand, the most varied first, and buckets that stay large are cut again:
    where most hashes agree in most bits, fixed blocks would throw all of them into one bucket.

    Parameters
    ----------
    hashes : uint64, (n,)
        No two alike.
    distance : int
        Largest Hamming distance that counts as near.

    Returns
    -------
    int64, (m, 2)
        Positions in ``hashes``. Each link joins two hashes within ``distance``, and the connected components of
        the links are those of all such pairs; not every pair is named.
    """
    links = [np.empty((0, 2), np.int64), *_links(hashes, np.arange(len(hashes)), distance)]
    return np.concatenate(links)


def _links(hashes: Hashes, rows: Rows, distance: int) -> Iterator[Rows]:
    """Yield links among ``rows``, all of which may be near each other."""
    if distance == 0 or len(rows) < 2:
        return
    if len(rows) > SMALL:
        blocks = _blocks(hashes[rows], distance + 1)
        buckets = [bucket for block in blocks for bucket in _buckets(hashes[rows] & block)]
        # Cutting pays only where the buckets of all blocks together are less work than the bucket as it is.
        if 2 * sum(len(bucket) ** 2 for bucket in buckets) < len(rows) ** 2:
            for bucket in buckets:
                yield from _links(hashes, rows[bucket], distance)
            return
    yield from _compare(hashes, rows, distance)


def _blocks(hashes: Hashes, count: int) -> list[np.uint64]:
    """Deal the bits that vary among ``hashes`` into ``count`` masks, the most even ones first."""
    ones = np.array([np.count_nonzero(hashes & bit) for bit in BITS])
    evenness = np.minimum(ones, len(hashes) - ones)
    order = np.argsort(-evenness, kind="stable")
    varied = BITS[order[evenness[order] > 0]]
    return [np.bitwise_or.reduce(varied[start::count]) for start in range(min(count, len(varied)))]


def _buckets(keys: Hashes) -> list[Rows]:
    """Return the positions of equal ``keys`` together, leaving out those that stand alone."""
    order = np.argsort(keys, kind="stable")
    bounds = np.flatnonzero(np.diff(keys[order])) + 1
    return [bucket for bucket in np.split(order, bounds) if len(bucket) > 1]


def _compare(hashes: Hashes, rows: Rows, distance: int) -> Iterator[Rows]:
    """Yield links among ``rows`` by walking from each hash to those not yet reached.

    A hash that was reached is never compared again as a target, so that a thousand hashes all near each other cost
    a thousand comparisons and not a million.
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
