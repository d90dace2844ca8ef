"""Inference with a trained network, as fast as its backend allows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from darkroom.array_types import Floats, Pixels


def compiled(network: Any) -> Callable[[Pixels], Floats]:
    """Return a function that computes ``network``, a Keras model whose backend has been started.

    On TensorFlow the weights become constants of one graph, into which batch normalizations are folded: for networks
    that have them half as fast again as ``predict`` (docs/benchmarks.md), and apart from it in the last bits. The
    function keeps the weights of now, computes many large images in several steps, so that memory stays small, and may
    be called from several threads.

    Returns
    -------
    callable
        Takes uint8 (n, height, width, channels), returns the outputs: float32, (n, k).
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return _in_steps(network.predict_on_batch)
    import tensorflow as tf

    # The public way to a graph of constants goes through a saved model on disk.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    # Without autograph, which would write the function's code into the folder for temporary files.
    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, *network.input_shape[1:]), tf.uint8)])
    def graph(pixels: Any) -> Any:
        return network(tf.cast(pixels, tf.float32), training=False)

    constant = convert_variables_to_constants_v2(graph.get_concrete_function())
    return _in_steps(lambda pixels: constant(tf.constant(pixels))[0])


_MOST = 1 << 21  # pixels in a step: more are no faster, and 256 photos of 224x224 took EfficientNet-Lite 3 GB


def _in_steps(compute: Callable[[Pixels], Any]) -> Callable[[Pixels], Floats]:
    def whole(pixels: Pixels) -> Floats:
        size = max(1, _MOST // (pixels.shape[1] * pixels.shape[2]))
        steps = range(0, max(1, len(pixels)), size)
        return np.concatenate([np.asarray(compute(pixels[at : at + size]), np.float32) for at in steps])

    return whole
