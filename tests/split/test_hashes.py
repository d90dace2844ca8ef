"""Near hashes are found, all of them and no others, however the hashes are spread."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.split import groups, hashes


def by_all_pairs(values: hashes.Hashes, distance: int) -> list[int]:
    pairs = np.argwhere(np.bitwise_count(values[:, None] ^ values) <= distance)
    return groups.components(len(values), pairs).tolist()


def found(values: hashes.Hashes, distance: int) -> list[int]:
    return groups.components(len(values), hashes.near(values, distance)).tolist()


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=40), st.integers(0, 8))
def test_any_few_hashes_join_as_all_pairs_do(values: list[int], distance: int) -> None:
    array = np.array(values, np.uint64)
    assert found(array, distance) == by_all_pairs(array, distance)


def spread(kind: str, count: int) -> hashes.Hashes:
    rng = np.random.default_rng(3)
    if kind == "low bits":
        values = rng.choice(2**13, count, replace=False).astype(np.uint64)
    elif kind == "few bits set":
        values = ((rng.random((count, 64)) < 0.06) * hashes.BITS).sum(axis=1, dtype=np.uint64)
    elif kind == "bursts":
        values = rng.integers(0, 2**64, count // 8, dtype=np.uint64).repeat(8)
        values ^= hashes.BITS[rng.integers(0, 64, len(values))]
    else:
        values = rng.integers(0, 2**64, count, dtype=np.uint64)
    return np.unique(values)


@pytest.mark.parametrize("distance", [1, 2, 5, 8])
@pytest.mark.parametrize("kind", ["low bits", "few bits set", "bursts", "random"])
def test_buckets_that_are_cut_again_lose_no_pair(kind: str, distance: int) -> None:
    values = spread(kind, 4000)
    assert len(values) > 2 * hashes.SQUARE
    assert found(values, distance) == by_all_pairs(values, distance)


def test_every_link_joins_two_near_hashes() -> None:
    values = spread("few bits set", 4000)
    links = hashes.near(values, 3)
    assert len(links)
    assert np.bitwise_count(values[links[:, 0]] ^ values[links[:, 1]]).max() <= 3


def test_no_hashes_have_no_links() -> None:
    assert hashes.near(np.empty(0, np.uint64), 2).shape == (0, 2)
    assert hashes.near(np.array([5], np.uint64), 2).shape == (0, 2)
