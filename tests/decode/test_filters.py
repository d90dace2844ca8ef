"""Each step does what its name says, keeps shape and type, and leaves its input alone."""

import inspect
from pathlib import Path

import cv2
import numpy as np
import pytest
from benchmarks import steps
from PIL import Image

from darkroom.array_types import Pixels
from darkroom.decode.pictures import filters, resizing
from darkroom.params.steps import COLOR_ONLY, STEPS, numbers

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(60, 120, (40, 50)).astype(np.uint8)
COLOR = RANDOM.integers(60, 120, (40, 50, 3)).astype(np.uint8)


@pytest.mark.parametrize("picture", [GRAY, COLOR], ids=["grayscale", "rgb"])
@pytest.mark.parametrize("name", [name for name in STEPS if name not in {"trim", *COLOR_ONLY}])
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


def test_grabcut_blackens_what_is_around_the_object_and_draws_nothing_at_random() -> None:
    picture = np.full((60, 80, 3), (40, 70, 160), np.uint8)
    picture += np.random.default_rng(0).integers(0, 12, picture.shape, np.uint8)
    cv2.circle(picture, (40, 30), 15, (220, 190, 40), cv2.FILLED)
    disc = cv2.circle(np.zeros((60, 80), np.uint8), (40, 30), 15, 1, cv2.FILLED) > 0
    cv2.setRNGSeed(5)
    cut = filters.grabcut(picture)
    assert np.array_equal(cut[disc], picture[disc])
    assert not cut[~disc].any()
    cv2.setRNGSeed(6)
    assert np.array_equal(filters.grabcut(picture), cut)
    # A margin so wide that the object is in it.
    assert not filters.apply(picture, [{"grabcut": {"inset": 0.45}}])[disc].all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (3, 3), (5, 5, 3), (4, 60, 3)])
def test_grabcut_takes_pictures_of_a_few_pixels(shape: tuple[int, ...]) -> None:
    assert filters.grabcut(np.random.default_rng(0).integers(0, 256, shape, np.uint8)).shape == shape


def test_the_sheet_of_steps_in_the_docs_shows_each_as_it_is(root: Path) -> None:
    sheet = steps.sheet()
    shown = cv2.cvtColor(cv2.imread(str(steps.SHEET)), cv2.COLOR_BGR2RGB)
    assert shown.shape == sheet.shape
    # Another processor may round a few pixels of GrabCut otherwise.
    assert np.mean(shown != sheet) < 0.001


def test_every_step_has_a_function_that_takes_its_numbers_and_has_its_defaults() -> None:
    for name, takes in STEPS.items():
        parameters = list(inspect.signature(getattr(filters, name)).parameters.values())[1:]
        assert {p.name: p.default for p in parameters} == {
            key: number.default for key, number in takes.items()
        }


@pytest.mark.parametrize("form", [9, [9], {"kernel": 9}])
def test_numbers_come_alone_in_order_or_by_name(form: object) -> None:
    assert np.array_equal(filters.apply(GRAY, [{"blur": form}]), filters.blur(GRAY, 9))


def test_numbers_left_out_are_the_defaults() -> None:
    assert numbers({"canny": [50]}) == ("canny", {"low": 50, "high": 200})
    assert numbers({"clahe": {"tiles": 4}}) == ("clahe", {"clip": 2.0, "tiles": 4})


def test_a_larger_kernel_blurs_more_with_the_deviation_of_opencv() -> None:
    assert filters.blur(GRAY, 9).std() < filters.blur(GRAY).std()
    assert np.array_equal(filters.blur(COLOR, 9), cv2.GaussianBlur(COLOR, (9, 9), 0))


def test_threshold_is_white_above_its_level() -> None:
    assert np.array_equal(filters.threshold(GRAY, 90), np.where(GRAY > 90, 255, 0))


def test_adaptive_threshold_follows_the_light() -> None:
    lit = np.tile(np.linspace(40, 200, 60), (60, 1))
    written = lit.copy()
    written[20:40:6] -= 30  # lines of ink
    found = filters.adaptive_threshold(written.astype(np.uint8), 15, 8)
    assert (found[20:40:6] == 0).all()
    assert (found[:10] == 255).all()


def test_sharpening_adds_what_blurring_takes() -> None:
    expected = np.clip(2 * COLOR.astype(int) - filters.blur(COLOR), 0, 255)
    assert np.array_equal(filters.sharpen(COLOR), expected)
    assert np.array_equal(filters.sharpen(COLOR, 0), COLOR)


def test_morphology_moves_edges_and_removes_what_is_smaller_than_its_kernel() -> None:
    picture = np.zeros((30, 30), np.uint8)
    picture[10:20, 10:20] = 200
    assert (filters.erode(picture, 5)[12:18, 12:18] == 200).all()
    assert np.count_nonzero(filters.erode(picture, 5)) == 36
    assert np.count_nonzero(filters.dilate(picture, 5)) == 14 * 14
    speckled = picture.copy()
    speckled[3, 3], speckled[15, 15] = 255, 0
    assert np.array_equal(filters.close(filters.open(speckled)), picture)


def test_the_gradient_of_an_edge_from_black_to_white_is_white() -> None:
    picture = np.zeros((20, 20), np.uint8)
    picture[:, 10:] = 255
    steep = filters.gradient(picture)
    assert (steep[:, 9:11] == 255).all()
    assert not np.delete(steep, [9, 10], axis=1).any()


def test_lower_thresholds_find_more_edges() -> None:
    assert np.count_nonzero(filters.canny(GRAY, 20, 40)) > np.count_nonzero(filters.canny(GRAY))


def test_other_channels_stand_in_the_place_of_colours() -> None:
    red = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    assert (filters.hsv(red) == (0, 255, 255)).all()
    assert (filters.lab(np.full((4, 4, 3), 255, np.uint8)) == (255, 128, 128)).all()


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


@pytest.mark.parametrize("size", [(13, 17), (150, 150), (40, 50), (7, 61)])
@pytest.mark.parametrize("picture", [GRAY, COLOR], ids=["grayscale", "rgb"])
def test_named_interpolations_are_those_of_pillow_and_opencv(picture: Pixels, size: tuple[int, int]) -> None:
    turned = size[::-1]
    nearest = np.asarray(Image.fromarray(picture).resize(turned, Image.Resampling.NEAREST))
    assert np.array_equal(resizing.squash(picture, size, "nearest"), nearest)
    for name in ("area", "linear", "cubic"):
        expected = cv2.resize(picture, turned, interpolation=getattr(cv2, f"INTER_{name.upper()}"))
        assert np.array_equal(resizing.squash(picture, size, name), expected)
