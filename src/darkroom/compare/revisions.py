"""The run results of a revision, an experiment or the workspace, read through DVC without changing anything."""

import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc_data.index import DataIndexDirError
from ruamel.yaml import YAML, YAMLError

from darkroom import UserError, files

WORKSPACE = "workspace"

PREDICTIONS = "data/predictions/test.csv"
INDEX = "data/images/index.csv"
SPLIT = "data/split/split.csv"
METRICS = "metrics/evaluate.json"
BY_CLASS = "metrics/evaluate_by_class.json"
"""Metrics of each class; in commits of version 0.1 they stand in :data:`METRICS`."""
PARAMS = "params.yaml"
LOCK = "dvc.lock"
IMAGES = "data/images"


@dataclass(frozen=True)
class Run:
    """One run of the pipeline, as a revision holds it.

    Attributes
    ----------
    name : str
        The revision, the experiment, or ``workspace``.
    predictions : DataFrame
        data/predictions/test.csv, and ``sha256`` of each image's file where data/images/index.csv can be read.
    params, metrics : mapping
        params.yaml, and metrics/evaluate.json with those of each class, by dotted key.
    images : str
        DVC's hash of data/images, which tells whether two revisions hold the same pictures; empty where unknown.
    edited : tuple of str
        The params that are not those the predictions were made with, as dvc.lock tells.
    """

    name: str
    predictions: pd.DataFrame
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    images: str
    edited: tuple[str, ...] = ()


def read(name: str, repo: Path, reference: str | None = None) -> Run:
    """Read a run from DVC's cache or, where that lacks it, from the default remote.

    Parameters
    ----------
    name : str
        A branch, tag, commit or experiment; or ``workspace``.
    repo : Path
        The project's folder.
    reference : str, optional
        The full git reference of ``name``, where that alone could mean several experiments.

    Raises
    ------
    UserError
        There is no such revision, or it has no predictions, params or metrics, or they cannot be read.
    """
    if name == WORKSPACE:
        _check_unchanged(repo / Path(PREDICTIONS).parent)
    try:
        held = DVCFileSystem(str(repo), rev=None if name == WORKSPACE else reference or name)
        predictions = _predictions(name, _text(held, name, PREDICTIONS))
        if "id" in predictions:  # what has none is refused, with its reason, where it is compared
            known = _files(held)
            predictions["sha256"] = [known.get(id, "") for id in predictions["id"]]
        params = flat(_parsed(YAML(typ="safe").load, held, name, PARAMS))
        metrics = flat(_parsed(json.loads, held, name, METRICS))
        if held.isfile(BY_CLASS):
            metrics |= flat(_parsed(json.loads, held, name, BY_CLASS))
        lock = _lock(held)
    except DvcException as error:
        raise UserError(
            f"{name}: {error}; expected a branch, tag, commit or experiment (see `git log --oneline` and"
            f" `dvc exp show`), or {WORKSPACE!r}"
        ) from error
    return Run(name, predictions, params, metrics, _locked(lock, IMAGES), _edited(params, lock))


def groups(reference: str, repo: Path) -> dict[str, str]:
    """Return the group of each image of an experiment, by id, from the cache or the remote.

    Raises
    ------
    UserError
        Neither has its split.
    """
    try:
        text = _text(DVCFileSystem(str(repo), rev=reference), reference, SPLIT)
    except DvcException as error:
        raise UserError(
            f"{reference}: {SPLIT}: {error}; `dvc fetch` brings it, or `dvc repro` there"
        ) from error
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return dict(zip(table["id"], table["group"], strict=True))


def locked_images(repo: Path) -> str:
    """Return DVC's hash of data/images that the workspace's dvc.lock names; empty where there is none."""
    return _locked(_lock(DVCFileSystem(str(repo))), IMAGES)


def flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys, in their order."""
    if not isinstance(content, Mapping):
        return {prefix: content} if prefix else {}
    rows: dict[str, Any] = {}
    for key, value in content.items():
        rows.update(flat(value, f"{prefix}.{key}" if prefix else str(key)))
    return rows


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics that are finite numbers."""
    kinds = (int, float)
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    }


def _text(held: DVCFileSystem, name: str, path: str) -> str:
    try:
        return str(held.read_text(path, encoding="utf-8"))
    except (FileNotFoundError, DataIndexDirError) as error:
        if _locked(_lock(held), path.rpartition("/")[0]):
            raise UserError(
                f"{name}: {path} is neither in DVC's cache nor in its remote; run `dvc fetch` where the remote can"
                f" be reached, or check {name} out (`git checkout`, then `dvc checkout`) and run `dvc repro`"
            ) from error
        raise UserError(f"{name}: no {path}; run `dvc repro` there and commit what it wrote") from error


def _files(held: DVCFileSystem) -> dict[str, str]:
    """Return the SHA-256 of the file of each image, by id; nothing where neither cache nor remote has the index."""
    try:
        index = held.read_text(INDEX, encoding="utf-8")
    except (FileNotFoundError, DataIndexDirError):
        return {}
    table = pd.read_csv(io.StringIO(index), dtype=str, keep_default_na=False)
    return dict(zip(table["id"], table["sha256"], strict=True))


def _check_unchanged(folder: Path) -> None:
    """Raise a UserError where the predictions of the workspace are not those that `evaluate` wrote."""
    for path in files.damage(folder):
        raise UserError(
            f"{path} is not what the stage evaluate wrote: it was changed by hand, or damaged; `dvc repro` brings it"
            f" back, and without {folder / files.SEAL} it is taken as it is"
        )


def _parsed(parse: Callable[[str], Any], held: DVCFileSystem, name: str, path: str) -> Mapping[str, Any]:
    try:
        content = parse(_text(held, name, path))
    except (ValueError, YAMLError) as error:
        raise UserError(f"{name}: {path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping):
        raise UserError(f"{name}: {path} holds {type(content).__name__}; expected names and values")
    return content


def _edited(params: Mapping[str, Any], lock: Any) -> tuple[str, ...]:
    """Return the params whose values are not those in the content of dvc.lock."""
    stages = lock.get("stages", {}) if isinstance(lock, Mapping) else {}
    ran: dict[str, Any] = {}
    for stage in stages.values():
        ran.update(flat(stage.get("params", {}).get(PARAMS, {})))
    return tuple(key for key, value in ran.items() if params.get(key) != value)


def _lock(held: DVCFileSystem) -> Any:
    return YAML(typ="safe").load(held.read_text(LOCK, encoding="utf-8")) if held.isfile(LOCK) else None


def _locked(lock: Any, path: str) -> str:
    """Return the hash of the output ``path`` in the content of dvc.lock; empty where no run wrote it."""
    stages = lock.get("stages", {}) if isinstance(lock, Mapping) else {}
    outs = (out for stage in stages.values() for out in stage.get("outs", []))
    return next((str(out.get("md5", "")) for out in outs if out.get("path") == path), "")


def _predictions(name: str, text: str) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.StringIO(text), dtype={"id": str, "label": str, "predicted": str}, keep_default_na=False
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{name}: {PREDICTIONS} is no table: {error}; run `dvc repro` there again") from error
