"""Grouping 100,000 perceptual hashes takes less than 20 s, however the hashes are spread.

    python benchmarks/groups.py [--images 100000]

Each line is one run over hashes of one kind; the slowest took 6 s on one core. Comparing all pairs would be
4,999,950,000 comparisons.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from darkroom.split import groups, hashes

SECONDS = 20


def uniform(count: int, rng: np.random.Generator) -> hashes.Hashes:
    """All bits at random: photos with nothing in common."""
    return rng.integers(0, 2**64, count, dtype=np.uint64)


def bursts(count: int, rng: np.random.Generator) -> hashes.Hashes:
    """Bursts of ten photos, each up to two bits from the first."""
    first = rng.integers(0, 2**64, count // 10 + 1, dtype=np.uint64).repeat(10)[:count]
    for _ in range(2):
        first ^= hashes.BITS[rng.integers(0, 64, count)]
    return first


def skewed(count: int, rng: np.random.Generator) -> hashes.Hashes:
    """Each bit is set in one picture of ten: drawings on white, frames of one camera."""
    bits = rng.random((count, 64)) < 0.1
    return (bits * hashes.BITS).sum(axis=1, dtype=np.uint64)


def narrow(count: int, rng: np.random.Generator) -> hashes.Hashes:
    """All differences lie in the lowest 20 bits, so that blocks of fixed places would hold everything."""
    return rng.integers(0, 2**20, count, dtype=np.uint64)


def heaps(count: int, rng: np.random.Generator) -> hashes.Hashes:
    """Half within a few bits of one picture, as black frames are; half at random."""
    near = rng.random((count // 2, 64)) < 0.05
    return np.concatenate(
        [(near * hashes.BITS).sum(axis=1, dtype=np.uint64), uniform(count - count // 2, rng)]
    )


def codes(count: int, rng: np.random.Generator) -> hashes.Hashes:
    """17 varied bits, each four times over: no two hashes closer than four bits, and all of them alike in shape."""
    words = rng.permutation(2**17)[:count].astype(np.uint64)
    return words | words << np.uint64(17) | words << np.uint64(34)


KINDS: tuple[Callable[[int, np.random.Generator], hashes.Hashes], ...] = (
    uniform,
    bursts,
    skewed,
    narrow,
    heaps,
    codes,
)


def main() -> None:
    """Time each kind of hash at the default distance, 2 bits, and at the largest, 8."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100_000, help="how many hashes; default 100000")
    count = parser.parse_args().images
    slowest = 0.0
    print(f"{'hashes':10} {'bits':>4} {'seconds':>8} {'groups':>8} {'largest':>8}")
    for kind in KINDS:
        values = kind(count, np.random.default_rng(0))
        index = pd.DataFrame(
            {
                "id": [str(row) for row in range(count)],
                "sha256": "",
                "phash": [f"{value:016x}" for value in values],
            }
        )
        for distance in (2, 8):
            start = time.perf_counter()
            sizes = np.bincount(groups.look_alikes(index, distance))
            seconds = time.perf_counter() - start
            slowest = max(slowest, seconds)
            several = int((sizes > 1).sum())
            print(f"{kind.__name__:10} {distance:4} {seconds:8.1f} {several:8} {sizes.max():8}", flush=True)
    print(f"slowest {slowest:.1f} s; wanted at most {SECONDS} s")
    raise SystemExit(slowest > SECONDS)


if __name__ == "__main__":
    main()
