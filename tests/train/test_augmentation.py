"""Prove that each augmentation does what its name says, and that it depends on seed, pass and image alone."""

import csv
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from darkroom import UserError
from darkroom import images as formats
from darkroom.array_types import Pixels
from darkroom.images import Images
from darkroom.train import color, geometry
from darkroom.train.augmentation import augment, check, examples
from darkroom.train.color import Tint
from darkroom.train.geometry import Placement
from darkroom.train.random_numbers import Keys, image_keys
from tests.train.augment_section import OFF, params

ALL = params(
    flip_horizontal=True,
    flip_vertical=True,
    rotation=30.0,
    shift=0.1,
    zoom=[0.8, 1.2],
    shear=10.0,
    crop=0.9,
    brightness=0.1,
    contrast=0.2,
    channel_shift=0.1,
    saturation=0.5,
    hue=20.0,
    erase=0.3,
)


def marked(height: int, width: int, channels: int = 1) -> Pixels:
    """Draw a picture that no flip or turn maps to itself: a ramp with a bright block near one corner."""
    ramp = np.add.outer(np.arange(height), 2 * np.arange(width)) % 120
    picture = np.repeat(ramp[:, :, None], channels, axis=2).astype(np.uint8)
    picture[1 : height // 4, 1 : width // 3] = 250
    picture[..., 0] += 5
    return picture


def many(picture: Pixels, number: int = 400) -> tuple[Pixels, Keys]:
    return np.repeat(picture[None], number, axis=0), image_keys(f"{n}.png" for n in range(number))


def moved(
    picture: Pixels,
    *,
    flips: tuple[int, int] = (1, 1),
    rotation: float = 0,
    shear: float = 0,
    zoom: float = 1,
    shift: tuple[float, float] = (0, 0),
    offset: tuple[float, float] = (0, 0),
    crop: float = 1,
    fill: str = "nearest",
) -> Pixels:
    """Move one picture by exactly this much; angles in degrees, lengths in pixels."""
    placement = Placement(
        flips=np.array([flips], np.float64),
        rotation=np.radians([rotation]),
        shear=np.radians([shear]),
        zoom=np.array([zoom], np.float64),
        shift=np.array([shift], np.float64),
        offset=np.array([offset], np.float64),
        crop=crop,
    )
    return geometry.warp(picture[None], placement.maps(*picture.shape[:2]), fill)[0]


def across(height: int, width: int) -> npt.NDArray[np.float64]:
    """Return each pixel's distance to the right of the centre."""
    return np.tile(np.arange(width) - (width - 1) / 2, (height, 1))


def down(height: int, width: int) -> npt.NDArray[np.float64]:
    return across(width, height).T


def tinted(picture: Pixels, *, hue: float = 0, saturation: float = 1, contrast: float = 1) -> Pixels:
    """Recolour one picture by exactly this much; hue in degrees."""
    pixels = picture[None].copy()
    added = np.zeros((1, picture.shape[2]))
    color.recolour(pixels, Tint(np.radians([hue]), np.array([saturation]), np.array([contrast]), added))
    return pixels[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_on_leaves_every_pixel(channels: int) -> None:
    x, keys = many(marked(12, 17, channels), 20)

    assert np.array_equal(augment(x.copy(), keys, 0, 3, OFF), x)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "axis"), [("flip_horizontal", 1), ("flip_vertical", 0)])
def test_flip_alone_is_numpys_flip_half_of_the_time(channels: int, name: str, axis: int) -> None:
    picture = marked(13, 18, channels)
    x, keys = many(picture)

    result = augment(x, keys, 0, 0, params(**{name: True}))

    same = (result == picture).all(axis=(1, 2, 3))
    flipped = (result == np.flip(picture, axis)).all(axis=(1, 2, 3))
    assert (same ^ flipped).all()
    assert 150 < flipped.sum() < 250  # five standard deviations about 200


def test_both_flips_come_in_all_four_combinations_alike() -> None:
    picture = marked(9, 14)
    x, keys = many(picture)

    result = augment(x, keys, 1, 0, params(flip_horizontal=True, flip_vertical=True))

    for axes in [(), (0,), (1,), (0, 1)]:
        count = (result == np.flip(picture, axes)).all(axis=(1, 2, 3)).sum()
        assert 57 < count < 143  # five standard deviations about 100


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_rotation_by_quarter_turns_is_numpys_rot90(channels: int, quarters: int) -> None:
    picture = marked(16, 16, channels)

    assert np.array_equal(moved(picture, rotation=90 * quarters), np.rot90(picture, quarters))


