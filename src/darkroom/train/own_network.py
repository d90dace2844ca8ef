"""A network of one's own: a file in networks/ that says which features are made of an image."""

import runpy
from typing import Any

import keras

from darkroom import UserError


def features(images: Any, path: str) -> Any:
    """Return what the function ``features`` of the file ``path`` makes of images.

    Parameters
    ----------
    images : KerasTensor, float32 (batch, height, width, channels)
        Normalized as `normalize.method` says: the function's one argument. It returns maps, (batch, height, width,
        maps), or numbers, (batch, numbers). All layers are Keras's own, so that any Keras opens ``model.keras``;
        initial weights and dropout without a seed draw from the one of params.yaml.
    path : str

    Raises
    ------
    UserError
        The file has no such function, or that returns something else, or uses layers that only it knows.
    """
    said = f"params.yaml: model.network: {path}"
    build = runpy.run_path(path).get("features")
    if not callable(build):
        raise UserError(f"{said}: has no function `features`; docs/training.md says what such a file holds")
    made = build(images)
    if not isinstance(made, keras.KerasTensor) or made.ndim not in (2, 4):
        what = f"a tensor of the shape {made.shape}" if hasattr(made, "shape") else f"{type(made).__name__}"
        raise UserError(
            f"{said}: features returned {what}; expected maps, (batch, height, width, maps), or numbers, (batch, "
            "numbers)"
        )
    for layer in keras.Model(images, made).layers:
        if not type(layer).__module__.startswith("keras."):
            raise UserError(
                f"{said}: the layer {type(layer).__name__} is not one of Keras's own, so that models/model.keras could "
                "not be opened without this file; make it of layers in keras.layers"
            )
    return made
