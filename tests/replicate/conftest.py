"""A small DVC project whose one stage is quick, fails at a seed or takes its time, as params say."""

import shutil
from pathlib import Path

import pytest

from tests.project import Project

STAGE = """
import json, pathlib, random, sys, time
from ruamel.yaml import YAML

params = YAML(typ="safe").load(pathlib.Path("params.yaml").read_text())
seed, gain = params["seed"], params["train"]["gain"]
if seed == params["train"]["fails_at"]:
    sys.exit("train: params.yaml: train.fails_at: the weights became infinite")
print("epoch 1/1  accuracy 0.5", flush=True)
time.sleep(params["train"]["seconds"])
split, came = params["split"]["seed"], params["split"]["came"]
split = 0 if "test" in came else split
draw = random.Random(1000 * split + seed)
right = [draw.random() < 0.6 + gain for _ in range(200)]
rows = [f"{split}-{i}.png,cat,{'cat' if good else 'dog'},0.5,0.5" for i, good in enumerate(right)]
groups = [f"{split}-{i}.png,test,{split}-{i // 2 * 2}.png" for i in range(200)]
folds, fold = params["split"]["folds"] or 1, params["split"]["fold"]
rows = rows[fold::folds]
for name, content in {
    "data/predictions/test.csv": "\\n".join(["id,label,predicted,p_cat,p_dog", *rows]) + "\\n",
    "data/split/split.csv": "\\n".join(["id,split,group", *groups]) + "\\n",
    "metrics/evaluate.json": json.dumps({"accuracy": sum(right) / 200, "accuracy_low": 0.1 * seed, "images": 200,
        "inbox": len(list(pathlib.Path("data/inbox").glob("*/*")))}),
    "metrics/evaluate_by_class.json": json.dumps({"recall_cat": draw.random(), "support_cat": 200}),
    "metrics/split.json": json.dumps({f"predefined_{part}": 7 for part in came}),
    "metrics/train.json": json.dumps({"epochs": 1, "loss": draw.random(), "version_python": "3"}),
}.items():
    pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(name).write_text(content)
"""

STAGES = """
stages:
  train:
    cmd: python train.py
    params: [seed, split, train]
    deps: [train.py, data/inbox]
    outs:
      - data/predictions
      - data/split
    metrics:
      - metrics/evaluate_by_class.json: {cache: false}
      - metrics/evaluate.json: {cache: false}
      - metrics/split.json: {cache: false}
      - metrics/train.json: {cache: false}
"""

PARAMS = """
seed: 0
split: {seed: 0, train: 0.8, test: 0.2, came: [], folds: null, fold: 0}
train:
  gain: 0.1
  fails_at: -1
  seconds: 0
""".lstrip()


@pytest.fixture(scope="session")
def project_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project that ran once and was committed."""
    project = Project(tmp_path_factory.mktemp("replicate") / "project")
    files = {"train.py": STAGE, "dvc.yaml": STAGES, "params.yaml": PARAMS}
    files |= {
        ".gitignore": "/data/predictions\n/data/split\n/data/out_of_fold.csv\n",
        "data/inbox/.gitignore": "*\n!.gitignore\n!*.dvc\n",
    }
    files |= {".dvcignore": "/data/inbox/.gitignore\n"}
    project.begin(files)
    project.repro("Run")
    return project


@pytest.fixture
def project(project_once: Project, tmp_path: Path) -> Project:
    """Return a copy of the project that a test may change as it likes."""
    shutil.copytree(project_once.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")