@pytest.mark.parametrize(
    ("fill", "mode"), [("nearest", "edge"), ("reflect", "symmetric"), ("constant", "constant")]
)
def test_a_shift_by_whole_pixels_copies_them_and_fills_the_rest(fill: str, mode: str) -> None:
    picture = marked(12, 15, 3)
    padded = np.pad(picture, ((4, 4), (3, 3), (0, 0)), mode=mode)  # type: ignore[call-overload]

    assert np.array_equal(moved(picture, shift=(3, 4), fill=fill), padded[:12, :15])
    assert np.array_equal(moved(picture, shift=(-3, -4), fill=fill), padded[8:, 6:])


def test_zoom_magnifies_about_the_centre() -> None:
    ramp = (100 + 4 * across(20, 31)).astype(np.uint8)[:, :, None]

    larger = moved(ramp, zoom=2)[:, :, 0].astype(float)

    assert np.abs(larger - (100 + 2 * across(20, 31))).max() <= 1


def test_shear_moves_rows_in_proportion_to_their_distance_from_the_centre() -> None:
    ramp = (120 + 3 * across(21, 41)).astype(np.uint8)[:, :, None]

    sheared = moved(ramp, shear=20)[:, :, 0].astype(float)

    expected = 120 + 3 * (across(21, 41) - np.tan(np.radians(20)) * down(21, 41))
    assert np.abs(sheared - expected)[:, 5:-5].max() <= 1


def test_a_crop_is_a_window_blown_up_as_opencv_resizes_it() -> None:
    picture = cv2.GaussianBlur(marked(24, 32, 3), (5, 5), 0)
    # Half of each side; its centre lies 4 to the left of the picture's, and 4 up.
    window = picture[2:14, 4:20]

    result = moved(picture, crop=0.5, offset=(-4, -4))

    resized = cv2.resize(window, (32, 24), interpolation=cv2.INTER_LINEAR)
    inside = (slice(1, -1), slice(1, -1))  # at its rim, resize repeats the window's edge
    assert np.abs(result[inside].astype(int) - resized[inside]).max() <= 1


def test_a_random_crop_never_looks_beyond_the_picture_and_reaches_its_edges() -> None:
    white = np.full((30, 20, 1), 255, np.uint8)
    x, keys = many(white)

    assert augment(x, keys, 0, 0, params(crop=0.6, fill="constant")).min() == 255
    placement = geometry.place(30, 20, keys, 0, 0, params(crop=0.6))
    assert placement is not None
    corners = placement.maps(30, 20)[:, :, 2]  # where the result's first pixel comes from
    assert corners.min() == pytest.approx(0, abs=0.1)
    assert corners.max(axis=0) == pytest.approx([0.4 * 19, 0.4 * 29], abs=0.1)


def test_one_warp_does_all_movements_in_their_order() -> None:
    """The maps are the inverse of crop, flip, rotation, shear, zoom and shift, one after the other."""
    height, width = 20, 30
    angle, slant, zoom, crop = np.radians(25), np.radians(10), 1.3, 0.8
    shift, offset = np.array([2.5, -1.5]), np.array([1.0, 2.0])

    def affine(
        linear: npt.ArrayLike = ((1, 0), (0, 1)), move: npt.ArrayLike = (0, 0)
    ) -> npt.NDArray[np.float64]:
        matrix = np.eye(3)
        matrix[:2, :2], matrix[:2, 2] = linear, move
        return matrix

    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    cosine, sine = np.cos(angle), np.sin(angle)
    forward = (
        affine(move=centre + shift)
        @ affine(np.eye(2) * zoom)
        @ affine([[1, np.tan(slant)], [0, 1]])
        @ affine([[cosine, sine], [-sine, cosine]])
        @ affine([[-1, 0], [0, 1]])
        @ affine(np.eye(2) / crop)
        @ affine(move=-centre - offset)
    )
    maps = Placement(
        flips=np.array([[-1.0, 1.0]]),
        rotation=np.array([angle]),
        shear=np.array([slant]),
        zoom=np.array([zoom]),
        shift=shift[None],
        offset=offset[None],
        crop=crop,
    ).maps(height, width)

    assert maps[0] == pytest.approx(np.linalg.inv(forward)[:2])


