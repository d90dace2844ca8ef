"""Pretrained weights: their source, their verification, and the networks they fit."""

import contextlib
import hashlib
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import safetensors
import safetensors.numpy
from keras import layers

from darkroom import UserError
from darkroom.params import ModelParams
from darkroom.train import efficientnet_lite, packaged_weights, torch_files


class Pretrained(NamedTuple):
    """Weights that were read.

    Attributes
    ----------
    sha256 : str
        Of their file.
    assign : callable
        Gives them to a network.
    folded : bool
        They are for an EfficientNet-Lite without batch normalizations.
    """

    sha256: str
    assign: Callable[[Any], None]
    folded: bool = False


def load(model: ModelParams, size: tuple[int, int], build: Callable[[Any], Any]) -> Pretrained:
    """Return the weights that ``model.weights`` names.

    Parameters
    ----------
    model : ModelParams
    size : (height, width)
        Of the images.
    build : callable
        Returns `model.application`, with random weights and without its head, over a tensor of prepared pixels.

    Raises
    ------
    UserError
        The weights are not to be had, are not those of ``model.weights_sha256``, or are of another network. That they
        do not fit in shape is found when they are assigned.
    """
    source = str(model.weights)
    if source == "packaged":
        content = packaged_weights.read(model.application)
        sha256 = _check_sha256(model, packaged_weights.WEIGHTS[model.application].sha256)
        tensors = torch_files.read(content)
        assign: Callable[[Any], None] = partial(efficientnet_lite.assign, tensors=tensors)
        return Pretrained(sha256, _fitting(assign, model), folded=True)
    if source == "imagenet":
        network, path = _downloaded(model.application, size)
        sha256 = _check_sha256(model, _sha256(path))
        return Pretrained(sha256, _fitting(partial(_transfer, network), model))
    sha256 = _check_sha256(model, _sha256(Path(source)))
    with _said(model):
        if source.endswith(".safetensors"):
            assign, folded = partial(efficientnet_lite.assign, tensors=_safetensors(model)), True
        elif source.endswith(".keras"):
            trained = keras.models.load_model(source, compile=False)
            folded = "stem_bn" not in {layer.name for layer in trained.layers}
            assign = partial(_transfer, trained)
        else:
            assign, folded = partial(_transfer, _with_weights(build(layers.Input((*size, 3))), source)), False
    return Pretrained(sha256, _fitting(assign, model), folded)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_sha256(model: ModelParams, found: str) -> str:
    if model.weights_sha256 is not None and model.weights_sha256 != found:
        raise UserError(
            f"params.yaml: model.weights_sha256: {model.weights} of {model.application}: expected "
            f"{model.weights_sha256}, got {found}; nothing was trained"
        )
    return found


def _downloaded(application: str, size: tuple[int, int]) -> tuple[Any, Path]:
    """Return the network as keras.applications downloads it, and the file that it was read from."""
    if application in efficientnet_lite.SCALES:
        raise UserError(
            f"params.yaml: model.weights: imagenet: keras.applications has no {application}; expected packaged, "
            "or a file in data/weights/"
        )
    read: list[Path] = []

    # keras.applications does not say which file it reads: it asks this function for it.
    from keras.src.utils import file_utils

    get_file = file_utils.get_file

    def noted(*arguments: Any, **options: Any) -> Any:
        path = get_file(*arguments, **options)
        read.append(Path(path))
        return path

    file_utils.get_file = noted
    try:
        network = getattr(keras.applications, application)(
            include_top=False, weights="imagenet", input_shape=(*size, 3)
        )
    except Exception as error:  # what keras.utils.get_file raises when a download fails
        if "URL fetch failure" not in str(error):
            raise
        raise UserError(
            f"params.yaml: model.weights: imagenet: the download failed: {error}; "
            "expected a network connection, or a local file"
        ) from None
    finally:
        file_utils.get_file = get_file
    return network, read[-1]


def _safetensors(model: ModelParams) -> dict[str, Any]:
    if model.application not in efficientnet_lite.SCALES:
        raise ValueError("tensors of timm are read for " + ", ".join(efficientnet_lite.SCALES))
    return dict(safetensors.numpy.load_file(str(model.weights)))


def _with_weights(network: Any, source: str) -> Any:
    with warnings.catch_warnings():
        # Keras only warns of layers that the file leaves random.
        warnings.simplefilter("error", UserWarning)
        network.load_weights(source)
    return network


def _transfer(trained: Any, network: Any) -> None:
    """Copy weights layer by layer, by name, from ``trained`` to ``network``."""
    theirs = {layer.name: layer for layer in trained.layers}
    for layer in network.layers:
        if not layer.weights or layer.name == "to_bgr":
            continue
        found = theirs.get(layer.name)
        shapes = [tuple(weight.shape) for weight in layer.weights]
        given = None if found is None else [tuple(weight.shape) for weight in found.weights]
        if found is None or given != shapes:
            has = "no such layer" if given is None else given
            raise ValueError(f"layer {layer.name} has weights of {shapes}, the file {has}")
        layer.set_weights(found.get_weights())


def _fitting(assign: Callable[[Any], None], model: ModelParams) -> Callable[[Any], None]:
    def said(network: Any) -> None:
        with _said(model):
            assign(network)

    return said


@contextlib.contextmanager
def _said(model: ModelParams) -> Iterator[None]:
    """Turn what a file of other weights, or none, makes its readers raise into a UserError."""
    try:
        yield
    except (ValueError, OSError, KeyError, UserWarning, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"params.yaml: model.weights: {model.weights} does not fit {model.application}: {reason}"
        ) from None
