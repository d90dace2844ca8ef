"""Occlusion maps, on a model whose only place of interest is known."""

import numpy as np
import pytest

from darkroom.evaluate.occlusion import occlusion_map


def corner_model(pixels):
    """Say class 1 the surer, the brighter the upper left corner is."""
    seen = pixels[:, :4, :4].mean(axis=(1, 2, 3)) / 255
    return np.column_stack([1 - seen, seen]).astype(np.float32)


@pytest.mark.parametrize("shape", [(8, 8, 1), (64, 48, 3), (200, 200, 1), (4, 4, 3)])
def test_the_map_is_hottest_where_the_model_looks(shape):
    image = np.zeros(shape, np.uint8)
    image[:4, :4] = 250
    image[-2:] = 40
    heat = occlusion_map(corner_model, image)
    assert heat.shape == shape[:2]
    assert heat.dtype == np.float32
    assert (heat.min() >= 0, heat.max()) == (True, 1)
    if min(shape[:2]) > 8:
        top, left = np.unravel_index(heat.argmax(), heat.shape)
        assert top < shape[0] / 4
        assert left < shape[1] / 4


def test_a_model_that_looks_nowhere_gives_a_map_of_zeros():
    constant = np.float32([[0.3, 0.7]])
    assert not occlusion_map(
        lambda pixels: constant.repeat(len(pixels), 0), np.zeros((9, 9, 1), np.uint8)
    ).any()


def test_a_side_of_one_pixel_is_no_obstacle():
    assert occlusion_map(corner_model, np.full((1, 7, 1), 200, np.uint8)).shape == (1, 7)
