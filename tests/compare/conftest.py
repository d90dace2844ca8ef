"""Prediction tables with given counts, and a real DVC repository with branches and experiments to compare."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

EVALUATE = """
import json, pathlib
from ruamel.yaml import YAML

params = YAML(typ="safe").load(pathlib.Path("params.yaml").read_text())
worse, classes = params["model"]["worse"], params["model"]["classes"]
folder = pathlib.Path("data/predictions")
folder.mkdir(parents=True)
rows = ["id,label,predicted," + ",".join(f"p_{name}" for name in classes)]
for row in range(params["first"], params["first"] + 200):
    label = classes[row % 2]
    predicted = classes[1 - row % 2] if row % 20 < worse or row == params["seed"] else label
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
    params: [first, model, seed]
    deps: [evaluate.py]
    outs: [data/predictions]
    metrics:
      - metrics/evaluate.json: {cache: false}
"""

PARAMS = "seed: 0\nfirst: 0\nmodel:\n  worse: 3\n  classes: [cat, dog]\n"

EXPERIMENTS = {
    "old-1": "-S seed=1",
    "old-2": "-S seed=2",
    "new-1": "-S seed=1 -S model.worse=1",
    "new-2": "-S seed=2 -S model.worse=1",
    "new-4": "-S seed=4 -S model.worse=1",
    "shifted": "-S first=150",
    "elsewhere": "-S first=5000",
    "three": "-S model.classes=[cat,dog,eel]",
}

Table = Callable[..., pd.DataFrame]


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


class Project:
    """A repository of git and DVC in a folder, driven as a user does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> str:
        """Run a command there; its output, or an error that shows it."""
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "DVC_NO_ANALYTICS": "1",
        }
        done = subprocess.run(
            words, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def set(self, old: str, new: str) -> None:
        """Replace a line of params.yaml."""
        path = self.folder / "params.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def commit(self, message: str) -> None:
        """Run the pipeline and commit everything."""
        self.run("dvc", "repro", "--quiet")
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project whose branch `main` is worse than `better`, with experiments and a remote."""
    base = tmp_path_factory.mktemp("compare")
    project = Project(base / "project")
    project.folder.mkdir()
    for name, text in (("evaluate.py", EVALUATE), ("dvc.yaml", STAGES), ("params.yaml", PARAMS)):
        (project.folder / name).write_text(text)
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    project.run("git", "config", "user.name", "Test")
    project.run("git", "config", "user.email", "test@example.com")
    project.run("dvc", "init", "--quiet")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "Begin")
    project.run("git", "tag", "empty")
    project.run("dvc", "remote", "add", "--default", "--quiet", "store", str(base / "store"))
    project.commit("Run")
    project.run("git", "checkout", "--quiet", "-b", "better")
    project.set("worse: 3", "worse: 1")
    project.commit("Try better")
    project.run("git", "checkout", "--quiet", "main")
    for name, settings in EXPERIMENTS.items():
        project.run("dvc", "exp", "run", "--quiet", "--name", name, *settings.split())
        project.run("git", "checkout", "--quiet", "--", ".")
    project.run("dvc", "checkout", "--quiet")
    return project
