"""Each step does what its name says, keeps shape and type, and leaves its input alone."""

import numpy as np
import pytest

from darkroom.array_types import Pixels
from darkroom.decode.pictures import filters, resizing

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(60, 120, (40, 50)).astype(np.uint8)
COLOR = RANDOM.integers(60, 120, (40, 50, 3)).astype(np.uint8)


@pytest.mark.parametrize("picture", [GRAY, COLOR], ids=["grayscale", "rgb"])
@pytest.mark.parametrize("name", [name for name in filters.STEPS if name != "trim"])
def test_a_step_keeps_shape_and_input(name: str, picture: Pixels) -> None:
    before = picture.copy()
    after = filters.apply(picture, [name])
    assert after.shape == picture.shape
    assert after.dtype == np.uint8
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("step", [filters.equalize, filters.clahe])
def test_equalizing_spreads_the_grey_levels(step: object) -> None:
    assert np.ptp(step(GRAY)) > np.ptp(GRAY)  # type: ignore[operator]


def test_otsu_parts_two_grey_levels() -> None:
    picture = np.full((20, 20), 100, np.uint8)
    picture[5:10] = 140
    assert np.array_equal(filters.otsu(picture), np.where(picture == 140, 255, 0))


def test_blur_lessens_noise() -> None:
    assert filters.blur(GRAY).std() < GRAY.std() / 2


def test_median_removes_a_speck_and_keeps_an_edge() -> None:
    picture = np.zeros((20, 20), np.uint8)
    picture[:, 10:] = 200
    speckled = picture.copy()
    speckled[5, 5] = 255
    assert np.array_equal(filters.median(speckled), picture)


def test_canny_draws_the_edge_of_a_square() -> None:
    picture = np.zeros((40, 40), np.uint8)
    picture[10:30, 10:30] = 255
    edges = filters.canny(picture)
    assert set(np.unique(edges)) == {0, 255}
    assert not edges[15:25, 15:25].any()
    assert edges[20, 8:12].any()


def test_invert_twice_is_nothing() -> None:
    assert np.array_equal(filters.invert(GRAY), 255 - GRAY)
    assert np.array_equal(filters.apply(COLOR, ["invert", "invert"]), COLOR)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_trim_cuts_to_the_content(channels: tuple[int, ...]) -> None:
    picture = np.full((30, 40, *channels), 250, np.uint8)
    picture[5:20, 8:33] = 10
    picture[0, 1] = 245  # the noise of a JPEG's margin
    assert filters.trim(picture).shape[:2] == (15, 25)
    assert not (filters.trim(picture) != 10).any()


def test_trim_leaves_a_picture_of_one_colour() -> None:
    assert filters.trim(np.full((4, 5), 9, np.uint8)).shape == (4, 5)


def test_steps_apply_in_order() -> None:
    assert np.array_equal(filters.apply(GRAY, ["invert", "otsu"]), filters.otsu(filters.invert(GRAY)))


def test_squash_shrinks_by_the_mean_over_the_area() -> None:
    assert np.abs(resizing.squash(GRAY, (20, 25)) - GRAY.reshape(20, 2, 25, 2).mean(axis=(1, 3))).max() <= 1


def test_squash_shrinks_one_side_and_grows_the_other() -> None:
    stripes = np.tile(np.array([[0], [200]], np.uint8), (20, 5))
    assert np.abs(resizing.squash(stripes, (20, 50)).astype(int) - 100).max() <= 1


def test_fit_pads_with_black_around_the_whole_picture() -> None:
    white = np.full((10, 40, 3), 255, np.uint8)
    framed = resizing.resize(white, (20, 20), "fit", "auto")
    assert framed.shape == (20, 20, 3)
    assert (framed[8:12] > 250).all() or (framed[7:12] > 250).all()
    assert not framed[:7].any()
    assert not framed[13:].any()


def test_crop_keeps_the_centre() -> None:
    picture = np.zeros((20, 60), np.uint8)
    picture[:, 20:40] = 255
    assert (resizing.resize(picture, (20, 20), "crop", "auto") == 255).all()


@pytest.mark.parametrize("how", ["squash", "fit", "crop"])
@pytest.mark.parametrize("shape", [(1, 30_000), (30_000, 1), (1, 1), (7, 5)])
def test_extreme_shapes_resize_in_little_memory(how: str, shape: tuple[int, int]) -> None:
    assert resizing.resize(np.full(shape, 7, np.uint8), (64, 48), how, "auto").shape == (64, 48)


@pytest.mark.parametrize("interpolation", ["area", "linear", "cubic", "nearest"])
def test_named_interpolations_are_used(interpolation: str) -> None:
    assert resizing.squash(GRAY, (13, 17), interpolation).shape == (13, 17)
