"""A small DVC project whose one stage is quick, fails at a seed or takes its time, as params say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STAGE = """
import json, pathlib, random, sys, time
from ruamel.yaml import YAML

params = YAML(typ="safe").load(pathlib.Path("params.yaml").read_text())
seed, gain = params["seed"], params["train"]["gain"]
if seed == params["train"]["fails_at"]:
    sys.exit("train: params.yaml: train.fails_at: the weights became infinite")
print("epoch 1/1  accuracy 0.5", flush=True)
time.sleep(params["train"]["seconds"])
draw = random.Random(seed)
right = [draw.random() < 0.6 + gain for _ in range(200)]
rows = [f"{i}.png,cat,{'cat' if good else 'dog'},0.5,0.5" for i, good in enumerate(right)]
for name, content in {
    "data/predictions/test.csv": "\\n".join(["id,label,predicted,p_cat,p_dog", *rows]) + "\\n",
    "metrics/evaluate.json": json.dumps({"accuracy": sum(right) / 200, "accuracy_low": 0.1 * seed, "images": 200,
        "inbox": len(list(pathlib.Path("data/inbox").glob("*/*"))), "recall_cat": draw.random(), "support_cat": 200}),
    "metrics/train.json": json.dumps({"epochs": 1, "loss": draw.random(), "version_python": "3"}),
}.items():
    pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(name).write_text(content)
"""

STAGES = """
stages:
  train:
    cmd: python train.py
    params: [seed, train]
    deps: [train.py, data/inbox]
    outs: [data/predictions]
    metrics:
      - metrics/evaluate.json: {cache: false}
      - metrics/train.json: {cache: false}
"""

PARAMS = "seed: 0\ntrain:\n  gain: 0.1\n  fails_at: -1\n  seconds: 0\n"


class Project:
    """A repository of git and DVC in a folder, driven as a user does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "DVC_NO_ANALYTICS": "1",
        }

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command there; its output, or an error that shows it where its exit code is another."""
        done = self.done(*words)
        assert done.returncode == code, f"{words}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def done(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, whatever its exit code."""
        return subprocess.run(
            words, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )

    def set(self, old: str, new: str) -> None:
        """Replace a line of params.yaml."""
        path = self.folder / "params.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def experiments(self) -> dict[str, str]:
        """Return the experiments there are, name to commit."""
        form = "--format=%(refname:lstrip=-1) %(objectname)"
        lines = self.run("git", "for-each-ref", form, "refs/exps/*/*/*").splitlines()
        return dict(line.split(" ") for line in lines)


@pytest.fixture(scope="session")
def project_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project that ran once and was committed."""
    project = Project(tmp_path_factory.mktemp("replicate") / "project")
    (project.folder / "data" / "inbox").mkdir(parents=True)
    files = {"train.py": STAGE, "dvc.yaml": STAGES, "params.yaml": PARAMS}
    files |= {".gitignore": "/data/predictions\n", "data/inbox/.gitignore": "*\n!.gitignore\n!*.dvc\n"}
    files |= {".dvcignore": "/data/inbox/.gitignore\n"}
    for name, text in files.items():
        (project.folder / name).write_text(text)
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    project.run("git", "config", "user.name", "Test")
    project.run("git", "config", "user.email", "test@example.com")
    project.run("dvc", "init", "--quiet")
    project.run("dvc", "repro", "--quiet")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "Run")
    return project


@pytest.fixture
def project(project_once: Project, tmp_path: Path) -> Project:
    """Return a copy of the project that a test may change as it likes."""
    shutil.copytree(project_once.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")
