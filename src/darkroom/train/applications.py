"""Ready-made networks of keras.applications, with random weights or trained ones."""

import inspect
import warnings
from typing import Any

import keras
import numpy as np
from keras import layers

from darkroom import UserError
from darkroom.params import ModelParams
from darkroom.train.normalization import Statistics, normalize

_CAFFE = ("VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152")
_BGR_MEAN = np.array(
    [103.939, 116.779, 123.68], np.float32
)  # of ImageNet, as in keras.applications.imagenet_utils
_RGB_MEAN = np.array([0.485, 0.456, 0.406]) * 255
_RGB_STD = np.array([0.229, 0.224, 0.225]) * 255
_LAST = "average"  # the layer after which a network of ours begins


def features(inputs: Any, model: ModelParams, normalization: tuple[str, Statistics]) -> Any:
    """Return the averaged maps of `model.application` for raw pixels.

    With random weights it takes pixels normalized as every network here. Trained weights know only pixels
    prepared as in their own training, which :func:`prepare` does; `normalize.method` must then be rescale.

    Raises
    ------
    UserError
        There is no such network, it does not take such images, or the weights are not to be had or do not fit.
    """
    builder = _builder(model.application)
    if model.weights is None:
        x = normalize(inputs, *normalization)
        maps = _build(builder, model, input_tensor=x)
    else:
        if normalization[0] != "rescale":
            raise UserError(
                f"params.yaml: normalize.method: got {normalization[0]}, but {model.application} with model.weights "
                "prepares pixels the way it was trained; expected rescale"
            )
        trained = _trained(builder, model, tuple(inputs.shape[1:3]))
        x = prepare(inputs, model.application)
        maps = _build(builder, model, raw=True, input_tensor=x)
        _transfer(trained, maps, x, model)
    return layers.GlobalAveragePooling2D(name=_LAST)(maps.output)


def names() -> list[str]:
    """Return the networks that keras.applications has."""
    found = inspect.getmembers(keras.applications, inspect.isfunction)
    return [name for name, _ in found if name[0].isupper()]


def prepare(x: Any, name: str) -> Any:
    """Return raw pixels as the network ``name`` saw them in training, by built-in layers.

    Families differ (keras.applications' ``preprocess_input``): -1 to 1; mean and deviation of ImageNet; blue,
    green, red less their means; or nothing, where the network holds these steps itself.
    """
    if x.shape[-1] == 1:
        x = layers.Concatenate(dtype="float32", name="grey_to_rgb")([x, x, x])
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


def freeze(model: Any, frozen: bool) -> None:
    """Set whether the ready-made layers of ``model`` learn; nothing happens to networks without such layers.

    Batch normalization layers stay as they are also when the others are thawed: the statistics of few images would undo
    what was learned from many.
    """
    ready_made = [layer.name for layer in model.layers]
    if _LAST not in ready_made or (not frozen and all(layer.trainable for layer in model.layers)):
        return
    for layer in model.layers[: ready_made.index(_LAST)]:
        layer.trainable = not (
            frozen or isinstance(layer, layers.BatchNormalization) or layer.name == "to_bgr"
        )


def _prepares_itself(name: str) -> bool:
    return name.startswith(("EfficientNet", "MobileNetV3", "ConvNeXt"))


def _builder(name: str) -> Any:
    if name not in names():
        raise UserError(f"params.yaml: model.application: got {name!r}; expected one of {', '.join(names())}")
    return getattr(keras.applications, name)


def _build(builder: Any, model: ModelParams, raw: bool = False, **options: Any) -> Any:
    """Build without weights and without head; ``raw``: with the network's own preparation of pixels."""
    if "include_preprocessing" in inspect.signature(builder).parameters:
        options["include_preprocessing"] = raw
    try:
        return builder(include_top=False, weights=None, **options)
    except ValueError as error:
        raise UserError(
            f"params.yaml: model.application: {model.application} does not take images of this image.resolution: "
            f"{error}"
        ) from None


def _trained(builder: Any, model: ModelParams, size: tuple[int, int]) -> Any:
    """Return a model that has the trained weights: the network itself, or whatever model the file holds."""
    source = str(model.weights)
    try:
        if source.endswith(".keras"):
            return keras.models.load_model(source, compile=False)
        network = builder(include_top=False, weights=None, input_shape=(*size, 3))
        if source == "imagenet":
            return builder(include_top=False, weights="imagenet", input_shape=(*size, 3))
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error", UserWarning
            )  # Keras only warns of layers that the file leaves random
            network.load_weights(source)
        return network
    except (ValueError, OSError, KeyError, UserWarning) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"params.yaml: model.weights: {source} does not fit {model.application}: {reason}"
        ) from None
    except Exception as error:  # what keras.utils.get_file raises when a download fails
        if source == "imagenet" and "URL fetch failure" in str(error):
            raise UserError(
                f"params.yaml: model.weights: imagenet: the download failed: {error}; "
                "expected a network connection, or a local file"
            ) from None
        raise


def _transfer(trained: Any, maps: Any, x: Any, model: ModelParams) -> None:
    """Copy weights layer by layer, by name, from ``trained`` to the layers of ``maps`` after ``x``."""
    ours = [layer for layer in maps.layers if layer.weights and layer.name != "to_bgr"]
    theirs = {layer.name: layer for layer in trained.layers}
    for layer in ours:
        found = theirs.get(layer.name)
        shapes = [tuple(weight.shape) for weight in layer.weights]
        given = None if found is None else [tuple(weight.shape) for weight in found.weights]
        if given != shapes:
            raise UserError(
                f"params.yaml: model.weights: {model.weights} does not fit {model.application}: layer {layer.name} "
                f"has weights of {shapes}, the file {'no such layer' if given is None else given}"
            )
        layer.set_weights(found.get_weights())  # type: ignore[union-attr]
