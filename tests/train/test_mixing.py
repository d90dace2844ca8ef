"""Prove that MixUp and CutMix mix targets and weights exactly as they mix pixels."""

import numpy as np
import pytest
from scipy import stats

from darkroom.array_types import Floats, Pixels
from darkroom.train.mixing import mix
from darkroom.train.random_numbers import Keys, image_keys
from tests.train.augment_section import params


def black_and_white(number: int, channels: int = 1) -> tuple[Pixels, Floats, Keys]:
    """Return images that are black or white in turn, and as their target how white they are."""
    y = np.arange(number, dtype=np.float32)[:, None] % 2
    x = np.broadcast_to((255 * y).astype(np.uint8)[:, :, None, None], (number, 24, 32, channels)).copy()
    return x, y, image_keys(map(str, range(number)))


@pytest.mark.parametrize("channels", [1, 3])
def test_mixup_mixes_targets_in_proportion_to_pixels(channels: int) -> None:
    x, y, keys = black_and_white(200, channels)

    mixed, targets = mix(x, y, keys, 0, 0, params(mixup=0.4))

    assert (mixed.dtype, targets.dtype) == (np.uint8, np.float32)
    assert (mixed.shape, targets.shape) == (x.shape, y.shape)
    assert np.abs(mixed - 255 * targets[:, :, None, None]).max() < 0.501  # rounded to a grey level
    assert ((targets > 0.02) & (targets < 0.98)).sum() > 50


def test_shares_of_mixup_follow_its_beta_distribution() -> None:
    x, y, keys = black_and_white(4000)

    _, targets = mix(x[:, :1, :1], y, keys, 0, 0, params(mixup=0.4))

    shares = np.where(y == 1, targets, 1 - targets)[:, 0]
    assert stats.kstest(shares, stats.beta(0.4, 0.4).cdf).pvalue > 1e-4


@pytest.mark.parametrize("channels", [1, 3])
def test_cutmix_mixes_targets_in_proportion_to_the_area_of_its_box(channels: int) -> None:
    x, y, keys = black_and_white(300, channels)

    mixed, targets = mix(x, y, keys, 0, 0, params(cutmix=1.0))

    assert set(np.unique(mixed)) == {0, 255}
    assert mixed.mean(axis=(1, 2, 3)) / 255 == pytest.approx(targets[:, 0], abs=1e-6)
    for image, before in zip(mixed, x, strict=True):
        pasted = (image != before).any(axis=2)
        rows, columns = pasted.any(axis=1), pasted.any(axis=0)
        assert np.array_equal(pasted, np.outer(rows, columns))  # one upright box
        assert np.abs(np.diff(np.flatnonzero(rows), prepend=rows.argmax() - 1) - 1).sum() == 0
    assert ((targets > 0) & (targets < 1)).sum() > 200


@pytest.mark.parametrize("alpha", [0.3, 1.0, 8.0])
def test_boxes_of_cutmix_are_as_large_as_their_distribution_says(alpha: float) -> None:
    x, y, keys = black_and_white(2000)

    _, targets = mix(x, y, keys, 0, 0, params(cutmix=alpha))

    def left_inside(share: float) -> float:
        """Return the area of a box with sides of this part, its centre anywhere, that lies inside on average."""
        part = np.sqrt(1 - share)
        return (part * (1 - part / 4)) ** 2

    covered = np.where(y == 1, 1 - targets, targets).mean()
    assert covered == pytest.approx(stats.beta(alpha, alpha).expect(left_inside), abs=0.04)  # whole pixels


def test_where_both_are_on_each_image_takes_one() -> None:
    x, y, keys = black_and_white(400)

    mixed, targets = mix(x, y, keys, 0, 0, params(mixup=1.0, cutmix=1.0))

    blended = ~np.isin(mixed, (0, 255)).any(axis=(1, 2, 3))
    assert 100 < blended.sum() < 300
    assert np.abs(mixed.mean(axis=(1, 2, 3)) - 255 * targets[:, 0]).max() < 0.501


def test_everything_that_belongs_to_an_image_mixes_alike() -> None:
    x, y, keys = black_and_white(50)
    values = np.column_stack([y, 1 - y, 3 * y]).astype(np.float32)

    _, mixed = mix(x, values, keys, 0, 0, params(mixup=0.5, cutmix=0.5))

    assert mixed[:, 0] + mixed[:, 1] == pytest.approx(1)
    assert mixed[:, 2] == pytest.approx(3 * mixed[:, 0])


def test_switched_off_nothing_is_mixed() -> None:
    x, y, keys = black_and_white(6)

    mixed, targets = mix(x, y, keys, 0, 0, params())

    assert mixed is x
    assert targets is y


@pytest.mark.parametrize("on", [{"mixup": 0.4}, {"cutmix": 1.0}])
def test_an_image_alone_in_its_batch_stays_as_it_is(on: dict[str, float]) -> None:
    x, y, keys = black_and_white(2)

    mixed, targets = mix(x[1:], y[1:], keys[1:], 0, 0, params(**on))

    assert np.array_equal(mixed, x[1:])
    assert targets == pytest.approx(y[1:])


def test_how_much_is_an_images_own_draw_with_whom_is_its_neighbour() -> None:
    x, y, keys = black_and_white(8)
    on = params(mixup=1.0)

    _, whole = mix(x, y, keys, 0, 0, on)
    _, part = mix(x[2:6], y[2:6], keys[2:6], 0, 0, on)
    _, later = mix(x, y, keys, 0, 1, on)

    assert np.array_equal(part, whole[2:6])
    assert not np.array_equal(later, whole)
