"""Attacks on networks whose worst case is known in closed form, and what holds for any network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from darkroom import UserError
from darkroom.stress import attacks
from darkroom.stress.disturbances import Batch
from tests.stress.conftest import batch

EPSILONS = (1, 2, 4, 8, 16)
SHAPE = (6, 5, 3)
Attack = Callable[..., Any]
BOTH = pytest.mark.parametrize("attack", [attacks.fgsm, attacks.pgd], ids=["fgsm", "pgd"])

pytestmark = pytest.mark.usefixtures("tensorflow_started")


def linear(units: int, factor: float = 1.0) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return a network of one dense layer, its weights, (pixels, classes), and its biases."""
    import keras

    generator = np.random.default_rng(units)
    weights = factor * generator.normal(0, 0.01, (int(np.prod(SHAPE)), units)).astype(np.float32)
    inputs = keras.Input(SHAPE)
    head = keras.layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")
    network = keras.Model(inputs, head(keras.layers.Flatten()(inputs)))
    # So that the pixels' mean, 128, is on the boundary.
    biases = -128 * weights.sum(axis=0)
    head.set_weights([weights, biases])
    both = np.hstack([np.zeros_like(weights), weights]) if units == 1 else weights
    return network, both, np.append([0.0], biases) if units == 1 else biases


def predicting(weights: np.ndarray, biases: np.ndarray) -> attacks.Predict:
    return lambda pixels: (pixels.reshape(len(pixels), -1) @ weights.astype(float) + biases).argmax(axis=1)


def labelled_as_predicted(predict: attacks.Predict, seed: int = 0) -> Batch:
    """Return images all of which the model has right."""
    some = batch(SHAPE, 60, seed)
    return Batch(some.pixels, predict(some.pixels), some.keys, some.seed)


def right(predict: attacks.Predict, images: Batch, made: Any) -> list[int]:
    return [int((predict(pixels) == images.labels).sum()) for pixels in made]


@BOTH
@pytest.mark.parametrize("factor", [1.0, 1000.0])
def test_against_a_linear_model_of_two_classes_nothing_is_better(attack: Attack, factor: float) -> None:
    # Of pixels away from black and white the worst case is every one moved by epsilon against the sign of its weight,
    # so that an image stands if its margin is larger than epsilon times the sum of the weights' sizes. Times 1,000 the
    # probabilities are 0 and 1 in float32, and the cross-entropy's own gradient is 0.
    network, weights, biases = linear(1, factor)
    predict = predicting(weights, biases)
    images = labelled_as_predicted(predict)
    gradient = attacks.gradient_of(network)
    slope = weights[:, 1].astype(float)
    margin = np.abs(images.pixels.reshape(60, -1) @ slope + biases[1])
    expected = [int((margin > epsilon * np.abs(slope).sum()).sum()) for epsilon in EPSILONS]
    made = list(attack(images, EPSILONS, gradient, predict))
    assert right(predict, images, made) == expected
    assert 60 > expected[1] > expected[3]
    # What still stands is moved to the very corner.
    signs = np.where(images.labels == 1, -1, 1)[:, None] * np.sign(slope)
    corner = images.pixels.reshape(60, -1) + 4 * signs
    standing = margin > 2 * np.abs(slope).sum()
    np.testing.assert_array_equal(made[2].reshape(60, -1)[standing], corner[standing])


def test_fgsm_of_three_classes_follows_the_gradient_in_closed_form() -> None:
    network, weights, biases = linear(3)
    predict = predicting(weights, biases)
    images = labelled_as_predicted(predict)
    logits = images.pixels.reshape(60, -1) @ weights.astype(float) + biases
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    slope = (shares - np.eye(3)[images.labels]) @ weights.T  # of the cross-entropy
    [made] = attacks.fgsm(images, (3,), attacks.gradient_of(network), predict)
    np.testing.assert_array_equal(made.reshape(60, -1), images.pixels.reshape(60, -1) + 3 * np.sign(slope))


@pytest.fixture(scope="module")
def convolutional() -> Any:
    """Return a network with all that makes a gradient crooked, untrained."""
    import keras

    keras.utils.set_random_seed(3)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((20, 24, 3)),
            layers.Rescaling(1 / 32, offset=-4),
            layers.Conv2D(8, 5, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def test_the_gradient_has_the_direction_of_the_cross_entropys(convolutional: Any) -> None:
    import keras
    import tensorflow as tf

    images = batch()
    pixels = tf.constant(images.pixels, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        said = convolutional(pixels, training=False)
        loss = tf.reduce_sum(keras.losses.sparse_categorical_crossentropy(images.labels, said))
    expected = tape.gradient(loss, pixels).numpy().reshape(40, -1)
    got = attacks.gradient_of(convolutional)(images.pixels.astype(np.float32), images.labels).reshape(40, -1)
    lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(got, axis=1)
    np.testing.assert_allclose((expected * got).sum(axis=1) / lengths, 1, atol=1e-5)


@BOTH
def test_an_attack_keeps_within_epsilon_and_black_and_white_and_only_ever_wins(
    convolutional: Any, attack: Attack
) -> None:
    some = batch()
    pixels = (3 * (some.pixels.astype(int) - 128) + 128).clip(0, 255).astype(np.uint8)  # black and white, too

    def predict(pixels: Any) -> Any:
        return convolutional.predict_on_batch(pixels).argmax(axis=1)

    images = Batch(pixels, np.where(np.arange(40) < 30, predict(pixels), 0), some.keys, 0)
    made = list(attack(images, EPSILONS, attacks.gradient_of(convolutional), predict))
    for epsilon, attacked in zip(EPSILONS, made, strict=True):
        assert attacked.dtype == np.uint8
        assert np.abs(attacked.astype(int) - pixels).max() <= epsilon
    counts = [int((predict(pixels) == images.labels).sum()), *right(predict, images, made)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]
    again = attack(images, EPSILONS, attacks.gradient_of(convolutional), predict)
    assert all((one == other).all() for one, other in zip(made, again, strict=True))


def test_pgd_starts_elsewhere_with_another_seed(convolutional: Any) -> None:
    def predict(pixels: Any) -> Any:
        return convolutional.predict_on_batch(pixels).argmax(axis=1)

    pictures = []
    for seed in (0, 1):
        some = batch()
        images = Batch(some.pixels, predict(some.pixels), some.keys, seed)
        pictures.append(next(attacks.pgd(images, (8,), attacks.gradient_of(convolutional), predict)))
    assert (pictures[0] != pictures[1]).any()


def test_a_model_without_a_head_to_attack_is_refused() -> None:
    import keras

    inputs = keras.Input((4, 4, 1))
    network = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Flatten()(inputs)))
    with pytest.raises(UserError, match="the model's last layer is Softmax; expected a dense one"):
        attacks.gradient_of(network)
