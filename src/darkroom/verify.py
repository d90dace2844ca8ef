"""Verify: reproduce a commit from scratch, in a temporary clone, and compare every output with dvc.lock."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from darkroom import UserError, recipes

DVC = [sys.executable, "-m", "dvc"]


def verify(
    root: Path, recipe: str | None = None, inbox: str | None = None, settings: Sequence[str] = ()
) -> list[str]:
    """Run the pipeline of ``root``'s last commit from nothing and return what differs, a line an output.

    Parameters
    ----------
    root : Path
        The project's folder.
    recipe, inbox : str, optional
        Params to run with, and where their images lie under data/inbox/; by default those committed.
    settings : sequence of str
        Other params, ``key=value`` as for `dvc exp run -S`.

    Returns
    -------
    list of str
        Where params are as committed, the run is compared with the commit's own dvc.lock. With others the pipeline
        runs twice, in two clones of different names and under different settings of time zone, language and hashes, and
        the two are compared.

    Raises
    ------
    UserError
        A run fails, a setting names no param, or there is no dvc.lock to compare with.
    """
    if inbox is not None and recipe is None:
        raise UserError(
            "--inbox: says where a recipe finds its images; name the recipe, too: --recipe transfer, say"
        )
    with tempfile.TemporaryDirectory(prefix="darkroom-verify-") as name:
        first = _clone(root, Path(name) / "first")
        if recipe is None and not settings:
            expected = _lock(first)
            (first / "dvc.lock").unlink()
            return list(differences(expected, _run(first, {})))
        second = _clone(root, Path(name) / "another one")
        for clone in (first, second):
            if recipe is not None:
                text = recipes.read(clone / "recipes", recipe)
                recipes.use(text, clone / "params.yaml", inbox=inbox, force=True)
            recipes.override(clone / "params.yaml", settings)
        other = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "77"}
        return list(differences(_run(first, {}), _run(second, other)))


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each stage or output that two dvc.lock files, parsed, do not agree on."""
    for stage in sorted(left["stages"].keys() | right["stages"].keys()):
        if stage not in left["stages"] or stage not in right["stages"]:
            yield f"{stage}: only in one of the two"
            continue
        ours, theirs = (
            {out["path"]: out["md5"] for out in lock["stages"][stage].get("outs", [])}
            for lock in (left, right)
        )
        for path in sorted(ours.keys() | theirs.keys()):
            if ours.get(path) != theirs.get(path):
                yield f"{stage}: {path}: {ours.get(path, 'missing')} and {theirs.get(path, 'missing')}"


def _clone(root: Path, folder: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(root), str(folder)], check=True)
    shutil.copytree(root / "data" / "inbox", folder / "data" / "inbox", dirs_exist_ok=True)
    return folder


def _run(folder: Path, settings: Mapping[str, str]) -> Any:
    """Run everything in a fresh clone, whose DVC cache is empty, and return its dvc.lock."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*DVC, "repro"], cwd=folder, env=os.environ | {"PATH": path, **settings}, check=False
    )
    if done.returncode:
        raise UserError(
            f"`dvc repro` ended with exit code {done.returncode} in a fresh clone; see its output above"
        )
    return _lock(folder)


def _lock(folder: Path) -> Any:
    path = folder / "dvc.lock"
    if not path.is_file():
        raise UserError("no dvc.lock in the last commit; run `dvc repro` and commit what it changed")
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
