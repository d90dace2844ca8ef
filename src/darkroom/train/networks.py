"""The architectures of `model.network`, each built from its parameters with named, seeded layers."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
from keras import layers

from darkroom import UserError
from darkroom.params import ModelParams
from darkroom.split_files import Statistics
from darkroom.train import applications, own_network, residual
from darkroom.train.normalization import normalize
from darkroom.train.pretrained import Pretrained
from darkroom.train.targets import Head


@dataclass(frozen=True)
class Seeds:
    """Seeds by layer name, so that adding a layer changes the initial weights of no other."""

    seed: int

    def of(self, name: str) -> int:
        """Return the seed for ``name``: a whole number below 2**31, from the first bytes of a BLAKE2b hash."""
        digest = hashlib.blake2b(f"{self.seed} {name}".encode(), digest_size=4).digest()
        return int.from_bytes(digest, "little") >> 1

    def initializer(self, kind: str, name: str) -> Any:
        """Return the initializer ``kind`` of Keras, seeded for the layer ``name``."""
        return keras.initializers.get({"class_name": kind, "config": {"seed": self.of(name)}})


def build(
    model: ModelParams,
    shape: tuple[int, int, int],
    classes: int,
    head: Head,
    normalization: tuple[str, Statistics],
    seed: int,
    precision: str = "float32",
    trained: Pretrained | None = None,
) -> Any:
    """Return the network as a functional Keras model: raw pixels in, probabilities out.

    Parameters
    ----------
    model : ModelParams
    shape : (height, width, channels)
        Of an image.
    classes : int
    head : "sigmoid" or "softmax"
        One unit, the probability of the second class; or one a class.
    normalization : (method, statistics)
        What the first layer does; :func:`darkroom.split_files.read_normalization`.
    seed : int
        Of the initial weights and of dropout.
    precision : "float32" or "bfloat16"
        bfloat16: layers compute in it and keep their weights in float32. The first layer, which holds pixel values
        that bfloat16 would round, and the last, whose probabilities the loss needs exactly, stay in float32.

    trained : Pretrained, optional
        The pretrained weights of the backbone, where they have been read already; else they are read here.

    Raises
    ------
    UserError
        The network is too deep for images of this shape, or its pretrained weights do not fit.
    """
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        seeds = Seeds(seed)
        inputs = layers.Input(shape, name="pixels", dtype="float32")
        if model.network == "application":
            trained = trained or applications.pretrained_weights(model, shape[:2])
            features = applications.features(inputs, model, normalization, trained)
        else:
            builder = BUILDERS.get(model.network, own)
            features = builder(normalize(inputs, *normalization), model, seeds)
        outputs = _head(features, model, classes, head, seeds)
        return keras.Model(inputs, outputs, name="darkroom")
    finally:
        keras.config.set_dtype_policy(policy)


def cnn(x: Any, model: ModelParams, seeds: Seeds) -> Any:
    """Return features: blocks of convolutions with a max pool after each, then dense layers.

    What the dense layers see of the last maps is all of them in one row, or as `model.pooling` says their means or
    maxima (Lin et al., "Network in network", 2013), so that it has one number a map whatever the image's size.
    """
    paddings = model.padding if isinstance(model.padding, list) else [model.padding] * len(model.blocks)
    _check_depth(tuple(x.shape[1:3]), model, paddings)
    for number, (widths, padding) in enumerate(zip(model.blocks, paddings, strict=True), 1):
        for index, width in enumerate(widths, 1):
            name = f"block{number}_conv{index}"
            kernel = seeds.initializer(model.conv_initializer, name)
            x = layers.Conv2D(
                width,
                model.kernel,
                padding=padding,
                use_bias=not model.batch_norm,
                activation=None if model.batch_norm else model.activation,
                kernel_initializer=kernel,
                name=name,
            )(x)
            if model.batch_norm:
                x = layers.BatchNormalization(name=f"block{number}_norm{index}")(x)
                x = _activation(model, f"block{number}_{model.activation}{index}")(x)
        x = layers.MaxPooling2D(2, model.pool_stride, name=f"block{number}_pool")(x)
    x = _dropout(x, model.dropout, "dropout", seeds)
    return _dense(
        _pooled(x, "flatten" if model.pooling == "auto" else model.pooling), model.dense, model, seeds
    )


def lenet(x: Any, model: ModelParams, seeds: Seeds) -> Any:
    """Return the features of LeNet-5 with max pools: 6 and 16 maps of 5x5, dense layers 120 and 84.

    LeCun et al., "Gradient-based learning applied to document recognition", 1998.
    """
    height, width = x.shape[1:3]
    if min(height, width) < 16:
        raise UserError(
            f"params.yaml: model.network: lenet takes images of 16x16 pixels or more, not {height}x{width}"
        )
    for number, maps in enumerate((6, 16), 1):
        name = f"conv{number}"
        kernel = seeds.initializer(model.conv_initializer, name)
        x = layers.Conv2D(maps, 5, activation=model.activation, kernel_initializer=kernel, name=name)(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = _dropout(x, model.dropout, "dropout", seeds)
    return _dense(_pooled(x, "flatten"), [120, 84], model, seeds)


def resnet(x: Any, model: ModelParams, seeds: Seeds) -> Any:
    """Return one number a map of a residual network, or all, then dense layers; see :mod:`darkroom.train.residual`.

    The mean of a map asks how much of a picture looks like something, its maximum whether anything in it does.
    """
    maps = residual.stages(
        x, model.blocks, model.stem_stride, lambda name: seeds.initializer(model.conv_initializer, name)
    )
    x = _pooled(maps, "average" if model.pooling == "auto" else model.pooling)
    return _dense(_dropout(x, model.dropout, "dropout", seeds), model.dense, model, seeds)


def own(x: Any, model: ModelParams, seeds: Seeds) -> Any:
    """Return the features of a network of one's own, as :mod:`darkroom.train.own_network` says, then dense layers."""
    # Of what its file leaves to chance; that of other layers has seeds by name.
    keras.utils.set_random_seed(seeds.of(model.network))
    x = own_network.features(x, model.network)
    if x.ndim == 4:
        x = _pooled(x, "average" if model.pooling == "auto" else model.pooling)
    return _dense(_dropout(x, model.dropout, "dropout", seeds), model.dense, model, seeds)


