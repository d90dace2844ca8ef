"""Copies of a picture are found, different pictures of one kind are not, and groups do not chain."""

import functools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from benchmarks.groups import brightened, cropped, halved, recompressed
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_sample_images

from darkroom.array_types import Pixels
from darkroom.images import Images
from darkroom.phash import perceptual_hashes
from darkroom.split import near_duplicates

Write = Callable[..., Path]
SIDE = 96


def photos(count: int = 40) -> list[Pixels]:
    """Return different square pieces of the two photos that scikit-learn brings, RGB."""
    china, flower = load_sample_images().images
    rng = np.random.default_rng(5)
    pieces = []
    for number in range(count):
        photo = (china, flower)[number % 2]
        side = int(rng.integers(120, 200))
        top, left = (int(rng.integers(0, length - side)) for length in photo.shape[:2])
        pieces.append(photo[top : top + side, left : left + side])
    return pieces


BRIGHTENED = functools.partial(brightened, factor=1.1)
"""By a tenth: a fifth burns out most of the sky of these photos."""


def found_in(folder: Path) -> np.ndarray:
    """Return the pairs in an images folder, with hashes of its own pixels."""
    images = Images(folder)
    views = near_duplicates.views(images, np.arange(len(images.index)))
    return near_duplicates.pairs(views, views.whole, 8)


def at(pictures: list[Pixels], side: int = SIDE) -> Pixels:
    """Return pictures resized to a square, uint8 (pictures, side, side, channels)."""
    resized = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(resized).reshape(len(pictures), side, side, -1)


@pytest.mark.parametrize("changed", [recompressed, halved, BRIGHTENED, cropped])
@pytest.mark.parametrize("gray", [False, True])
def test_a_copy_is_found_and_nothing_else(
    write_images: Write, changed: Callable[[Pixels], Pixels], gray: bool
) -> None:
    pictures = photos()
    if gray:
        pictures = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]  # type: ignore[misc]
    pixels = at([*pictures, *map(changed, pictures)])
    pairs = found_in(write_images(["a", "b"] * len(pictures), pixels=pixels))
    count = len(pictures)
    right = (pairs[:, 1] - pairs[:, 0] == count).sum()
    assert right >= 0.95 * count
    assert right >= 0.99 * len(pairs)


def test_different_digits_are_not_one_picture(write_images: Write) -> None:
    digits, labels = load_digits(return_X_y=True)
    pixels = np.minimum(digits * 16, 255).astype(np.uint8).reshape(-1, 8, 8, 1)
    folder = write_images([str(label) for label in labels], pixels=pixels)
    images = Images(folder)
    views = near_duplicates.views(images, np.arange(len(images.index)))
    proposed = np.bitwise_count(views.whole[:, None] ^ views.whole) <= 8
    pairs = near_duplicates.pairs(views, views.whole, 8)
    assert (proposed.sum() - len(digits)) / 2 > 1000  # what the hashes alone would join
    assert len(pairs) < 100
    sizes = np.bincount(near_duplicates.groups(np.ones(len(digits), int), pairs))
    assert sizes.max() <= 4


def test_flat_pictures_are_one_where_their_value_is() -> None:
    pixels = np.full((3, 2, 16, 16, 1), 9, np.uint8)
    pixels[2] = 200
    hashes = perceptual_hashes(np.zeros((3, 32, 32), np.uint8))
    views = near_duplicates.Views(hashes, hashes, pixels)
    assert near_duplicates.pairs(views, hashes, 0).tolist() == [[0, 1]]


@pytest.mark.parametrize("flat", [0, 1])
def test_a_flat_picture_and_one_with_something_on_it_are_two(flat: int) -> None:
    pixels = np.full((2, 2, 16, 16, 1), 100, np.uint8)
    # As many pixels brighter as darker: the sums are equal, too.
    pixels[1 - flat, :, :8], pixels[1 - flat, :, 8:] = 90, 110
    hashes = np.zeros(2, np.uint64)
    assert len(near_duplicates.pairs(near_duplicates.Views(hashes, hashes, pixels), hashes, 0)) == 0


@pytest.mark.parametrize(
    ("first", "second", "one"), [(0, 0, True), (1, 0, True), (0, 1, True), (1, 1, False)]
)
def test_a_pair_is_confirmed_by_a_whole_picture_on_either_side(first: int, second: int, one: bool) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (2, 2, 16, 16, 3), np.uint8)
    # The view of the one is that of the other, but darker and with less contrast.
    pixels[1, second] = pixels[0, first] // 2
    hashes = np.zeros(2, np.uint64)
    pairs = near_duplicates.pairs(near_duplicates.Views(hashes, hashes, pixels), hashes, 0)
    assert pairs.tolist() == ([[0, 1]] if one else [])


