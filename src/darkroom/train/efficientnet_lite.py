"""EfficientNet-Lite, which keras.applications lacks: EfficientNet without what small devices are slow at.

Neither squeeze-and-excitation nor swish: the rectifier up to 6 instead, and stem and top of one width whatever the
size. After TensorFlow's ``efficientnet/lite`` (Tan and Le, "EfficientNet: rethinking model scaling for convolutional
neural networks", 2019). Layers are called as in keras.applications' EfficientNet.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

Tensors = Mapping[str, npt.NDArray[Any]]

SCALES = {"EfficientNetLite0": (1.0, 1.0), "EfficientNetLite1": (1.0, 1.1), "EfficientNetLite2": (1.1, 1.2)}
"""Width and depth of each network, as factors."""

MEAN, SCALE = 127.0, 128.0
"""Pixels x were seen in training as (x - MEAN) / SCALE."""


class _Stage(NamedTuple):
    kernel: int
    stride: int
    expansion: int
    width: int
    repeats: int


_STAGES = (
    _Stage(3, 1, 1, 16, 1),
    _Stage(3, 2, 6, 24, 2),
    _Stage(5, 2, 6, 40, 2),
    _Stage(3, 2, 6, 80, 3),
    _Stage(5, 1, 6, 112, 3),
    _Stage(5, 2, 6, 192, 4),
    _Stage(3, 1, 6, 320, 1),
)
_STEM, _TOP = 32, 1280
_LEAST_SIDE = 32  # of an image, as in keras.applications: below it the last map is one pixel


def build(name: str, x: Any, include_top: bool = False) -> Any:
    """Return the network over the tensor ``x`` of prepared pixels, float (n, height, width, 3).

    Parameters
    ----------
    name : str
        One of :data:`SCALES`.
    x : Keras tensor
    include_top : bool
        With the mean over each map and the logits of the 1,000 classes of ImageNet; else it ends in the maps.

    Raises
    ------
    ValueError
        The images are smaller than 32 pixels on a side.
    """
    height, width = x.shape[1:3]
    if min(height, width) < _LEAST_SIDE:
        raise ValueError(f"{name} needs {_LEAST_SIDE}x{_LEAST_SIDE} pixels or more, got {height}x{width}")
    inputs = keras.utils.get_source_inputs(x)
    x = _conv(x, _STEM, 3, 2, "stem_conv")
    x = _norm(x, "stem_bn", "stem_activation")
    for block, kernel, stride, expansion, filters in _blocks(name):
        x = _mbconv(x, block, kernel, stride, expansion, filters)
    x = _norm(_conv(x, _TOP, 1, 1, "top_conv"), "top_bn", "top_activation")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(1000, name="predictions")(x)
    return keras.Model(inputs, x, name=name.lower())


def assign(network: Any, tensors: Tensors) -> None:
    """Give ``network`` the weights that a PyTorch file holds, by the names of its package or by those of timm.

    Raises
    ------
    ValueError
        A tensor is missing or has another shape.
    """
    names = _of_timm(network) if "conv_stem.weight" in tensors else _of_package(network)
    for layer in (layer for layer in network.layers if layer.weights):
        given = _weights(layer, names[layer.name], tensors)
        wanted = [tuple(weight.shape) for weight in layer.weights]
        if (found := [weight.shape for weight in given]) != wanted:
            raise ValueError(f"{names[layer.name]} has the shapes {found}, layer {layer.name} needs {wanted}")
        layer.set_weights(given)


def _blocks(name: str) -> list[tuple[str, int, int, int, int]]:
    """Return (name, kernel, stride, expansion, filters) of each block; first and last stage are not repeated more."""
    wider, deeper = SCALES[name]
    found = []
    for number, stage in enumerate(_STAGES, 1):
        ends = number in (1, len(_STAGES))
        repeats = stage.repeats if ends else math.ceil(stage.repeats * deeper)
        for turn in range(repeats):
            block = f"block{number}{chr(ord('a') + turn)}"
            stride = stage.stride if turn == 0 else 1
            found.append((block, stage.kernel, stride, stage.expansion, _rounded(stage.width * wider)))
    return found


def _rounded(width: float) -> int:
    """Return ``width`` as a multiple of 8 that is not below it by more than a tenth."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded


def _mbconv(x: Any, name: str, kernel: int, stride: int, expansion: int, filters: int) -> Any:
    before = x
    if expansion != 1:
        x = _conv(x, x.shape[-1] * expansion, 1, 1, f"{name}_expand_conv")
        x = _norm(x, f"{name}_expand_bn", f"{name}_expand_activation")
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_dwconv")(x)
    x = _norm(x, f"{name}_bn", f"{name}_activation")
    x = _norm(_conv(x, filters, 1, 1, f"{name}_project_conv"), f"{name}_project_bn")
    if stride == 1 and before.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([x, before])
    return x


def _conv(x: Any, filters: int, kernel: int, stride: int, name: str) -> Any:
    # TensorFlow's "same": where a stride leaves an odd pixel of padding, it goes below and to the right.
    return layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)


def _norm(x: Any, name: str, activation: str | None = None) -> Any:
    x = layers.BatchNormalization(epsilon=1e-3, name=name)(x)
    return layers.ReLU(6.0, name=activation)(x) if activation else x


def _weights(layer: Any, name: str, tensors: Tensors) -> list[npt.NDArray[Any]]:
    def tensor(what: str) -> npt.NDArray[Any]:
        if f"{name}.{what}" not in tensors:
            raise ValueError(f"no tensor {name}.{what}, which layer {layer.name} needs")
        return np.asarray(tensors[f"{name}.{what}"], np.float32)

    if isinstance(layer, layers.BatchNormalization):
        return [tensor(what) for what in ("weight", "bias", "running_mean", "running_var")]
    if isinstance(layer, layers.Dense):
        return [tensor("weight").T, tensor("bias")]
    kernel = tensor(
        "weight"
    )  # (out, in, height, width); of depthwise convolutions (channels, 1, height, width)
    if kernel.ndim != 4:
        raise ValueError(f"{name}.weight has the shape {kernel.shape}; a convolution's has four numbers")
    return [kernel.transpose((2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0))]


_ENDS = ("stem_conv", "stem_bn", "top_conv", "top_bn", "predictions")
_PARTS = ("expand_conv", "expand_bn", "dwconv", "bn", "project_conv", "project_bn")


def _of_package(network: Any) -> dict[str, str]:
    """Return the names in ``efficientnet-lite-pytorch`` by those of our layers."""
    theirs = ("_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2")
    names = dict(zip(_ENDS, ("_conv_stem", "_bn0", "_conv_head", "_bn1", "_fc"), strict=True))
    for number, block in enumerate(_block_names(network)):
        for ours, name in zip(_PARTS, theirs, strict=True):
            names[f"{block}_{ours}"] = f"_blocks.{number}.{name}"
    return names


def _of_timm(network: Any) -> dict[str, str]:
    """Return the names in timm's ``tf_efficientnet_lite…`` by those of our layers."""
    names = dict(zip(_ENDS, ("conv_stem", "bn1", "conv_head", "bn2", "classifier"), strict=True))
    for block in _block_names(network):
        stage, turn = int(block[5]) - 1, ord(block[6]) - ord("a")
        expands = stage > 0
        theirs = ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3")
        if not expands:
            theirs = ("", "", "conv_dw", "bn1", "conv_pw", "bn2")
        for ours, name in zip(_PARTS, theirs, strict=True):
            names[f"{block}_{ours}"] = f"blocks.{stage}.{turn}.{name}"
    return names


def _block_names(network: Any) -> list[str]:
    return list(
        dict.fromkeys(layer.name.split("_")[0] for layer in network.layers if layer.name.startswith("block"))
    )
