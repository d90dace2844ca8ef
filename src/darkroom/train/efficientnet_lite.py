"""EfficientNet-Lite, missing in keras.applications: EfficientNet without operations slow on small devices.

Neither squeeze-and-excitation nor swish: the rectifier up to 6 instead, and stem and top of one width whatever the
size. After TensorFlow's ``efficientnet/lite`` (Tan and Le, "EfficientNet: rethinking model scaling for convolutional
neural networks", 2019). Layers are called as in keras.applications' EfficientNet.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from darkroom.params.cross_checks import LEAST_SIDE

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


class _Block(NamedTuple):
    name: str
    kernel: int
    stride: int
    expansion: int
    filters: int


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
_EPSILON = 1e-3


def build(name: str, x: Any, include_top: bool = False, folded: bool = False) -> Any:
    """Return the network over the tensor ``x`` of prepared pixels, float (n, height, width, 3).

    Parameters
    ----------
    name : str
        One of :data:`SCALES`.
    x : Keras tensor
    include_top : bool
        With the mean over each map and the logits of the 1,000 classes of ImageNet; else it ends in the maps.
    folded : bool
        With trained batch normalizations multiplied into the convolutions before them, which then have a bias: for
        weights that were trained. The network is faster, and fine-tuning takes steps in what it computes with: behind
        a normalization that multiplies by ten, as some here do, the same step is ten times as long.

    Raises
    ------
    ValueError
        The images are smaller than 32 pixels on a side.
    """
    height, width = x.shape[1:3]
    if min(height, width) < LEAST_SIDE:
        raise ValueError(f"{name} needs {LEAST_SIDE}x{LEAST_SIDE} pixels or more, got {height}x{width}")
    inputs = keras.utils.get_source_inputs(x)
    x = _unit(x, _conv(_STEM, 3, 2), "stem_conv", folded, "stem_activation")
    for block in _blocks(name):
        x = _mbconv(x, block, folded)
    x = _unit(x, _conv(_TOP, 1), "top_conv", folded, "top_activation")
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
        given = _weights(layer, names, tensors)
        wanted = [tuple(weight.shape) for weight in layer.weights]
        if (found := [weight.shape for weight in given]) != wanted:
            raise ValueError(f"{names[layer.name]} has the shapes {found}, layer {layer.name} needs {wanted}")
        layer.set_weights(given)


def _blocks(name: str) -> list[_Block]:
    """Return the blocks in their order; first and last stage are not repeated more in deeper networks."""
    wider, deeper = SCALES[name]
    found = []
    for number, stage in enumerate(_STAGES, 1):
        ends = number in (1, len(_STAGES))
        for turn in range(stage.repeats if ends else math.ceil(stage.repeats * deeper)):
            block = f"block{number}{chr(ord('a') + turn)}"
            stride = stage.stride if turn == 0 else 1
            found.append(_Block(block, stage.kernel, stride, stage.expansion, _rounded(stage.width * wider)))
    return found


def _rounded(width: float) -> int:
    """Return ``width`` as a multiple of 8 that is not below it by more than a tenth."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded


def _mbconv(x: Any, block: _Block, folded: bool) -> Any:
    before, name = x, block.name
    if block.expansion != 1:
        expand = _conv(x.shape[-1] * block.expansion, 1)
        x = _unit(x, expand, f"{name}_expand_conv", folded, f"{name}_expand_activation")
    depthwise = partial(layers.DepthwiseConv2D, block.kernel, block.stride, padding="same")
    x = _unit(x, depthwise, f"{name}_dwconv", folded, f"{name}_activation")
    x = _unit(x, _conv(block.filters, 1), f"{name}_project_conv", folded)
    if block.stride == 1 and before.shape[-1] == block.filters:
        x = layers.Add(name=f"{name}_add")([x, before])
    return x


def _conv(filters: int, kernel: int, stride: int = 1) -> Callable[..., Any]:
    # TensorFlow's "same": where a stride leaves an odd pixel of padding, it goes below and to the right.
    return partial(layers.Conv2D, filters, kernel, stride, padding="same")


def _unit(x: Any, conv: Callable[..., Any], name: str, folded: bool, activation: str | None = None) -> Any:
    """Return a convolution, its normalization and the rectifier up to 6."""
    x = conv(use_bias=folded, name=name)(x)
    if not folded:
        x = layers.BatchNormalization(epsilon=_EPSILON, name=_norm_of(name))(x)
    return layers.ReLU(6.0, name=activation)(x) if activation else x


def _norm_of(conv: str) -> str:
    """Return the name of the normalization after a convolution: block1a_bn after block1a_dwconv."""
    return conv.replace("dwconv", "conv").replace("_conv", "_bn")


def _weights(layer: Any, names: Mapping[str, str], tensors: Tensors) -> list[npt.NDArray[Any]]:
    def tensor(what: str, name: str = layer.name) -> npt.NDArray[Any]:
        full = f"{names[name]}.{what}"
        if full not in tensors:
            raise ValueError(f"no tensor {full}, which layer {layer.name} needs")
        return np.asarray(tensors[full], np.float64)

    def norm(name: str) -> list[npt.NDArray[Any]]:
        return [tensor(what, name) for what in ("weight", "bias", "running_mean", "running_var")]

    if isinstance(layer, layers.BatchNormalization):
        return norm(layer.name)
    if isinstance(layer, layers.Dense):
        return [tensor("weight").T, tensor("bias")]
    # (out, in, height, width); of depthwise convolutions (channels, 1, height, width).
    kernel = tensor("weight")
    if kernel.ndim != 4:
        raise ValueError(
            f"{names[layer.name]}.weight has the shape {kernel.shape}; a convolution's has four numbers"
        )
    last = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    if not layer.use_bias:
        return [kernel.transpose(last)]
    gamma, beta, mean, variance = norm(_norm_of(layer.name))
    factor = gamma / np.sqrt(variance + _EPSILON)
    if len(factor) != len(kernel):
        raise ValueError(f"{names[_norm_of(layer.name)]} has {len(factor)} numbers for {len(kernel)} maps")
    return [(kernel * factor[:, None, None, None]).transpose(last), beta - mean * factor]


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