@pytest.mark.parametrize("proposed_by", ["before", "cropped", "cropped, the other way"])
def test_hashes_propose_a_pair_up_to_the_distance(proposed_by: str) -> None:
    far, near = np.uint64(2**64 - 1), np.uint64(0b10101)
    hashes = {
        "before": [[0, near], [0, far], [2**32 - 1, 2**32 - 1]],
        "cropped": [[0, far], [0, far], [near ^ far, 2**32 - 1]],
        "cropped, the other way": [[0, far], [0, far], [2**32 - 1, near]],
    }[proposed_by]
    before, whole, cropped = (np.array(two, np.uint64) for two in hashes)
    views = near_duplicates.Views(whole, cropped, np.zeros((2, 2, 16, 16, 1), np.uint8))
    assert near_duplicates.pairs(views, before, 3).tolist() == [[0, 1]]
    assert near_duplicates.pairs(views, before, 2).tolist() == []


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80), (160, 240), (20, 100)])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_second_view_lacks_a_fiftieth_of_each_side(
    write_images: Write, height: int, width: int, axis: int
) -> None:
    ramp = np.linspace(0, 255, (height, width)[axis]).round().astype(np.uint8)
    picture = np.broadcast_to(ramp[:, None] if axis == 0 else ramp, (height, width))[None, :, :, None]
    folder = write_images(["a"], pixels=np.ascontiguousarray(picture))
    view = near_duplicates.views(Images(folder), np.arange(1)).pixels[0, 1, :, :, 0].astype(float)
    # The middle of each of sixteen equal steps from 2 % to 98 % of the side, on a ramp over its pixels' centres.
    side = len(ramp)
    centres = (0.02 + 0.96 * (np.arange(16) + 0.5) / 16) * side - 0.5
    expected = 255 * centres / (side - 1)
    assert view.mean(axis=1 - axis) == pytest.approx(expected, abs=1.5)
    assert np.ptp(view, axis=1 - axis).max() <= 1


def test_a_side_that_shrinks_is_averaged_though_the_other_grows(write_images: Write) -> None:
    stripes = np.zeros((1, 10, 200, 1), np.uint8)
    stripes[:, :, ::2] = 255
    folder = write_images(["a"], pixels=stripes)
    view = near_duplicates.views(Images(folder), np.arange(1)).pixels[0, 0]
    assert np.abs(view.astype(float) - 127.5).max() < 8


def test_nothing_is_alike_in_an_empty_set() -> None:
    hashes = np.empty(0, np.uint64)
    views = near_duplicates.Views(hashes, hashes, np.empty((0, 2, 16, 16, 1), np.uint8))
    assert near_duplicates.pairs(views, hashes, 8).shape == (0, 2)


def test_pairs_are_found_across_the_tiles(monkeypatch: pytest.MonkeyPatch, write_images: Write) -> None:
    # Every tenth is the same picture.
    pixels = np.random.default_rng(8).integers(0, 256, (10, 8, 8, 1), np.uint8)[np.arange(50) % 10]
    folder = write_images(["a", "b"] * 25, pixels=pixels)
    expected = [[one, other] for one in range(50) for other in range(one + 10, 50, 10)]
    assert found_in(folder).tolist() == expected
    for tile in ((4, 7), (7, 4)):
        monkeypatch.setattr(near_duplicates, "_TILE", tile)
        assert found_in(folder).tolist() == expected


def test_groups_do_not_chain() -> None:
    chain = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])
    # 1 has as many links as 2 and 3, and comes first; 3 is left to 4.
    assert near_duplicates.groups(np.ones(6, int), chain).tolist() == [0, 0, 0, 3, 3, 5]


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)).filter(lambda pair: pair[0] < pair[1])))
def test_every_member_is_linked_to_one_of_its_group(found: list[tuple[int, int]]) -> None:
    links = np.unique(np.array(found, np.int64).reshape(-1, 2), axis=0)
    group = near_duplicates.groups(np.ones(20, int), links)
    linked = {tuple(link) for link in np.concatenate([links, links[:, ::-1]]).tolist()}
    for first in np.unique(group):
        members = np.flatnonzero(group == first).tolist()
        assert members[0] == first
        assert any(all(one == row or (one, row) in linked for row in members) for one in members)
    alone = np.flatnonzero(np.bincount(group, minlength=20) == 1)
    for row in alone:  # whoever stands alone is linked to nobody who stands alone
        assert not any((row, other) in linked for other in alone.tolist())