@pytest.mark.parametrize(
    ("changes", "field", "low", "high"),
    [
        ({"rotation": 40.0}, "rotation", -np.radians(40), np.radians(40)),
        ({"shear": 12.0}, "shear", -np.radians(12), np.radians(12)),
        ({"zoom": [0.7, 1.5]}, "zoom", 0.7, 1.5),
        ({"shift": 0.2}, "shift", [-0.2 * 50, -0.2 * 40], [0.2 * 50, 0.2 * 40]),
    ],
)
def test_movements_spread_evenly_over_their_range(
    changes: dict[str, object], field: str, low: npt.ArrayLike, high: npt.ArrayLike
) -> None:
    placement = geometry.place(40, 50, image_keys(map(str, range(4000))), 0, 0, params(**changes))

    parts = (getattr(placement, field) - np.asarray(low)) / (np.asarray(high) - np.asarray(low))
    assert parts.min() == pytest.approx(0, abs=0.01)
    assert parts.max() == pytest.approx(1, abs=0.01)
    assert parts.mean(axis=0) == pytest.approx(0.5, abs=0.025)  # five standard deviations


@pytest.mark.parametrize(
    "on",
    [
        {"flip_horizontal": True},
        {"flip_vertical": True},
        {"rotation": 1.0},
        {"shift": 0.1},
        {"shear": 1.0},
        {"zoom": [1.0, 1.1]},
        {"zoom": [0.9, 1.0]},
        {"crop": 0.9},
    ],
    ids=str,
)
def test_each_movement_alone_has_images_placed_and_colours_do_not(on: dict[str, object]) -> None:
    keys = image_keys(["a"])

    assert geometry.place(8, 9, keys, 0, 0, params(**on)) is not None
    assert geometry.place(8, 9, keys, 0, 0, params(brightness=0.2, hue=10.0)) is None


def test_movements_of_an_image_do_not_foretell_each_other() -> None:
    placement = geometry.place(40, 50, image_keys(map(str, range(4000))), 0, 0, ALL)

    assert placement is not None
    fields = [
        placement.flips,
        placement.rotation,
        placement.shear,
        placement.zoom,
        placement.shift,
        placement.offset,
    ]
    drawn = np.column_stack(fields)
    assert drawn.shape == (4000, 9)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(9)).max() < 5 / np.sqrt(4000)  # five standard deviations


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_adds_the_same_to_every_pixel_of_an_image(channels: int) -> None:
    picture = marked(10, 12, channels) // 2 + 60
    x, keys = many(picture)

    added = augment(x, keys, 0, 0, params(brightness=0.2)).astype(int) - picture

    assert (added.max(axis=(1, 2, 3)) == added.min(axis=(1, 2, 3))).all()
    assert (added.min(), added.max()) == (-51, 51)


def test_channel_shift_adds_to_each_channel_its_own() -> None:
    x, keys = many(np.full((6, 6, 3), 128, np.uint8))

    added = augment(x, keys, 0, 0, params(channel_shift=0.1)).astype(int) - 128

    assert (added.max(axis=(1, 2)) == added.min(axis=(1, 2))).all()
    assert (added.min(), added.max()) == (-25, 25)
    assert np.abs(np.corrcoef(added[:, 0, 0].T) - np.eye(3)).max() < 0.25  # five standard deviations


@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_stretches_about_each_channels_mean(channels: int) -> None:
    picture = marked(16, 16, channels) // 2 + 60
    mean = picture.mean(axis=(0, 1))

    result = tinted(picture, contrast=1.5).astype(float)

    assert np.abs(result - np.clip(mean + 1.5 * (picture - mean), 0, 255)).max() <= 1


def test_colours_stop_at_black_and_white() -> None:
    x, keys = many(np.tile(np.array([0, 255], np.uint8), (4, 2))[:, :, None])

    result = augment(x, keys, 0, 0, params(brightness=1.0))

    assert result[:, :, ::2].min() == 0
    assert result[:, :, 1::2].max() == 255
    assert (result[:, :, ::2] <= result[:, :, 1::2]).all()  # nothing has run over


def test_saturation_leaves_grey_and_takes_colour_to_grey_at_zero() -> None:
    grey = marked(10, 12).repeat(3, axis=2)
    colour = np.array([[[200, 60, 30]]], np.uint8)

    assert np.abs(tinted(grey, saturation=1.8).astype(int) - grey).max() <= 1
    assert np.ptp(tinted(colour, saturation=0)) <= 1
    stronger = tinted(colour, saturation=1.2).astype(int)
    assert np.ptp(stronger) > np.ptp(colour)


