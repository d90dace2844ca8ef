"""The statistics are those of the training images, exactly, whatever the chunks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from darkroom import UserError
from darkroom.images import Images
from darkroom.split import normalization

ROWS = np.arange(0, 250, 2)


@pytest.fixture(params=["npz", "csv"])
def folder(request: pytest.FixtureRequest, write_images: Callable[..., Path]) -> Images:
    rng = np.random.default_rng(5)
    pixels = rng.integers(3, 250, (250, 6, 5, 3), dtype=np.uint8)
    pixels[..., 1] //= 2
    pixels[:, 0, 0, 0] = 9
    return Images(write_images(["a", "b"] * 125, pixels=pixels, suffix=request.param))


@pytest.fixture(params=[1, 7, 1000])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalization, "_chunk", lambda images: request.param)


@pytest.mark.usefixtures("chunk")
def test_minmax_is_the_range_of_each_pixel(folder: Images) -> None:
    got = normalization.fit("minmax", folder, ROWS)
    pixels = folder.take(ROWS)
    assert (got["minimum"] == pixels.min(axis=0)).all()
    assert (got["maximum"] == pixels.max(axis=0)).all()
    assert got["minimum"].dtype == got["maximum"].dtype == np.float32


@pytest.mark.usefixtures("chunk")
def test_standard_is_mean_and_deviation_of_each_channel(folder: Images) -> None:
    got = normalization.fit("standard", folder, ROWS)
    pixels = folder.take(ROWS).astype(np.float64)
    assert (got["mean"] == pixels.mean(axis=(0, 1, 2)).astype(np.float32)).all()
    assert got["std"] == pytest.approx(pixels.std(axis=(0, 1, 2)), rel=1e-7)
    assert got["mean"].shape == (3,)


def test_a_channel_that_never_changes_is_not_divided_by_zero(write_images: Callable[..., Path]) -> None:
    pixels = np.full((10, 2, 2, 1), 77, np.uint8)
    got = normalization.fit("standard", Images(write_images(["a", "b"] * 5, pixels=pixels)), np.arange(10))
    assert (got["mean"], got["std"]) == (77, 1)


def test_rescale_needs_no_statistics(folder: Images) -> None:
    assert normalization.fit("rescale", folder, ROWS) == {}


@pytest.mark.usefixtures("chunk")
def test_zca_has_the_same_bits_whatever_the_chunks(folder: Images) -> None:
    got = normalization.fit("zca", folder, ROWS)
    flat = folder.take(ROWS).reshape(len(ROWS), -1).astype(np.float64)
    covariance = np.cov(flat.T, bias=True)
    epsilon = normalization.ZCA_EPSILON * np.trace(covariance) / len(covariance)
    # The square of the inverse of W is what it takes the root of: checked without another decomposition.
    inverse = np.linalg.inv(got["matrix"].astype(np.float64))
    assert inverse @ inverse == pytest.approx(covariance + epsilon * np.eye(len(covariance)), abs=0.05)
    assert got["matrix"] == pytest.approx(got["matrix"].T, abs=1e-7)
    assert got["mean"] == pytest.approx(flat.mean(axis=0), rel=1e-6)


def test_zca_decorrelates_neighbours_and_keeps_pixels_in_place(write_images: Callable[..., Path]) -> None:
    rng = np.random.default_rng(2)
    smooth = np.cumsum(rng.normal(0, 8, (400, 64)), axis=1)
    pixels = np.clip(smooth + 128, 0, 255).astype(np.uint8).reshape(-1, 8, 8, 1)
    folder = Images(write_images(["a", "b"] * 200, pixels=pixels))
    got = normalization.fit("zca", folder, np.arange(400))
    flat = pixels.reshape(400, 64).astype(np.float64)
    white = (flat - got["mean"]) @ got["matrix"]
    before, after = (np.corrcoef(values.T) for values in (flat, white))
    off = ~np.eye(64, dtype=bool)
    assert abs(after[off]).mean() < 0.5 * abs(before[off]).mean()
    assert (np.argmax(got["matrix"], axis=1) == np.arange(64)).all()


def test_zca_of_images_all_alike_is_finite(write_images: Callable[..., Path]) -> None:
    folder = Images(write_images(["a", "b"] * 3, pixels=np.full((6, 2, 2, 1), 5, np.uint8)))
    # Nothing varies: with an epsilon of 1, V (0 + 1)^(-1/2) V' is the identity.
    assert normalization.fit("zca", folder, np.arange(6))["matrix"] == pytest.approx(np.eye(4), abs=1e-6)


def test_zca_of_hardly_any_variance_is_the_closed_form(write_images: Callable[..., Path]) -> None:
    # One value is 10 in three of six images, the other 8 in one of these: variances 1/4 and 5/36, covariance 1/12.
    pixels = np.array([[9, 7], [10, 7], [9, 7], [10, 7], [9, 7], [10, 8]], np.uint8).reshape(6, 1, 2, 1)
    folder = Images(write_images(["a", "b"] * 3, pixels=pixels))
    covariance = np.array([[1 / 4, 1 / 12], [1 / 12, 5 / 36]])
    whitened = covariance + 0.1 * (1 / 4 + 5 / 36) / 2 * np.eye(2)
    matrix = normalization.fit("zca", folder, np.arange(6))["matrix"].astype(np.float64)
    assert matrix @ whitened @ matrix == pytest.approx(np.eye(2), abs=1e-5)


def test_the_largest_images_of_zca_are_those_of_the_limit(
    write_images: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(normalization, "ZCA_LARGEST", 12)
    folder = Images(write_images(["a", "b"], pixels=np.arange(24, dtype=np.uint8).reshape(2, 2, 6, 1)))
    assert normalization.fit("zca", folder, np.arange(2))["matrix"].shape == (12, 12)


def test_minmax_knows_pixels_that_are_white_or_black_in_every_image(
    write_images: Callable[..., Path],
) -> None:
    pixels = np.zeros((4, 1, 2, 1), np.uint8)
    pixels[:, 0, 0] = 255
    got = normalization.fit("minmax", Images(write_images(["a", "b"] * 2, pixels=pixels)), np.arange(4))
    assert got["minimum"].ravel().tolist() == got["maximum"].ravel().tolist() == [255, 0]


def test_zca_of_large_images_is_refused_with_the_limit(write_images: Callable[..., Path]) -> None:
    folder = Images(write_images(["a", "b"], pixels=np.zeros((2, 65, 64, 1), np.uint8)))
    with pytest.raises(UserError, match=r"normalize\.method: .*65 x 64 x 1 = 4160 values; allowed .* 4096"):
        normalization.fit("zca", folder, np.arange(2))
