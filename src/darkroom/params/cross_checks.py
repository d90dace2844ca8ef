"""Checks across sections of params.yaml, so that a contradiction fails the first stage and not the fourth."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom import UserError
from darkroom.params.train import NETWORKS, AugmentParams, ModelParams, TrainParams

if TYPE_CHECKING:
    from darkroom.params import Params

WEIGHTS = Path("data/weights")
"""Where a file of weights has to lie, for DVC to notice that it changed."""

LEAST_SIDE = 32
"""Of images for EfficientNet-Lite, pixels, as in keras.applications: below it the last map is one pixel."""


def check(params: "Params") -> None:
    """Raise a UserError where parameters, each allowed, cannot stand together; the file's name is not in it."""
    model, (height, width) = params.model, params.image.height_and_width
    check_training(model, params.augment, params.train)
    if params.labels.corrections and params.image.boxes:
        raise UserError(
            f"labels.corrections: got {params.labels.corrections} with image.boxes: {params.image.boxes}; expected "
            "null, since a correction means a whole file, and boxes may give it several labels: correct their file"
        )
    if model.network.endswith(".py") and not Path(model.network).is_file():
        raise UserError(
            f"model.network: {model.network}: no such file; expected {', '.join(NETWORKS)} or a file"
        )
    if model.network != "application":
        return
    check_weights(model, WEIGHTS)
    if model.application.startswith("EfficientNetLite") and min(height, width) < LEAST_SIDE:
        raise UserError(
            f"image.resolution: got {height}x{width}; {model.application} takes images of {LEAST_SIDE}x{LEAST_SIDE} "
            "or more"
        )


def check_weights(model: ModelParams, folder: Path) -> None:
    """Raise a UserError where ``model.weights`` names a file that does not lie in ``folder``."""
    if model.weights in (None, "packaged", "imagenet"):
        return
    path = Path(os.path.normpath(str(model.weights)))
    if folder not in path.parents:
        there = (folder / path.name).is_file()
        raise UserError(
            f"model.weights: got {model.weights}; expected null, packaged, imagenet or a file in {folder}/, which DVC "
            f"watches: {'write' if there else 'move it there and write'} {folder / path.name}"
        )
    if not path.is_file():
        raise UserError(
            f"model.weights: {model.weights}: no such file; expected null, packaged, imagenet or a file"
        )


def check_training(model: ModelParams, augment: AugmentParams, train: TrainParams) -> None:
    """Raise a UserError where the three sections that describe a training contradict each other."""
    if train.fine_tune_epochs and not model.freeze:
        raise UserError(
            f"train.fine_tune_epochs: got {train.fine_tune_epochs} with model.freeze: false; "
            "expected 0, or freeze: true, since fine-tuning unfreezes what was frozen"
        )
    if train.processes > 1:
        _check_processes(model, augment, train)
    if train.optimizer != "lbfgs":
        return
    lbfgs = "train.optimizer: lbfgs solves one dense layer behind a frozen network"
    if not model.freeze:
        raise UserError(
            f"{lbfgs}; expected model.freeze: true, with model.network: application and model.weights"
        )
    if model.dense or model.dropout:
        raise UserError(f"{lbfgs}; expected model.dense: [] and model.dropout: 0.0")
    idle = [f"augment.{name}" for name in augment.active if name != "flip_horizontal"]
    idle += ["train.label_smoothing"] if train.label_smoothing else []
    if idle and not train.fine_tune_epochs:
        raise UserError(
            f"{lbfgs}, which sees every picture once, as it is and, with augment.flip_horizontal, mirrored; "
            f"{', '.join(idle)} would do nothing: expected as in recipes/transfer.yaml"
        )


def _check_processes(model: ModelParams, augment: AugmentParams, train: TrainParams) -> None:
    several = f"train.processes: got {train.processes}"
    if train.backend != "jax":
        raise UserError(
            f"{several} with train.backend: {train.backend}; expected 1, or jax, which alone can do so"
        )
    if model.freeze and (train.optimizer == "lbfgs" or not augment.active):
        raise UserError(
            f"{several} with model.freeze: true; one process computes the features of a frozen network and fits the "
            "head to them: expected 1"
        )
    if train.calibration != "none":
        raise UserError(
            f"{several} with train.calibration: {train.calibration}, which one process fits; expected 1, or none"
        )
