"""The logits of a trained network on TensorFlow: what its softmax or sigmoid takes, without the rounding of either."""

from collections.abc import Callable
from typing import Any

import numpy as np

from darkroom import UserError


def of(network: Any, purpose: str) -> Callable[[Any], Any]:
    """Return a function from pixels, float32 (n, height, width, channels), to logits, float32 (n, classes).

    The weights of the last layer are those of now.

    Parameters
    ----------
    network : keras.Model
        Pixels in, probabilities out, the last layer dense with a softmax or one sigmoid unit. Of the latter the second
        class has the unit's logit and the first 0: their softmax is the sigmoid.
    purpose : str
        What the logits are for, as "to attack the model": for the message.

    Raises
    ------
    UserError
        The last layer is another one.
    """
    import keras
    import tensorflow as tf

    head = network.layers[-1]
    kinds = {keras.activations.softmax, keras.activations.sigmoid}
    if not isinstance(head, keras.layers.Dense) or head.activation not in kinds:
        raise UserError(
            f"the model's last layer is {type(head).__name__}; expected a dense one with a softmax or a sigmoid, as "
            f"`dvc repro train` makes it, {purpose}"
        )
    features = keras.Model(network.inputs, head.input)
    weights = [
        np.asarray(weight) for weight in (head.kernel, head.bias if head.use_bias else np.zeros(head.units))
    ]
    if head.units == 1:
        weights = [np.concatenate([np.zeros_like(weight), weight], axis=-1) for weight in weights]
    kernel, bias = (tf.constant(weight, tf.float32) for weight in weights)

    def compute(pixels: Any) -> Any:
        return tf.cast(features(pixels, training=False), tf.float32) @ kernel + bias

    return compute
