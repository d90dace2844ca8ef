"""What dvc.lock and git hold of the run in the workspace: its params, the hash of its images, its commit."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from darkroom import UserError, recipes
from darkroom.plot import formatting
from darkroom.replicate import experiments

_STAGES = ("fetch", "decode", "split", "train", "evaluate")

_NOT_THE_RUN = ("source",)  # told with the data, without paths of the machine


@dataclass(frozen=True)
class Record:
    """A finished run.

    Attributes
    ----------
    params : dict
        What the stages were given, by section of params.yaml.
    images_md5 : str
        DVC's hash of ``data/images``, as dvc.lock has it: MD5 and ``.dir``.
    commit : str or None
        The last commit that changed dvc.lock; None where dvc.lock is not committed as it is.
    recipe : str or None
        The recipe with the same network, augmentation, normalization and training.
    changed : tuple of (name, value)
        The params that are not at their default, as YAML writes them.
    """

    params: dict[str, Any]
    images_md5: str
    commit: str | None
    recipe: str | None
    changed: tuple[tuple[str, str], ...]


def read(project: Path) -> Record:
    """Return the record of the run in ``project``.

    Raises
    ------
    UserError
        A stage never ran, or has something changed since.
    """
    lock = project / "dvc.lock"
    stages = (YAML(typ="safe").load(lock.read_text(encoding="utf-8")) or {}) if lock.is_file() else {}
    stages = stages.get("stages", {})
    missing = [name for name in _STAGES if name not in stages]
    if missing:
        raise UserError(
            f"{lock}: names no run of {missing[0]}, so there is no finished run; `dvc repro` makes it"
        )
    _check_finished(project)
    params: dict[str, Any] = {}
    for name in _STAGES:
        params |= stages[name].get("params", {}).get("params.yaml", {})
    [images] = [out["md5"] for out in stages["decode"]["outs"] if out["path"] == "data/images"]
    defaults = dict(formatting.flat(_loaded(project / "recipes" / f"{recipes.DEFAULTS}.yaml")))
    told = {section: values for section, values in params.items() if section not in _NOT_THE_RUN}
    changed = tuple((name, value) for name, value in formatting.flat(told) if defaults.get(name) != value)
    return Record(params, images, _commit(project), _recipe(project / "recipes", params), changed)


def _check_finished(project: Path) -> None:
    """Raise a UserError unless what lies in the workspace is the run that dvc.lock names."""
    status: Mapping[str, Any] = json.loads(experiments.dvc(project, "status", "--json"))
    for name in _STAGES:
        changes = [change for change in status.get(name, []) if isinstance(change, dict)]
        found = [
            f"{path} ({state})"
            for change in changes
            for paths in change.values()
            for path, state in _paths(paths)
            # An output that is right, but of which DVC holds no copy.
            if state != "not in cache" or not (project / path).exists()
        ]
        if found or len(changes) < len(status.get(name, [])):
            what = found[0] if found else "its command"
            raise UserError(f"{name} has not run on what is there now: {what}; `dvc repro` finishes the run")


def _paths(content: Any) -> list[tuple[str, str]]:
    """Return what changed and how; DVC nests sections of params under the name of their file."""
    if not isinstance(content, Mapping):
        return [(str(content), "changed")]
    found: list[tuple[str, str]] = []
    for name, state in content.items():
        inner = _paths(state) if isinstance(state, Mapping) else [("", str(state))]
        found += [(f"{name}: {below}" if below else str(name), how) for below, how in inner]
    return found


def _commit(project: Path) -> str | None:
    if experiments.git(project, "status", "--porcelain", "--", "dvc.lock").strip():
        return None
    words = ["git", "log", "-1", "--format=%H", "--", "dvc.lock"]
    done = subprocess.run(words, cwd=project, capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip() or None


def _recipe(folder: Path, params: Mapping[str, Any]) -> str | None:
    yaml = YAML(typ="safe")
    for recipe in recipes.read_all(folder):
        content = yaml.load(recipe.text)
        if all(content[section] == params.get(section) for section in recipes.TRAINING):
            return recipe.name
    return None


def _loaded(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return content
