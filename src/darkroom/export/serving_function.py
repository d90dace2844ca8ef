"""The serving function that every format is exported from: uint8 pixels in, one probability per class out."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

INPUT = "pixels"
OUTPUT = "probabilities"


class Graph(tf.Module):
    """A trained network as a TensorFlow function with names of its own.

    ``model.export`` of Keras lists the variables in the order of their addresses and saves each twice; this holds them
    once, in the order of the layers, so that the same model gives the same bytes.

    Parameters
    ----------
    network : keras.Model
        Pixels in, float32 (images, height, width, channels); out the unit of a sigmoid head, or one a class.
    dtype : str
        Of ``pixels``. A converter that makes whole numbers of everything takes float32, and turns these into uint8.
    probabilities : callable, optional
        Computes the same as the network in another way: float32 pixels to one probability a class.

    Attributes
    ----------
    classify : tf.function
        ``pixels``, uint8 (images, height, width, channels), any number of them, to a dict with ``probabilities``,
        float32 (images, classes). A sigmoid head gives two columns as a softmax does: its unit is the second.
    """

    def __init__(
        self, network: Any, dtype: str = "uint8", probabilities: Callable[[Any], Any] | None = None
    ) -> None:
        super().__init__(name="darkroom")
        # Seeds of dropout are variables too, and nothing that predicts reads them.
        self.weights = [weight.value for weight in network.weights if weight.dtype != "uint32"]
        one_unit = network.output_shape[-1] == 1
        pixels = tf.TensorSpec((None, *network.input_shape[1:]), dtype, name=INPUT)

        @tf.function(input_signature=[pixels], autograph=False)
        def classify(pixels: Any) -> dict[str, Any]:
            if probabilities is not None:
                return {OUTPUT: probabilities(tf.cast(pixels, tf.float32))}
            output = network(tf.cast(pixels, tf.float32), training=False)
            return {OUTPUT: tf.concat([1 - output, output], axis=1) if one_unit else output}

        self.classify = classify

    @property
    def signature(self) -> Any:
        """Return ``classify`` for its one signature."""
        return self.classify.get_concrete_function()
