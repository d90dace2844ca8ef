"""Networks of keras.applications, and EfficientNet-Lite, with random or pretrained weights."""

import inspect
import re
from functools import partial
from typing import Any, Literal

import keras
import numpy as np
from keras import layers

from darkroom import UserError
from darkroom.features import BACKBONE_END, backbone_end
from darkroom.params import ModelParams
from darkroom.split_files import Statistics
from darkroom.train import efficientnet_lite, pretrained
from darkroom.train.normalization import normalize
from darkroom.train.pretrained import Pretrained

_CAFFE = ("VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152")
# Of ImageNet, as in keras.applications.imagenet_utils.
_BGR_MEAN = np.array([103.939, 116.779, 123.68], np.float32)
_RGB_MEAN = np.array([0.485, 0.456, 0.406]) * 255
_RGB_STD = np.array([0.229, 0.224, 0.225]) * 255


def features(
    inputs: Any, model: ModelParams, normalization: tuple[str, Statistics], trained: Pretrained | None
) -> Any:
    """Return the averaged maps of `model.application` for raw pixels.

    With random weights it takes pixels normalized as every network here. Trained weights know only pixels
    prepared as in their own training, which :func:`prepare` does; `normalize.method` must then be rescale.

    Raises
    ------
    UserError
        There is no such network, it does not take such images, or the weights do not fit.
    """
    if trained is None:
        maps = network(model.application, normalize(inputs, *normalization))
    else:
        if normalization[0] != "rescale":
            raise UserError(
                f"params.yaml: normalize.method: got {normalization[0]}, but {model.application} with model.weights "
                "prepares pixels the way it was trained; expected rescale"
            )
        x = prepare(inputs, model.application)
        maps = network(model.application, x, raw=True, folded=trained.folded)
        trained.assign(maps)
    # In float32 whatever the rest computes in: the mean of many numbers is where bfloat16 loses most.
    return layers.GlobalAveragePooling2D(name=BACKBONE_END, dtype="float32")(maps.output)


def pretrained_weights(model: ModelParams, size: tuple[int, int]) -> Pretrained | None:
    """Return the weights that ``model`` asks for, if any, by :func:`darkroom.train.pretrained.load`."""
    if model.network != "application" or model.weights is None:
        return None
    _check_name(model.application)
    return pretrained.load(model, size, partial(network, model.application, raw=True))


def names() -> list[str]:
    """Return the networks that keras.applications has, and those of :mod:`darkroom.train.efficientnet_lite`."""
    found = inspect.getmembers(keras.applications, inspect.isfunction)
    return sorted([name for name, _ in found if name[0].isupper()] + list(efficientnet_lite.SCALES))


def _check_name(name: str) -> None:
    """Raise a UserError where there is no network of this name."""
    if name not in names():
        raise UserError(f"params.yaml: model.application: got {name!r}; expected one of {', '.join(names())}")


def network(name: str, x: Any, raw: bool = False, folded: bool = False) -> Any:
    """Return the network ``name`` over the tensor ``x``, with random weights and without its head.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    x : Keras tensor
        Pixels, (n, height, width, channels).
    raw : bool
        ``x`` is as :func:`prepare` returns it: networks that hold a preparation of their own keep it.
    folded : bool
        Of EfficientNet-Lite, without batch normalizations.

    Raises
    ------
    UserError
        There is no such network, or it does not take images of this size.
    """
    _check_name(name)
    try:
        if name in efficientnet_lite.SCALES:
            return efficientnet_lite.build(name, x, folded=folded)
        builder = getattr(keras.applications, name)
        options = {"include_preprocessing": raw} if _prepares_itself(name) else {}
        return builder(include_top=False, weights=None, input_tensor=x, **options)
    except ValueError as error:
        raise UserError(
            f"params.yaml: model.application: {name} does not take images of this image.resolution: {error}"
        ) from None


def prepare(x: Any, name: str) -> Any:
    """Return raw pixels as the network ``name`` saw them in training, by built-in layers.

    Families differ (keras.applications' ``preprocess_input``): -1 to 1; mean and deviation of ImageNet; blue,
    green, red less their means; or nothing, where the network holds these steps itself.
    """
    if x.shape[-1] == 1:
        x = layers.Concatenate(dtype="float32", name="grey_to_rgb")([x, x, x])
    if name in efficientnet_lite.SCALES:
        scale = 1 / efficientnet_lite.SCALE
        return layers.Rescaling(scale, -efficientnet_lite.MEAN * scale, dtype="float32", name="rescale")(x)
    if _prepares_itself(name):
        return x
    if name in _CAFFE:
        swap = layers.Conv2D(3, 1, trainable=False, dtype="float32", name="to_bgr")
        x = swap(x)
        swap.set_weights([np.eye(3, dtype=np.float32)[:, ::-1][None, None], -_BGR_MEAN])
        return x
    if name.startswith("DenseNet"):
        mean, variance = _RGB_MEAN.tolist(), (_RGB_STD**2).tolist()
        return layers.Normalization(mean=mean, variance=variance, dtype="float32", name="standardize")(x)
    return layers.Rescaling(1 / 127.5, -1, dtype="float32", name="rescale")(x)


def freeze(model: Any, frozen: bool, unfreeze: int | Literal["all"] = "all") -> None:
    """Set which layers of the backbone of ``model`` are trained; nothing happens to networks without one.

    Batch normalization layers stay as they are also when the others are unfrozen: the statistics of few images would
    undo what was learned from many.

    Parameters
    ----------
    model : keras.Model
    frozen : bool
        None of them.
    unfreeze : int or "all"
        Else, how many of the upper blocks, with what comes after them.
    """
    end = backbone_end(model)
    if not end or (not frozen and all(layer.trainable for layer in model.layers)):
        return
    first = end if frozen else unfrozen(model, unfreeze)
    for number, layer in enumerate(model.layers[:end]):
        still = isinstance(layer, layers.BatchNormalization) or layer.name == "to_bgr"
        layer.trainable = number >= first and not still


# EfficientNet block2a_…, ResNet and DenseNet conv3_block1_…, MobileNet block_3_… and expanded_conv_…, ConvNeXt
# stage_0_block_1_…
_BLOCK = re.compile(r"(?:^|_)((?:conv\d+_|stage_\d+_)?block_?\d+[a-z]?|expanded_conv(?:_\d+)?)(?=_|$)")


def unfrozen(model: Any, unfreeze: int | Literal["all"]) -> int:
    """Return the position of the first layer of the last ``unfreeze`` blocks.

    Raises
    ------
    UserError
        The network has fewer blocks, or none that its layers' names tell.
    """
    if unfreeze == "all":
        return 0
    starts: dict[str, int] = {}
    for number, layer in enumerate(model.layers[: backbone_end(model)]):
        if found := _BLOCK.search(layer.name):
            starts.setdefault(found[1], number)
    if unfreeze > len(starts):
        most = (
            f"or at most {len(starts)}, the blocks of this network"
            if starts
            else "its layers' names tell no blocks"
        )
        raise UserError(f"params.yaml: model.unfreeze: got {unfreeze}; expected all, {most}")
    return sorted(starts.values())[-unfreeze]


def _prepares_itself(name: str) -> bool:
    return name.startswith(("EfficientNet", "MobileNetV3", "ConvNeXt"))
