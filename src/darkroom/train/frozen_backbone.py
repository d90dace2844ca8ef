"""Training on top of a frozen network: its features are computed once, and a head is fitted to them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from darkroom import UserError, features
from darkroom.array_types import ClassNumbers, Floats
from darkroom.train import feature_maps, logistic_regression
from darkroom.train.checkpoint import Arrays, State
from darkroom.train.config import Config
from darkroom.train.dataset import Dataset
from darkroom.train.fit import fit


def applies(config: Config) -> bool:
    """Return whether the frozen network sees the same pictures in every epoch, so that once is enough."""
    return config.model.freeze and (config.train.optimizer == "lbfgs" or not config.augment.active)


def check(config: Config, held_out: int) -> None:
    """Raise a UserError where a head is to be solved and no validation images are ``held_out`` to choose by."""
    if config.train.optimizer == "lbfgs" and not held_out:
        raise UserError(
            "params.yaml: train.optimizer: lbfgs chooses the strength of its regularization on the validation images, "
            "and there are none; set split.validation above 0"
        )


def fit_behind(
    network: Any,
    data: Dataset,
    config: Config,
    state: State,
    save: Callable[[State], None],
) -> None:
    """Fit what comes after the frozen layers of ``network``: the first phase of :func:`darkroom.train.fit.fit`.

    Parameters
    ----------
    network : keras.Model
        As built; ends with the weights of the phase's end.
    others
        As there. While a head is trained by epochs, ``state`` holds the weights of the head alone; at the end, all.
    """
    if state.phase:
        return
    trunk, top = features.parted(network)
    rows = np.concatenate([data.training.rows, data.validation.rows])
    extractor = features.Extractor(trunk, config.train.model_dump(), "train")
    values = feature_maps.compute(extractor, data.images, rows)
    if config.train.optimizer == "lbfgs":
        mirrored = None
        if config.augment.flip_horizontal:
            mirrored = feature_maps.compute(extractor, data.images, data.training.rows, mirrored=True)
        if not state.epoch:
            _solve(top, values, mirrored, data, state)
            state.weights = state.best = network.get_weights()
            save(state)
    else:
        # The head alone, which has nothing frozen, in one phase.
        head_alone = replace(config, model=config.model.model_copy(update={"freeze": False}))
        seen: Any = feature_maps.FeatureMaps(data.images.index, rows, values)
        fit(top, replace(data, images=seen), head_alone, state, save)
        state.best = _whole(network, top, state.best)
        state.weights = _whole(network, top, state.weights)


def _solve(top: Any, values: Floats, mirrored: Floats | None, data: Dataset, state: State) -> None:
    """Set the weights of ``top``, a dense layer, by logistic regression, and note in ``state`` how good it is."""
    training, validation = data.training, data.validation
    own, held_out = values[: len(training.rows)], values[len(training.rows) :]
    classes, weights = training.classes, training.weights
    if mirrored is not None:
        own, classes = np.concatenate([own, mirrored]), np.tile(classes, 2)
        weights = None if weights is None else np.tile(weights, 2)
    solution = logistic_regression.solve(own, classes, weights, held_out, validation.classes)
    layer = top.layers[-1]
    layer.set_weights(logistic_regression.as_layer(solution, layer.units))
    row = {
        **_figures(top, values[: len(training.rows)], classes[: len(training.rows)], ""),
        **_figures(top, held_out, validation.classes, "val_"),
        "C": solution.C,
    }
    state.history.append(row)
    state.epoch = state.phase_epoch = state.best_epoch = 1
    state.best_loss = row["val_loss"]
    print(
        f"train: head solved with C {solution.C:.3g}: "
        + "  ".join(f"{name} {value:.4f}" for name, value in row.items() if name != "C")
    )


def _figures(top: Any, values: Floats, classes: ClassNumbers, prefix: str) -> dict[str, float]:
    """Return accuracy and mean cross-entropy of ``top`` on features."""
    outputs = np.concatenate(
        [
            np.asarray(top.predict_on_batch(values[at : at + 1024, None, None]))
            for at in range(0, len(values), 1024)
        ]
    ).astype(np.float64)
    if outputs.shape[1] == 1:
        outputs = np.hstack([1 - outputs, outputs])
    likelihood = outputs[np.arange(len(classes)), classes]
    return {
        f"{prefix}accuracy": float(np.mean(outputs.argmax(1) == classes)),
        f"{prefix}loss": float(np.mean(-np.log(np.maximum(likelihood, 1e-7)))),
    }


def _whole(network: Any, top: Any, weights: Arrays) -> Arrays:
    """Return the weights of ``network`` where those of ``top``, which it shares, are ``weights``."""
    top.set_weights(weights)
    return list(network.get_weights())