def brute(one: np.ndarray, other: np.ndarray, distance: int) -> list[tuple[int, int]]:
    """Return the pairs of near hashes by comparing all with all."""
    close = np.argwhere(np.bitwise_count(one[:, None] ^ other) <= distance)
    return [(row, column) for row, column in close.tolist() if row != column]


@pytest.mark.parametrize("blocks", [(10_000, 10_000), (2, 10_000), (2, 2)], ids=["all", "one", "two"])
@pytest.mark.parametrize("distance", [0, 3, 8, 64])
def test_near_hashes_are_found_by_blocks_as_by_comparing_all(
    monkeypatch: pytest.MonkeyPatch, blocks: tuple[int, int], distance: int
) -> None:
    monkeypatch.setattr(near_duplicates, "_EQUAL_BLOCKS", blocks)
    rng = np.random.default_rng(4)
    few = rng.integers(0, 2**64, 12, np.uint64)
    flips = np.left_shift(np.uint64(1), rng.integers(0, 64, (300, 9)).astype(np.uint64))
    one = few[rng.integers(0, 12, 300)] ^ np.bitwise_xor.reduce(flips, axis=1)
    other = np.roll(one, 1) ^ flips[:, 0]
    for two in (one, other):
        found = [tuple(pair) for pairs in near_duplicates.near(one, two, distance) for pair in pairs.tolist()]
        assert sorted(found) == brute(one, two, distance)  # each once


def test_comparisons_grow_far_slower_than_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    count = np.bitwise_count
    monkeypatch.setattr(np, "bitwise_count", lambda tile: compared.append(tile.size) or count(tile))
    hashes = np.random.default_rng(0).integers(0, 2**64, 20_000, np.uint64)
    assert not list(near_duplicates.near(hashes, hashes, 8))
    assert sum(compared) < 0.1 * len(hashes) ** 2


def test_pictures_told_apart_by_their_means_would_not_have_been_confirmed() -> None:
    rng = np.random.default_rng(6)
    base = rng.integers(0, 256, (40, 1, 16, 16, 3))
    noise = rng.normal(0, 1, (40, 2, 16, 16, 3)) * np.linspace(0, 40, 40)[:, None, None, None, None]
    pixels = np.clip(base + noise, 0, 255).astype(np.uint8)
    pixels[:2] = 7
    pairs = np.array([(row, column) for row in range(40) for column in range(row)])
    pairs = np.concatenate([pairs, np.stack([np.arange(40)] * 2, axis=1)])
    perhaps = near_duplicates._perhaps_alike(near_duplicates._coarse(pixels), pairs)
    alike = near_duplicates._alike(pixels, pairs)
    assert alike.any()
    assert not (alike & ~perhaps).any()
    assert (~perhaps).sum() > 0.8 * (~alike).sum()


@settings(derandomize=True, deadline=None)
@given(
    st.lists(st.integers(1, 3), min_size=8, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1])),
)
def test_rows_that_stand_for_several_group_as_the_several_would(
    copies: list[int], found: list[tuple[int, int]]
) -> None:
    several = np.repeat(np.arange(8), copies)  # which of the eight each image is
    linked = {*found, *((row, row) for row in range(8))}
    links = [
        (a, b)
        for a in range(len(several))
        for b in range(a + 1, len(several))
        if (several[a], several[b]) in linked
    ]
    ones = np.ones(len(several), int)
    expected = near_duplicates.groups(ones, np.array(links, np.int64).reshape(-1, 2))
    unique = np.unique(np.array(found, np.int64).reshape(-1, 2), axis=0)
    first = np.searchsorted(several, np.arange(8))
    assert first[near_duplicates.groups(np.array(copies), unique)][several].tolist() == expected.tolist()


def test_a_thousand_equal_pictures_are_one_group_without_pairs(
    write_images: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((1000, 8, 8, 1), np.uint8)
    pixels[7::10] = np.random.default_rng(1).integers(0, 256, (8, 8, 1))
    images = Images(write_images(["a", "b"] * 500, hashes=[5] * 1000, pixels=pixels))
    compared = []
    alike = near_duplicates._alike
    monkeypatch.setattr(near_duplicates, "_alike", lambda *a: compared.append(len(a[1])) or alike(*a))
    group = near_duplicates.grouped(images, np.arange(1000), 8)
    assert np.unique(group).tolist() == [0, 7]
    assert sum(compared) <= 2
