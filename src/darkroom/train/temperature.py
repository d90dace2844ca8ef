"""Temperature scaling: the probabilities of a trained network made as sure as its validation images allow."""

from typing import Any

import numpy as np
from scipy.special import log_softmax

from darkroom.array_types import ClassNumbers, Doubles
from darkroom.images import Images
from darkroom.train.dataset import Examples

RANGE = (0.05, 20.0)
"""The temperatures among which the best is looked for."""

_STEP = 256  # images in a step, at most


def scale(network: Any, images: Images, validation: Examples) -> dict[str, float]:
    """Divide the logits of ``network`` by the temperature at which it has the least cross-entropy on validation images.

    By one number for all classes (Guo et al., "On calibration of modern neural networks", 2017): the likeliest class
    stays the likeliest. It goes into the weights of the last layer, so that whatever reads the model has it.

    Parameters
    ----------
    network : keras.Model
        Raw pixels in, probabilities out; its last layer is dense.
    images : Images
    validation : Examples
        One or more, with classes as targets.

    Returns
    -------
    dict
        ``temperature``, four digits of it, and ``calibrated_val_loss``, the mean cross-entropy there. Where all
        validation images are right, the loss falls without end as the temperature does: then it is 1, which changes
        nothing.
    """
    classes = validation.classes
    logits = _logits(network, images, validation)
    temperature = 1.0 if (logits.argmax(axis=1) == classes).all() else _best(logits, classes)
    head = network.layers[-1]
    head.set_weights([weight / np.float32(temperature) for weight in head.get_weights()])
    before, after = (_cross_entropy(logits, classes, divisor) for divisor in (1.0, temperature))
    print(f"train: temperature {temperature:g}: val_loss {before:.4f} before, {after:.4f} with it")
    return {"temperature": temperature, "calibrated_val_loss": float(f"{after:.6g}")}


def _logits(network: Any, images: Images, validation: Examples) -> Doubles:
    """Return what the softmax takes, (n, classes); of one sigmoid unit the logit is the second class's, beside 0."""
    import keras

    head = network.layers[-1]
    features = keras.Model(network.inputs, head.input)
    kernel, bias = (np.asarray(weight, np.float64) for weight in head.get_weights())
    found = np.concatenate(
        [
            keras.ops.convert_to_numpy(features.predict_on_batch(pixels)).astype(np.float64) @ kernel + bias
            for pixels in images.chunks(validation.rows, _STEP)
        ]
    )
    return np.hstack([np.zeros_like(found), found]) if head.units == 1 else found


def _best(logits: Doubles, classes: ClassNumbers) -> float:
    """Return the temperature of the least cross-entropy; in its inverse that is convex, and has one minimum."""
    from scipy.optimize import minimize_scalar

    low, high = RANGE
    found = minimize_scalar(
        lambda inverse: _cross_entropy(logits, classes, 1 / inverse),
        bounds=(1 / high, 1 / low),
        method="bounded",
    )
    # Four digits: the last bits of the logits, which other processors round otherwise, are not in them.
    return float(f"{1 / found.x:.4g}")


def _cross_entropy(logits: Doubles, classes: ClassNumbers, temperature: float) -> float:
    return float(-log_softmax(logits / temperature, axis=1)[np.arange(len(classes)), classes].mean())
