"""The train stage: read images and split, fit the network, write the model and the training history."""

import contextlib
import itertools
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from darkroom import UserError, backends, files, npz, split_files
from darkroom.array_types import Rows
from darkroom.images import Images
from darkroom.params import ModelParams, TrainParams, cross_checks
from darkroom.train import checkpoint, execution, processes, targets
from darkroom.train.config import Config
from darkroom.train.dataset import Dataset, Examples

HISTORY = ("epoch", "accuracy", "loss", "val_accuracy", "val_loss", "learning_rate")
"""Columns of ``plots/history.csv``; those of validation are empty where no image is held out."""

SHARED = (
    "__init__.py",
    "array_types.py",
    "backends.py",
    "files.py",
    "images.py",
    "npz.py",
    "compiled_network.py",
    "features.py",
    "params",
    "redirection.py",
    "split_files.py",
    "tf_logging.py",
)
"""Of the files beside the rooms, those that dvc.yaml names for train: a new command is no reason to start afresh."""


def train(
    config: Config, images: Path, split: Path, weights: Path, models: Path, history: Path
) -> dict[str, Any]:
    """Fit the network and write ``model.keras``, ``model.json``, ``augmented.npz`` and the history.

    Parameters
    ----------
    config : Config
        Whose seed is that of initial weights, order, augmentation and dropout.
    images, split : Path
        What decode and split wrote.
    weights : Path
        The folder in which a file that ``model.weights`` names has to lie: DVC watches it.
    models : Path
        Emptied, then filled.
    history : Path
        The CSV file of :data:`HISTORY`, one row an epoch.

    Returns
    -------
    dict
        The metrics of the weights that were kept, and the versions that made them.

    Raises
    ------
    UserError
        Params do not fit the images, the classes or this machine; always before the first epoch.
    """
    source = Images(images)
    table = split_files.read_table(split)
    rows = {part: split_files.rows_of(table, part) for part in ("train", "validation")}
    model, params = config.model, config.train
    head = targets.resolve_head(model.head, source.description["classes"])
    try:
        cross_checks.check_training(model, config.augment, params)
        cross_checks.check_weights(model, weights)
    except UserError as error:
        raise UserError(f"params.yaml: {error}") from None
    check(config, rows["train"], rows["validation"])
    execution.start(params)
    if not params.deterministic:
        print("train: train.deterministic is false: the next run may end in other weights, also when resumed")
    with processes.together(params) as group:
        return _train(config, _dataset(source, rows, head, params), split, models, history, group)


def _train(
    config: Config, data: Dataset, split: Path, models: Path, history: Path, group: processes.Group
) -> dict[str, Any]:
    """Do what :func:`train` says, in each of the processes that train together."""
    # Only now: these import Keras.
    import keras

    from darkroom.train import frozen_backbone, model_file, temperature
    from darkroom.train.fit import fit

    model, params, source = config.model, config.train, data.images
    frozen_backbone.check(config, len(data.validation.rows))
    keras.utils.clear_session()
    group.distribute()  # which that forgets
    network, precision, sha256 = _network(config, source, split, data.head)
    result = model_file.in_float32(network)
    versions = model_file.versions(params.backend)
    asked = {
        "seed": config.seed,
        **{name: getattr(config, name).model_dump() for name in ("model", "augment", "train")},
    }
    under = {"python": platform.python_version(), "numpy": np.__version__}
    with _kept({**asked, **versions, **under}, source.folder, split, model, group) as (state, save):

        def keep(state: checkpoint.State) -> None:
            if not group.first:
                return
            # The history first: what is drawn of a training that is killed here is what it goes on from.
            _write_history(history, state.history)
            save(state)

        if state.history and group.first:
            _write_history(history, state.history)
        with backends.enough_memory("train.batch_size"):
            if frozen_backbone.applies(config):
                # In float32 whatever `train.precision` is: that is what the model that is written computes in.
                frozen_backbone.fit_behind(result, data, config, state, keep)
            fit(network, data, config, state, keep, group)
        result.set_weights(state.best)
        scaled = temperature.scale(result, source, data.validation) if params.calibration != "none" else {}
        if group.first:
            made = {
                "head": data.head,
                "backend": params.backend,
                "threads": params.threads,
                "deterministic": params.deterministic,
                "precision": precision,
                "parameters": network.count_params(),
                **({"weights_sha256": sha256} if sha256 else {}),
                "layers": model_file.describe(network),
                "params": asked,
                "versions": versions,
            }
            _write(models, result, source, made, config, int(data.training.rows[0]))
    return metrics(state, params, network.count_params(), versions, sha256) | scaled


def _write(
    models: Path, network: Any, source: Images, made: dict[str, Any], config: Config, row: int
) -> None:
    """Write the folder ``models``: the network, how it was ``made``, and the image at ``row`` augmented."""
    from darkroom.train import augmentation, model_file

    files.empty_folder(models)
    model_file.write_model(models / "model.keras", network)
    description = {
        "classes": source.description["classes"],
        "shape": list(source.shape),
        "preparation": source.description["preparation"],
        **made,
    }
    files.write_json(models / "model.json", description)
    npz.write(
        models / "augmented.npz",
        original=source.take([row])[0],
        augmented=augmentation.examples(source, row, config.seed, config.augment),
    )