def test_hue_turns_red_to_green_to_blue_and_keeps_grey_and_luma() -> None:
    red = np.array([[[150, 90, 90]]], np.uint8)
    luma = [0.213, 0.715, 0.072]

    assert np.array_equal(tinted(red), red)
    turned = [tinted(red, hue=angle)[0, 0] for angle in (0, 120, 240)]
    assert [int(colour.argmax()) for colour in turned] == [0, 1, 2]
    assert all(colour @ luma == pytest.approx(red[0, 0] @ luma, abs=1) for colour in turned)
    grey = marked(10, 12).repeat(3, axis=2)
    assert np.abs(tinted(grey, hue=77).astype(int) - grey).max() <= 1


def test_erasing_covers_one_square_in_half_of_the_images() -> None:
    x, keys = many(np.zeros((10, 14, 3), np.uint8), 2000)

    result = augment(x, keys, 0, 0, params(erase=0.3))

    covered = (result == color.GREY).all(axis=3)
    assert set(np.unique(result)) == {0, color.GREY}
    assert set(covered.sum(axis=(1, 2))) == {0, 3 * 3}
    assert {int(image.any(axis=axis).sum()) for image in covered for axis in (0, 1)} == {0, 3}
    assert 888 < covered.any(axis=(1, 2)).sum() < 1112
    assert covered.any(axis=0).all()  # everywhere, the corners too


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fill", ["nearest", "reflect", "constant"])
def test_all_at_once_keep_shape_and_type_and_change_every_image(channels: int, fill: str) -> None:
    x, keys = many(marked(21, 34, channels), 50)

    result = augment(x.copy(), keys, 0, 0, ALL.model_copy(update={"fill": fill}))

    assert (result.shape, result.dtype) == (x.shape, np.uint8)
    assert len(np.unique(result.reshape(50, -1), axis=0)) == 50


def test_an_image_does_not_depend_on_its_batch() -> None:
    x, keys = many(marked(20, 26, 3), 40)
    whole = augment(x.copy(), keys, 5, 2, ALL)

    some = np.array([31, 4, 17, 4])

    assert np.array_equal(augment(x[some], keys[some], 5, 2, ALL), whole[some])


@pytest.mark.parametrize("on", [{"rotation": 30.0}, {"channel_shift": 0.2}, {"erase": 0.3}], ids=str)
@pytest.mark.parametrize(
    ("seed", "turn", "first"), [(6, 2, 0), (5, 3, 0), (5, 2, 1)], ids=["seed", "pass", "image"]
)
def test_another_seed_pass_or_image_draws_anew(
    on: dict[str, object], seed: int, turn: int, first: int
) -> None:
    x, keys = many(marked(20, 26, 3), 21)

    one = augment(x[:20].copy(), keys[:20], 5, 2, params(**on))
    other = augment(x[:20].copy(), keys[first : first + 20], seed, turn, params(**on))

    assert (one != other).any(
        axis=(1, 2, 3)
    ).sum() >= 9  # erasing leaves a quarter of the pairs alone, chance more


def test_switching_colours_on_moves_nothing_else() -> None:
    keys = image_keys(["a", "b"])

    one = geometry.place(20, 26, keys, 0, 0, params(rotation=30.0))
    other = geometry.place(20, 26, keys, 0, 0, ALL)

    assert one is not None
    assert other is not None
    assert np.array_equal(one.rotation, other.rotation)


@pytest.mark.parametrize("name", ["saturation", "hue"])
def test_colour_changes_of_grayscale_images_are_refused(name: str) -> None:
    check(params(**{name: 0.5}), 3)
    with pytest.raises(UserError, match=rf"params\.yaml: augment\.{name}: got 0\.5 .* expected 0"):
        check(params(**{name: 0.5}), 1)


def test_examples_show_the_first_passes_of_one_image(tmp_path: Path) -> None:
    pixels = np.stack([marked(12, 15, 3), 255 - marked(12, 15, 3)])
    formats.write_shard(tmp_path / "shard-00000.npz", pixels)
    formats.write_description(tmp_path, (12, 15, 3), ["a"], ["shard-00000.npz"], {})
    with (tmp_path / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([formats.INDEX_COLUMNS, ["x", *[""] * 7], ["y", *[""] * 7]])

    shown = examples(Images(tmp_path), 1, 7, ALL, n=5)

    assert (shown.shape, shown.dtype) == ((5, 12, 15, 3), np.uint8)
    fourth = augment(pixels[1:].copy(), image_keys(["y"]), 7, 3, ALL)
    assert np.array_equal(shown[3], fourth[0])
