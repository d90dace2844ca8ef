"""Adversarial attacks: the change of at most epsilon a pixel that makes the model err, found by its own gradient.

An attack has succeeded with an image where the model errs on it as it is, or on what was found within this epsilon or
a smaller one, which lies within this one too. What has succeeded is not attacked again, so that accuracy never rises
with epsilon. Epsilons are whole grey levels, and every attacked image is rounded to such: a picture that can be stored.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from darkroom import logits
from darkroom.array_types import ClassNumbers, Floats, Pixels
from darkroom.stress.disturbances import Batch

Gradient = Callable[[Floats, ClassNumbers], Floats]
"""Pixels, float32 (n, height, width, channels), and true classes to the gradient of each image's loss, shaped alike."""

Predict = Callable[[Pixels], ClassNumbers]
"""Pixels, uint8 (n, height, width, channels), to the predicted class of each."""

STEPS = 10
"""Of PGD."""

STRIDE = 0.25
"""Of a step of PGD, in epsilons: together they reach from any start to any corner."""


def fgsm(batch: Batch, epsilons: Sequence[float], gradient: Gradient, predict: Predict) -> Iterator[Pixels]:
    """Yield the images after the fast gradient sign method, epsilon by epsilon, the smallest first.

    Every pixel moves by epsilon towards the larger loss (Goodfellow, Shlens and Szegedy, "Explaining and harnessing
    adversarial examples", 2015), or to black or white where that is nearer.

    Parameters
    ----------
    batch : Batch
    epsilons : sequence of float
        Grey levels, whole numbers.
    gradient, predict : callable
        The model.

    Yields
    ------
    uint8, (n, height, width, channels)
    """

    def attacked(pixels: Pixels, labels: ClassNumbers, epsilon: float, rows: Any) -> Floats:
        start = pixels.astype(np.float32)
        return _step(start, epsilon, gradient, labels)

    yield from _by_epsilon(batch, epsilons, attacked, predict)


def pgd(batch: Batch, epsilons: Sequence[float], gradient: Gradient, predict: Predict) -> Iterator[Pixels]:
    """Yield the images after projected gradient descent in the maximum norm, epsilon by epsilon, the smallest first.

    From a drawn start within epsilon of the image, :data:`STEPS` steps of the fast gradient sign method, each put back
    within epsilon of the image and between black and white (Madry et al., "Towards deep learning models resistant to
    adversarial attacks", 2018). Parameters and what is yielded are those of :func:`fgsm`.
    """
    starts = 2 * batch.draws("pgd", batch.pixels[0].size).reshape(batch.pixels.shape) - 1

    def attacked(pixels: Pixels, labels: ClassNumbers, epsilon: float, rows: Any) -> Floats:
        whole = pixels.astype(np.float32)
        least, most = (whole - epsilon).clip(0, 255), (whole + epsilon).clip(0, 255)
        moved = (whole + (epsilon * starts[rows]).astype(np.float32)).clip(least, most)
        for _ in range(STEPS):
            moved = _step(moved, STRIDE * epsilon, gradient, labels).clip(least, most)
        return moved

    yield from _by_epsilon(batch, epsilons, attacked, predict)


def _step(pixels: Floats, length: float, gradient: Gradient, labels: ClassNumbers) -> Floats:
    """Return the images, each pixel moved by ``length`` towards the larger loss."""
    return (pixels + length * np.sign(gradient(pixels, labels))).astype(np.float32)


def _by_epsilon(
    batch: Batch,
    epsilons: Sequence[float],
    attacked: Callable[[Pixels, ClassNumbers, float, Any], Floats],
    predict: Predict,
) -> Iterator[Pixels]:
    """Yield the images after each epsilon, those left as they are with which a smaller one has succeeded."""
    pictures = batch.pixels.copy()
    standing = np.flatnonzero(predict(pictures) == batch.labels)
    for epsilon in epsilons:
        if len(standing):
            found = attacked(batch.pixels[standing], batch.labels[standing], epsilon, standing)
            pictures[standing] = found.clip(0, 255).round().astype(np.uint8)
            standing = standing[predict(pictures[standing]) == batch.labels[standing]]
        yield pictures.copy()


def gradient_of(network: Any) -> Gradient:
    """Return the gradient of the cross-entropy by the pixels, up to a positive factor an image, on TensorFlow.

    Attacks look at its signs alone. Where the model is sure, the cross-entropy itself has none to show: float32 rounds
    it to zero, and the model looks robust. Of the cross-entropy ``log(1 + exp(r))``, with ``r`` the log-sum-exp of the
    other classes' logits less that of the true class, the gradient is a positive multiple of that of ``r``, which is
    never rounded away; so ``r`` it is.

    Parameters
    ----------
    network : keras.Model
        Pixels in, probabilities out, the last layer dense with a softmax or one sigmoid unit.

    Raises
    ------
    UserError
        The last layer is another one.
    """
    import tensorflow as tf

    logits_of = logits.of(network, "to attack the model; --kind chooses disturbances that are no attacks")
    shapes = (tf.TensorSpec((None, *network.input_shape[1:]), tf.float32), tf.TensorSpec((None,), tf.int64))

    # Without autograph, which would write the function's code into the folder for temporary files.
    @tf.function(autograph=False, input_signature=shapes)
    def gradient(pixels: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            found = logits_of(pixels)
            true = tf.one_hot(labels, found.shape[-1], on_value=True, off_value=False)
            others = tf.reduce_logsumexp(tf.where(true, tf.float32.min, found), axis=1)
            ratio = others - tf.reduce_sum(tf.where(true, found, 0.0), axis=1)
        return tape.gradient(ratio, pixels)

    return lambda pixels, labels: np.asarray(gradient(pixels, labels), np.float32)
