"""Each disturbance does what its name and amount say, and draws the same whatever else is in the batch."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from darkroom.stress import disturbances
from darkroom.stress.disturbances import Batch
from darkroom.stress.kinds import KINDS, Kind, disturbing
from tests.stress.conftest import batch

ORDINARY = [kind for kind in KINDS if not kind.is_attack]


def flat(level: int, count: int = 200) -> Batch:
    """Return images of one grey."""
    some = batch((10, 12, 1), count)
    return dataclasses.replace(some, pixels=np.full_like(some.pixels, level))


@pytest.mark.parametrize("shape", [(20, 24, 3), (9, 7, 1)])
@pytest.mark.parametrize("kind", ORDINARY, ids=lambda kind: kind.name)
def test_what_is_drawn_for_an_image_does_not_depend_on_the_others(
    kind: Kind, shape: tuple[int, int, int]
) -> None:
    whole = batch(shape)
    part = Batch(whole.pixels[5:9], whole.labels[5:9], whole.keys[5:9], whole.seed)
    disturb = disturbing(kind, None, lambda pixels: np.zeros(len(pixels), np.int64))
    all_of_it = list(disturb(whole, kind.amounts))
    assert [made.dtype for made in all_of_it] == [np.uint8] * 5
    assert [made.shape for made in all_of_it] == [whole.pixels.shape] * 5
    for made, alone in zip(all_of_it, disturb(part, kind.amounts), strict=True):
        np.testing.assert_array_equal(made[5:9], alone)


@pytest.mark.parametrize("kind", ORDINARY, ids=lambda kind: kind.name)
def test_every_severity_changes_more_than_the_one_before(kind: Kind) -> None:
    # One bright spot off the centre: what is turned further has no chance to look like itself again.
    row, column = np.mgrid[:48, :48]
    spot = 220 * np.exp(-((row - 8) ** 2 + (column - 20) ** 2) / 30)
    some = batch((48, 48, 3))
    some.pixels[:] = spot.astype(np.uint8)[None, :, :, None]
    changes = [
        np.abs(made.astype(float) - some.pixels).mean()
        for made in disturbing(kind, None, lambda pixels: some.labels)(some, kind.amounts)
    ]
    assert changes == sorted(changes)
    assert changes[-1] > 1


def test_noise_has_the_deviation_asked_for_and_another_seed_is_other_noise() -> None:
    grey = flat(128)
    weak, strong = (made.astype(float) - 128 for made in disturbances.gaussian_noise(grey, (10, 20)))
    assert (weak.std(), strong.std()) == (pytest.approx(10, rel=0.02), pytest.approx(20, rel=0.02))
    assert abs(weak.mean()) < 0.3
    assert np.corrcoef(weak.ravel(), strong.ravel())[0, 1] > 0.998  # the same noise, louder, but for rounding
    assert np.abs(np.corrcoef(weak.reshape(200, -1))[np.triu_indices(200, 1)]).max() < 0.45
    [other] = disturbances.gaussian_noise(dataclasses.replace(grey, seed=1), (10,))
    assert abs(np.corrcoef(weak.ravel(), other.ravel())[0, 1]) < 0.03


def test_blur_is_scipys_gaussian() -> None:
    some = batch((50, 60, 3), 4)
    [made] = disturbances.gaussian_blur(some, (4,))
    expected = ndimage.gaussian_filter(some.pixels.astype(float), (0, 2, 2, 0), mode="mirror", truncate=4)
    assert np.abs(made - expected).max() < 1.5


def test_jpeg_keeps_red_red() -> None:
    some = batch((16, 16, 3), 3)
    some.pixels[:] = (200, 30, 40)
    [made] = disturbances.jpeg(some, (50,))
    assert np.abs(made.astype(int) - [200, 30, 40]).max() < 12


def test_brightness_goes_up_in_one_half_and_down_in_the_other() -> None:
    [made] = disturbances.brightness(flat(100), (40,))
    levels, counts = np.unique(made, return_counts=True)
    assert levels.tolist() == [60, 140]
    assert 0.35 < counts[0] / counts.sum() < 0.65


def test_contrast_shrinks_the_distance_from_the_mean() -> None:
    some = batch()
    [made] = disturbances.contrast(some, (75,))
    before, after = some.pixels.reshape(40, -1), made.reshape(40, -1)
    np.testing.assert_allclose(after.mean(axis=1), before.mean(axis=1), atol=0.5)
    np.testing.assert_allclose(after.std(axis=1), 0.25 * before.std(axis=1), atol=0.5)


def test_a_quarter_turn_is_numpys_one_way_or_the_other() -> None:
    some = batch((21, 21, 3))
    [made] = disturbances.rotation(some, (90,))
    ways = [np.rot90(some.pixels, turns, axes=(1, 2)) for turns in (1, 3)]
    near = np.array(
        [
            [np.abs(one.astype(int) - other).max() <= 1 for one, other in zip(made, way, strict=True)]
            for way in ways
        ]
    )
    assert near.any(axis=0).all()
    assert 10 < near[0].sum() < 30


def test_a_disc_becomes_four_times_as_large_or_as_small() -> None:
    some = batch((64, 64, 1))
    row, column = np.mgrid[:64, :64] - 31.5
    some.pixels[:] = np.where(row**2 + column**2 < 15**2, 255, 0).astype(np.uint8)[None, :, :, None]
    [made] = disturbances.scale(some, (2,))
    ratios = made.sum(axis=(1, 2, 3), dtype=float) / some.pixels.sum(axis=(1, 2, 3), dtype=float)
    larger = ratios > 1
    assert 10 < larger.sum() < 30
    np.testing.assert_allclose(ratios[larger], 4, rtol=0.03)
    np.testing.assert_allclose(ratios[~larger], 1 / 4, rtol=0.06)


def test_occlusion_covers_one_square_by_the_mean_and_nothing_else() -> None:
    some = batch((20, 24, 3))
    some.pixels[:, 0, 0] = 255  # no pixel of the mean's own colour hides a part of the square
    [made] = disturbances.occlusion(some, (50,))
    places = set()
    for before, after in zip(some.pixels, made, strict=True):
        mean = before.mean(axis=(0, 1)).round()
        covered = (after == mean).all(axis=2)
        (top, left), (bottom, right) = (end(np.argwhere(covered), axis=0) for end in (np.min, np.max))
        assert covered[top : bottom + 1, left : right + 1].all()
        assert (bottom - top + 1, right - left + 1) == (10, 10)
        assert (after == before)[~covered].all()
        places.add((int(top), int(left)))
    assert len(places) > 20
