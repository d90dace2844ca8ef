"""Ready-made networks of keras.applications, with random weights or trained ones."""

from typing import Any

from darkroom.train.normalization import Statistics
from darkroom.train.params import ModelParams


def features(inputs: Any, model: ModelParams, normalization: tuple[str, Statistics]) -> Any:
    raise NotImplementedError


def freeze(model: Any, frozen: bool) -> None:
    """."""