BUILDERS: dict[str, Callable[[Any, ModelParams, Seeds], Any]] = {"cnn": cnn, "lenet": lenet, "resnet": resnet}


def _head(features: Any, model: ModelParams, classes: int, head: Head, seeds: Seeds) -> Any:
    if model.network == "application":
        dropped = _dropout(features, model.dropout, "dropout", seeds)
        features = _dense(dropped, model.dense, model, seeds)
    return layers.Dense(
        1 if head == "sigmoid" else classes,
        activation=head,
        kernel_initializer=seeds.initializer(model.dense_initializer, "head"),
        dtype="float32",
        name="head",
    )(features)


def _dense(x: Any, widths: list[int], model: ModelParams, seeds: Seeds) -> Any:
    for number, width in enumerate(widths, 1):
        name = f"dense{number}"
        kernel = seeds.initializer(model.dense_initializer, name)
        x = layers.Dense(width, activation=model.activation, kernel_initializer=kernel, name=name)(x)
        x = _dropout(x, model.dense_dropout, f"dense{number}_dropout", seeds)
    return x


def _pooled(maps: Any, pooling: Literal["flatten", "average", "max"]) -> Any:
    if pooling == "flatten":
        return layers.Flatten(name="flatten")(maps)
    pool = {"average": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}[pooling]
    return pool(name="global_pool")(maps)


def _activation(model: ModelParams, name: str) -> Any:
    return (
        layers.ReLU(name=name)
        if model.activation == "relu"
        else layers.Activation(model.activation, name=name)
    )


def _dropout(x: Any, rate: float, name: str, seeds: Seeds) -> Any:
    return layers.Dropout(rate, seed=seeds.of(name), name=name)(x) if rate else x


def _check_depth(size: tuple[int, int], model: ModelParams, paddings: list[Any]) -> None:
    """Raise a UserError naming the first block for which nothing is left of the image."""
    sides = list(size)
    for number, (widths, padding) in enumerate(zip(model.blocks, paddings, strict=True), 1):
        before = "x".join(str(side) for side in sides)
        if padding == "valid":
            sides = [side - (model.kernel - 1) * len(widths) for side in sides]
        if min(sides) < 2:  # the pool's own side
            raise UserError(
                f"params.yaml: model.blocks: too deep for images of {size[0]}x{size[1]} pixels: block {number} of "
                f"{len(model.blocks)} gets maps of {before} and has nothing left to pool; "
                "expected fewer blocks, `padding: same` or a larger image.resolution"
            )
        sides = [(side - 2) // model.pool_stride + 1 for side in sides]
