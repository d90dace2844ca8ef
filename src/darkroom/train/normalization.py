"""The first layers of every network: raw pixels in, normalized ones out, by built-in layers and in float32."""

from typing import Any

import keras
import numpy as np

from darkroom.split_files import Statistics


def normalize(x: Any, method: str, statistics: Statistics) -> Any:
    """Return the tensor ``x`` of raw pixels, (n, height, width, channels), normalized.

    Statistics are arguments of the layers, not weights: training cannot change them, and they count as no parameters.
    Only ZCA's matrix has to be the weights of a (frozen) layer.
    """
    return {"rescale": _rescale, "minmax": _minmax, "standard": _standard, "zca": _zca}[method](x, statistics)


def _rescale(x: Any, statistics: Statistics) -> Any:
    return keras.layers.Rescaling(1 / 255, dtype="float32", name="rescale")(x)


def _minmax(x: Any, statistics: Statistics) -> Any:
    span = statistics["maximum"].astype(np.float64) - statistics["minimum"]
    # A pixel that never changes in training has no range: it is shifted, not scaled, as in sklearn's MinMaxScaler.
    span[span == 0] = 1
    return _affine("minmax", x, statistics["minimum"], span, axis=(1, 2, 3))


def _standard(x: Any, statistics: Statistics) -> Any:
    return _affine("standardize", x, statistics["mean"], statistics["std"].astype(np.float64), axis=-1)


def _affine(name: str, x: Any, shift: Any, scale: Any, axis: int | tuple[int, ...]) -> Any:
    layer = keras.layers.Normalization(
        axis=axis, mean=shift.tolist(), variance=(scale**2).tolist(), dtype="float32", name=name
    )
    return layer(x)


def _zca(x: Any, statistics: Statistics) -> Any:
    mean, matrix = (statistics[name].astype(np.float64) for name in ("mean", "matrix"))
    shape = x.shape[1:]
    flat = keras.layers.Flatten(dtype="float32", name="zca_flatten")(x)
    whiten = keras.layers.Dense(len(mean), trainable=False, dtype="float32", name="zca")
    white = whiten(flat)
    whiten.set_weights([matrix.astype(np.float32), (-mean @ matrix).astype(np.float32)])
    return keras.layers.Reshape(shape, dtype="float32", name="zca_reshape")(white)
