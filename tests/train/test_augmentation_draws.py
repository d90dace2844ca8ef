"""Prove that draws are uniform, independent of each other, and the same for ever."""

import hashlib

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from darkroom.train.random_numbers import image_keys, uniform, within

NUMBER = 50_000


@pytest.fixture(scope="module")
def keys() -> npt.NDArray[np.uint64]:
    return image_keys(f"train/cat.{number}.jpg" for number in range(NUMBER))


def test_draws_never_change() -> None:
    """Were they to change, no result of an older release could be had again."""
    drawn = uniform(0, "geometry", 3, image_keys(["train/cat.0.jpg", "café.png"]), 2)

    assert drawn.tolist() == [
        [0.04920826914766341, 0.8249889356707089],
        [0.3524689278348079, 0.5754337769717434],
    ]


def test_draws_are_splitmix64_of_the_published_generator() -> None:
    """Steele, Lea and Flood's nextSeed and mix64, a draw at a time in whole numbers of Python."""
    key = int(image_keys(["a"])[0])

    def mixed(bits: int) -> int:
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % 2**64
        return bits ^ (bits >> 31)

    # The first outputs for the seed 1234567, as Rosetta Code's "Pseudo-random numbers/Splitmix64" lists them.
    golden = 0x9E3779B97F4A7C15
    listed = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [mixed((1234567 + number * golden) % 2**64) for number in (1, 2, 3)] == listed

    start = mixed(key ^ int.from_bytes(hashlib.blake2b(b"erase 9 4", digest_size=8).digest(), "little"))
    drawn = uniform(9, "erase", 4, image_keys(["a"]), 40)[0]

    assert drawn.tolist() == [
        (mixed((start + number * golden) % 2**64) >> 11) / 2**53 for number in range(1, 41)
    ]


def test_draws_are_uniform_in_every_place(keys: npt.NDArray[np.uint64]) -> None:
    drawn = uniform(0, "geometry", 0, keys, 8)

    assert drawn.min() >= 0
    assert drawn.max() < 1
    for column in drawn.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4


def test_draws_of_one_image_do_not_foretell_each_other(keys: npt.NDArray[np.uint64]) -> None:
    drawn = uniform(0, "geometry", 0, keys, 8)

    assert np.abs(np.corrcoef(drawn.T) - np.eye(8)).max() < 5 / np.sqrt(NUMBER)


@pytest.mark.parametrize(
    ("seed", "purpose", "turn"),
    [(1, "geometry", 0), (0, "erase", 0), (0, "geometry", 1), (2**80, "geometry", 0)],
    ids=["seed", "purpose", "pass", "great seed"],
)
def test_what_differs_draws_independently(
    keys: npt.NDArray[np.uint64], seed: int, purpose: str, turn: int
) -> None:
    one = uniform(0, "geometry", 0, keys, 1)[:, 0]
    other = uniform(seed, purpose, turn, keys, 1)[:, 0]

    cells, *_ = np.histogram2d(one, other, bins=16, range=[[0, 1], [0, 1]])
    assert stats.chisquare(cells.ravel()).pvalue > 1e-4


def test_consecutive_passes_of_one_image_look_random() -> None:
    key = image_keys(["a"])
    drawn = np.array([uniform(0, "geometry", turn, key, 1).item() for turn in range(5000)])

    cells, *_ = np.histogram2d(drawn[:-1], drawn[1:], bins=8, range=[[0, 1], [0, 1]])
    assert stats.chisquare(cells.ravel()).pvalue > 1e-4


def test_fewer_draws_are_the_first_of_more(keys: npt.NDArray[np.uint64]) -> None:
    assert np.array_equal(uniform(0, "a", 0, keys[:9], 3), uniform(0, "a", 0, keys[:9], 5)[:, :3])


def test_keys_depend_on_the_id_alone() -> None:
    assert image_keys(["b", "a"])[1] == image_keys(["a"])[0]
    assert len(np.unique(image_keys(map(str, range(NUMBER))))) == NUMBER


def test_within_spreads_draws_about_zero() -> None:
    assert within(np.array([0, 0.5, 0.75]), 8).tolist() == [-8, 0, 4]
