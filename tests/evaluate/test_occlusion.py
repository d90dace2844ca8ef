"""Occlusion maps, on a model whose only place of interest is known."""

import numpy as np
import pytest
from scipy import ndimage

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


@pytest.mark.parametrize(("height", "width"), [(24, 24), (30, 13), (100, 9)])
def test_each_place_has_the_mean_loss_of_the_patches_that_hid_it(height, width):
    generator = np.random.default_rng(3)
    image = generator.integers(0, 256, (height, width, 3)).astype(np.uint8)
    weights = generator.normal(size=(height, width, 3))

    def predict(pixels):
        """Be the surer of class 0, the more of the picture is there, wherever that is."""
        seen = 1 / (1 + np.exp(-0.5 - 1e-4 * (weights * pixels).sum(axis=(1, 2, 3))))
        return np.column_stack([seen, 1 - seen]).astype(np.float32)

    whole = predict(image[None])[0]
    grey = image.reshape(-1, 3).mean(axis=0).round()
    total, times = np.zeros((height, width)), np.zeros((height, width))
    starts = []
    for side in (height, width):
        # A sixth of the side is hidden at a time, at twelve places or at as many as there are.
        patch = round(side / 6)
        places = min(12, side - patch + 1)
        starts.append([(round(number * (side - patch) / (places - 1)), patch) for number in range(places)])
    for top, tall in starts[0]:
        for left, wide in starts[1]:
            hidden = image.copy()
            hidden[top : top + tall, left : left + wide] = grey
            loss = max(0, whole.max() - predict(hidden[None])[0, whole.argmax()])
            total[top : top + tall, left : left + wide] += loss
            times[top : top + tall, left : left + wide] += 1
    sigma = max(starts[0][0][1], starts[1][0][1]) / 4
    smooth = ndimage.gaussian_filter(total / times, sigma, mode="mirror", truncate=4)
    assert occlusion_map(predict, image) == pytest.approx(smooth / smooth.max(), abs=2e-3)


def test_a_model_that_looks_nowhere_gives_a_map_of_zeros():
    constant = np.float32([[0.3, 0.7]])
    assert not occlusion_map(
        lambda pixels: constant.repeat(len(pixels), 0), np.zeros((9, 9, 1), np.uint8)
    ).any()


def test_a_side_of_one_pixel_is_no_obstacle():
    assert occlusion_map(corner_model, np.full((1, 7, 1), 200, np.uint8)).shape == (1, 7)
