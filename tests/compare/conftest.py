"""Prediction tables with given counts, and a real DVC repository with branches and experiments to compare."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from darkroom.compare.revisions import Run
from tests.project import Project

EVALUATE = """
import json, pathlib
from ruamel.yaml import YAML

params = YAML(typ="safe").load(pathlib.Path("params.yaml").read_text())
worse, classes = params["model"]["worse"], params["model"]["classes"]
unlucky = params["seed"] + 10 if params["seed"] and not params["still"] else 0  # each seed errs on a row of its own
folder = pathlib.Path("data/predictions")
folder.mkdir(parents=True)
rows = ["id,label,predicted," + ",".join(f"p_{name}" for name in classes)]
for row in range(params["first"], params["first"] + 200):
    label = classes[row % 2]
    predicted = classes[1 - row % 2] if row % 20 < worse or row == unlucky else label
    rows.append(f"{label}/{row}.png,{label},{predicted}," + ",".join("0.5" for _ in classes))
(folder / "test.csv").write_text("\\n".join(rows) + "\\n")
pathlib.Path("metrics").mkdir(exist_ok=True)
accuracy = 1 - worse / 20 - params["seed"] / 1000
pathlib.Path("metrics/evaluate.json").write_text(json.dumps({"accuracy": accuracy, "loss": 0.25, "backend": "x"}))
"""

STAGES = """
stages:
  evaluate:
    cmd: python evaluate.py
    params: [first, model, seed, still]
    deps: [evaluate.py]
    outs: [data/predictions]
    metrics:
      - metrics/evaluate.json: {cache: false}
"""

PARAMS = "seed: 0\nstill: false\nfirst: 0\nmodel:\n  worse: 3\n  classes: [cat, dog]\n"

EXPERIMENTS = {
    "old-1": "-S seed=1",
    "old-2": "-S seed=2",
    "new-1": "-S seed=1 -S model.worse=1",
    "new-2": "-S seed=2 -S model.worse=1",
    "new-4": "-S seed=4 -S model.worse=1",
    "shifted": "-S first=150",
    "elsewhere": "-S first=5000",
    "still-1": "-S seed=1 -S model.worse=2 -S still=true",
    "still-2": "-S seed=2 -S model.worse=2 -S still=true",
    "three": "-S model.classes=[cat,dog,eel]",
}

Table = Callable[..., pd.DataFrame]
MakeRun = Callable[..., Run]


@pytest.fixture
def table() -> Table:
    """Return a function that makes predictions of two classes from one flag an image: right or wrong."""

    def make(right: list[bool], first: int = 0) -> pd.DataFrame:
        labels = ["ab"[row % 2] for row in range(len(right))]
        predicted = [
            label if good else "ba"["ab".index(label)] for label, good in zip(labels, right, strict=True)
        ]
        ids = [f"{first + row:06d}.png" for row in range(len(right))]
        return pd.DataFrame({"id": ids, "label": labels, "predicted": predicted, "p_a": 0.5, "p_b": 0.5})

    return make


@pytest.fixture
def make_run(table: Table) -> MakeRun:
    """Return a function that makes a run without a repository, from one flag an image and its seeds."""

    def make(name: str, right: list[bool], seed: int, first: int = 0, **params: Any) -> Run:
        metrics = {"accuracy": sum(right) / len(right), "loss": 0.25 + seed / 10}
        made = {"seed": seed, "split.seed": 0, "split.train": 0.6, "split.test": 0.3} | params
        return Run(name, table(right, first), made, metrics, images="")

    return make


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project whose branch `main` is worse than `better`, with experiments and a remote."""
    base = tmp_path_factory.mktemp("compare")
    project = Project(base / "project")
    project.begin({"evaluate.py": EVALUATE, "dvc.yaml": STAGES, "params.yaml": PARAMS})
    project.commit("Begin")
    project.run("git", "tag", "empty")
    project.run("dvc", "remote", "add", "--default", "--quiet", "store", str(base / "store"))
    project.repro("Run")
    project.run("git", "checkout", "--quiet", "-b", "better")
    project.set("worse: 3", "worse: 1")
    project.repro("Try better")
    project.run("git", "checkout", "--quiet", "main")
    for name, settings in EXPERIMENTS.items():
        project.run("dvc", "exp", "run", "--quiet", "--name", name, *settings.split())
        project.run("git", "checkout", "--quiet", "--", ".")
    project.run("dvc", "checkout", "--quiet")
    return project