def check(config: Config, training: Rows, validation: Rows) -> None:
    """Raise a UserError where a parameter asks for what these images or other parameters cannot give."""
    seed, train = config.seed, config.train
    if seed < 0:
        raise UserError(f"params.yaml: seed: got {seed}; expected a whole number >= 0")
    steps = train.optimizer != "lbfgs" or train.fine_tune_epochs
    if steps and train.batch_size > len(training):
        raise UserError(
            f"params.yaml: train.batch_size: got {train.batch_size}, more than the {len(training)} training images; "
            f"expected 1 to {len(training)}"
        )
    if not len(validation):
        wants = {
            "train.early_stopping": train.early_stopping is not None,
            "train.restore_best": train.restore_best,
            "train.schedule: plateau": train.schedule == "plateau",
            "train.calibration: temperature": train.calibration == "temperature",
        }
        for name in (name for name, wanted in wants.items() if wanted):
            raise UserError(
                f"params.yaml: {name} watches the validation images, and there are none; "
                "set split.validation above 0"
            )


def _write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write one row an epoch, epochs counted from 1."""
    content = [[number, *(row.get(name, "") for name in HISTORY[1:])] for number, row in enumerate(rows, 1)]
    files.write_csv(path, HISTORY, content)


def metrics(
    state: checkpoint.State,
    train: TrainParams,
    parameters: int,
    versions: dict[str, str],
    weights_sha256: str | None,
) -> dict[str, Any]:
    """Return flat figures of the weights kept: those of the best epoch, of the last, or from before fine-tuning."""
    kept = state.history[(state.kept_epoch or (state.best_epoch if train.restore_best else state.epoch)) - 1]
    figures = {name: float(f"{kept[name]:.6g}") for name in HISTORY[1:-1] if name in kept}
    return {
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        **({"kept_epoch": state.kept_epoch} if state.kept_epoch else {}),
        **figures,
        **{name: state.history[0][name] for name in ("C",) if name in state.history[0]},
        "parameters": parameters,
        "threads": train.threads,
        **({"processes": train.processes} if train.processes > 1 else {}),
        **({"weights_sha256": weights_sha256} if weights_sha256 else {}),
        **{f"version_{name}": version for name, version in versions.items()},
    }


def _network(config: Config, source: Images, split: Path, head: targets.Head) -> tuple[Any, str, str | None]:
    """Return the network, what it computes in, and the SHA-256 of the file of its pretrained weights, if any."""
    import keras

    from darkroom.train import applications, networks

    model, seed = config.model, config.seed
    keras.utils.set_random_seed(seed % 2**32)
    precision = execution.precision(config.train)
    statistics = split_files.read_normalization(split)
    classes = len(source.description["classes"])
    trained = applications.pretrained_weights(model, source.shape[:2])
    network = networks.build(model, source.shape, classes, head, statistics, seed, precision, trained)
    if config.train.fine_tune_epochs:  # that there are so many blocks is to be known before the first epoch
        applications.unfrozen(network, model.unfreeze)
    return network, precision, trained.sha256 if trained else None


def _dataset(source: Images, rows: dict[str, Rows], head: targets.Head, train: TrainParams) -> Dataset:
    classes = source.description["classes"]
    labels = {part: source.index["label"].iloc[where].tolist() for part, where in rows.items()}
    weights = targets.balanced_weights(labels["train"]) if train.class_weights == "balanced" else None
    smoothed = targets.encode(labels["train"], classes, head, train.label_smoothing)
    return Dataset(
        source,
        Examples(rows["train"], smoothed, weights),
        Examples(rows["validation"], targets.encode(labels["validation"], classes, head)),
        head,
    )


def _contents(folder: Path) -> list[Path]:
    """Return files whose content says what ``folder`` holds: its seal, at which the door has looked, or all of them."""
    seal = folder / files.SEAL
    return [seal] if seal.is_file() else sorted(path for path in folder.iterdir() if path.is_file())


@contextlib.contextmanager
def _kept(
    settings: dict[str, Any], images: Path, split: Path, model: ModelParams, group: processes.Group
) -> Any:
    """Give the state to start from and the function that saves it; forget both once the training is done.

    The first process has them; the others, which have to have the same settings, code and data, get its state.
    """
    room = Path(__file__).parent
    contents = {
        "code": files.python_files(room, *(room.parent / name for name in SHARED)),
        "images": _contents(images),
        "split": _contents(split),
        "weights": [Path(model.weights)] if model.weights and Path(model.weights).is_file() else [],
        "networks": [Path(model.network)] if model.network.endswith(".py") else [],
    }
    if group.count > 1:
        facts = {name: checkpoint.key_of({}, paths) for name, paths in contents.items()}
        group.check_equal({"params": json.dumps(settings, sort_keys=True), **facts})
    folder = files.scratch("train") if group.first else None
    if folder is None:
        yield _of_first(checkpoint.State(), group), lambda state: None
        return
    kept = checkpoint.Checkpoint(
        folder, checkpoint.key_of(settings, list(itertools.chain(*contents.values())))
    )
    orphan = checkpoint.Orphan()

    def save(state: checkpoint.State) -> None:
        kept.save(state)
        if "DVC_STAGE" in os.environ and orphan:
            sys.exit(
                f"train: dvc is gone; stopped after epoch {state.epoch}, from which the next run goes on"
            )

    with kept.alone():
        state = kept.load()
        if state is not None:
            print(
                f"train: goes on after epoch {state.epoch}, where a run with the same params, code and data ended"
            )
        yield _of_first(state or checkpoint.State(), group), save
        kept.finish()


def _of_first(state: checkpoint.State, group: processes.Group) -> checkpoint.State:
    return state if group.count == 1 else checkpoint.unpack(group.from_first(checkpoint.pack(state)))
