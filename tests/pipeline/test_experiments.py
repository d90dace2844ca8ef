"""Two branches and three kinds of experiments in a real repository, asked everything a user asks of them."""

import csv
import hashlib
import io
import json
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from ruamel.yaml import YAML

from tests.parameters import TRANSFER
from tests.pipeline.conftest import Repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]  # the first test waits for all the runs

SMALL = {
    "model.blocks": [[8]],
    "model.dense": [16],
    "train.epochs": 1,
    "evaluate.occlusion": 0,
    "plot.samples": 4,
    "plot.dpi": 50,
}

EXPERIMENTS = ("longer", "rate-1", "rate-2", "batches")


def finish(repository: Repository) -> None:
    """Wait for DVC's queue to have run everything, then for its worker to leave."""
    deadline = time.monotonic() + 400
    while re.search(r"Running|Queued", repository.dvc("queue", "status").stdout):
        assert time.monotonic() < deadline, "the queue does not end"
        time.sleep(3)  # asking costs a second of the processor that trains
    repository.dvc("queue", "stop")
    while "0 active, 0 idle" not in repository.dvc("queue", "status").stdout:
        assert time.monotonic() < deadline, "the queue's worker does not leave"
        time.sleep(1)


def restore(repository: Repository) -> None:
    """Put the workspace back to the branch's commit."""
    repository.git("checkout", "--quiet", "--force", "wider")
    repository.dvc("checkout", "--quiet")


def snapshot(folder: Path) -> dict[str, str]:
    """Return the hash of every file outside .git and .dvc, where git and DVC keep locks and stores."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    kept = (path for path in paths if path.relative_to(folder).parts[0] not in {".git", ".dvc"})
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in kept
        if "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def laboratory(clone: Callable[[Path], Repository], tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a repository with branches main and wider, both run, and experiments on wider, made each way there is."""
    repository = clone(tmp_path_factory.mktemp("experiments") / "project")
    repository.change(SMALL)
    repository.dvc("repro")
    repository.git("commit", "--quiet", "--all", "--message", "Run")
    repository.git("checkout", "--quiet", "-b", "wider")
    repository.change({"model.blocks": [[12]]})
    assert repository.repro() == ["train", "evaluate", "plot"]
    repository.git("commit", "--quiet", "--all", "--message", "Widen")

    repository.dvc("exp", "run", "--name", "longer", "-S", "train.epochs=2")
    assert repository.metrics("train")["epochs"] == 2  # in the workspace, where the user sees it
    restore(repository)
    repository.dvc("exp", "run", "--queue", "--name", "rate", "-S", "train.learning_rate=0.003,0.01")
    repository.dvc("queue", "start")
    finish(repository)
    repository.dvc("exp", "run", "--temp", "--name", "batches", "-S", "train.batch_size=64")
    assert repository.git("status", "--porcelain") == ""  # neither queue nor --temp touches the workspace
    return repository


def shown(repository: Repository) -> dict[str, dict[str, str]]:
    """Return the rows of `dvc exp show` by name."""
    rows = csv.DictReader(io.StringIO(repository.dvc("exp", "show", "--csv").stdout))
    return {row["Experiment"] or row["rev"]: row for row in rows}


def test_exp_show_has_a_row_an_experiment_with_its_params_and_metrics(laboratory: Repository) -> None:
    rows = shown(laboratory)
    assert {"workspace", "wider", *EXPERIMENTS} <= set(rows)
    assert rows["longer"]["train.epochs"] == "2"
    assert {rows[name]["train.learning_rate"] for name in ("rate-1", "rate-2")} == {"0.003", "0.01"}
    assert rows["batches"]["train.batch_size"] == "64"
    accuracies = [row.get("metrics/evaluate.json:accuracy") for row in rows.values()]
    assert all(0 <= float(value or "nan") <= 1 for value in accuracies)


def test_exp_show_speaks_json_and_markdown(laboratory: Repository) -> None:
    content = json.loads(laboratory.dvc("exp", "show", "--json").stdout)
    names = {experiment["name"] for row in content for experiment in row["experiments"] or []}
    assert set(EXPERIMENTS) <= names
    lines = laboratory.dvc("exp", "show", "--md").stdout.strip().splitlines()
    assert len({line.count("|") for line in lines}) == 1


def test_exp_diff_says_what_two_experiments_differ_in(laboratory: Repository) -> None:
    content = json.loads(laboratory.dvc("exp", "diff", "longer", "batches", "--json").stdout)
    changed = content["params"]["params.yaml"]
    assert {name: (row["old"], row["new"]) for name, row in changed.items()} == {
        "train.epochs": (2, 1),
        "train.batch_size": (32, 64),
    }
    assert "accuracy" in content["metrics"]["metrics/evaluate.json"]


def test_exp_apply_takes_an_experiment_over_and_all_is_up_to_date(laboratory: Repository) -> None:
    try:
        laboratory.dvc("exp", "apply", "rate-2")
        assert laboratory.params()["train"]["learning_rate"] == 0.01
        assert "up to date" in laboratory.dvc("status").stdout
        text = laboratory.run("darkroom", "compare", "rate-2", "workspace").stdout
        assert "A and B are right and wrong on the same images, all " in text
    finally:
        restore(laboratory)


def test_the_model_of_an_applied_experiment_predicts_is_exported_and_served(
    laboratory: Repository, tmp_path: Path
) -> None:
    try:
        laboratory.dvc("exp", "apply", "longer")
        before = snapshot(laboratory.folder)
        table = laboratory.run("darkroom", "predict", "data/raw/digits.zip").stdout
        said = {row["id"]: row["label"] for row in csv.DictReader(io.StringIO(table))}
        with laboratory.path("data/predictions/test.csv").open(newline="") as file:
            measured = {row["id"]: row["predicted"] for row in csv.DictReader(file)}
        assert measured == {id: said[f"data/raw/digits.zip/{id}"] for id in measured}

        exported = laboratory.run(
            "darkroom", "export", "--to", "tflite", "--output", str(tmp_path / "m.tflite")
        )
        assert "checked against Keras" in exported.stdout
        assert (tmp_path / "m.tflite").stat().st_size > 10_000

        id, label = next(iter(measured.items()))
        with zipfile.ZipFile(laboratory.path("data/raw/digits.zip")) as archive:
            content = archive.read(id)
        assert ask_server(laboratory, content) == {"name": "digit.png", "label": label}
        assert snapshot(laboratory.folder) == before
    finally:
        restore(laboratory)


def ask_server(repository: Repository, content: bytes) -> dict[str, str]:
    """Start `darkroom serve`, send it one picture, stop it as Ctrl-C does; return the name and label it answered."""
    command = ["darkroom", "serve", "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=repository.folder,
        env=repository.env,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        ready = server.stdout.readline()
        address = re.search(r"http://\S+", ready)
        assert address, ready
        answer = requests.post(
            f"{address[0]}/predict", files={"files": ("digit.png", content)}, timeout=60
        ).json()
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    [image] = answer["images"]
    return {name: image[name] for name in ("name", "label")}


def test_exp_branch_makes_a_branch_that_compares_as_the_experiment(laboratory: Repository) -> None:
    laboratory.dvc("exp", "branch", "longer", "longer-branch")
    assert "longer-branch" in laboratory.git("branch", "--list")
    got = json.loads(laboratory.run("darkroom", "compare", "longer", "longer-branch", "--json").stdout)
    assert (got["only_a"], got["only_b"], got["params"]) == ([], [], {})


def test_metrics_and_params_diff_against_main(laboratory: Repository) -> None:
    metrics = json.loads(laboratory.dvc("metrics", "diff", "main", "--json").stdout)
    assert {"old", "new", "diff"} <= set(metrics["metrics/evaluate.json"]["loss"])
    params = json.loads(laboratory.dvc("params", "diff", "main", "--json").stdout)
    assert params == {"params.yaml": {"model.blocks": {"old": "[[8]]", "new": "[[12]]"}}}
    table = laboratory.dvc("metrics", "diff", "main", "--md").stdout
    assert re.search(r"\| metrics/evaluate\.json +\| loss +\| \d\.\d+ +\| \d\.\d+ +\| -?\d\.\d+ +\|", table)


def test_plots_diff_against_main_writes_its_page(laboratory: Repository, tmp_path: Path) -> None:
    laboratory.dvc("plots", "diff", "main", "--out", str(tmp_path / "page"))
    page = (tmp_path / "page" / "index.html").read_text()
    assert "Accuracy by epoch" in page


def test_compare_answers_in_every_form_and_changes_nothing(laboratory: Repository) -> None:
    before = snapshot(laboratory.folder)
    text = laboratory.run("darkroom", "compare", "main").stdout
    assert re.match(r"(A|B) is better: |no difference can be told with \d+ images", text)
    assert re.search(r"model\.blocks +\[\[8\]\] +\[\[12\]\]", text)
    got = json.loads(laboratory.run("darkroom", "compare", "main", "wider", "--json").stdout)
    assert text.startswith(got["sentence"])
    assert sum(row["images"] for row in got["classes"]) == got["images"] == got["images_a"]
    assert got["low"] <= got["difference"] <= got["high"]
    assert laboratory.run("darkroom", "compare", "longer", "rate-1", "--md").stdout.startswith("**")
    page = laboratory.run("darkroom", "compare", "main", "wider", "--html").stdout
    disputed = min(48, len(got["only_a"])) + min(48, len(got["only_b"]))
    assert page.count('<img src="data:image/png;base64,') == disputed > 0
    assert "right and wrong on the same images" in laboratory.run("darkroom", "compare").stdout
    assert snapshot(laboratory.folder) == before


def test_compare_says_when_params_changed_after_the_run(laboratory: Repository) -> None:
    try:
        laboratory.change({"train.epochs": 7})
        text = laboratory.run("darkroom", "compare").stdout
        assert "workspace: params.yaml has changed since it ran (train.epochs); `dvc repro` runs it." in text
    finally:
        restore(laboratory)


def test_the_workflow_runs_the_target_branch_and_writes_the_comment(
    laboratory: Repository, root: Path, tmp_path: Path
) -> None:
    job = YAML(typ="safe").load((root / ".github" / "workflows" / "ci.yaml").read_text())["jobs"]["metrics"]
    steps = {step["name"]: step["run"] for step in job["steps"] if "name" in step}
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    # The environment that make would set up is there.
    make.write_text('#!/bin/sh\ncd "$2" && exec dvc repro\n')
    make.chmod(0o755)
    env = {"PATH": f"{make.parent}:{laboratory.env['PATH']}", "RUNNER_TEMP": str(tmp_path), "RAN": "success"}
    env |= {"BASE": "main", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    laboratory.path(".venv").symlink_to(Path(sys.executable).parents[1])
    try:
        ran = laboratory.run("bash", "-e", "-c", steps["Run the target branch"], **env).stdout
        laboratory.run("bash", "-e", "-c", steps["Compare with it"], **env)
        laboratory.run("bash", "-e", "-c", steps["Compare with it"], **env | {"RAN": "failure"})
    finally:
        laboratory.run("git", "worktree", "remove", "--force", str(tmp_path / "target"), check=False)
        laboratory.run("git", "branch", "--delete", "--force", "target", check=False)
        laboratory.run("git", "clean", "--force", "--quiet")
    assert "Running stage" not in ran  # the cache is shared
    written, without = (
        (tmp_path / "summary.md").read_text().split("### This pull request (B) against `main` (A)")[1:]
    )
    assert "A: `target`, B: `workspace`" in written
    assert r"| model.blocks | \[\[8\]\] | \[\[12\]\] |" in written
    assert re.search(r"\| metrics/evaluate\.json +\| loss +\|", written)
    assert "`main` could not be run, so there is nothing to compare with" in without


def test_replicates_of_two_settings_are_compared_as_groups(laboratory: Repository) -> None:
    before = snapshot(laboratory.folder)
    words = ("darkroom", "replicate", "--seeds", "2")
    wide: dict[str, Any] = json.loads(laboratory.run(*words, "--json").stdout)
    assert [run["experiment"] for run in wide["runs"]] == ["wider@0", "wider@1"]
    assert len(set(wide["metrics"]["evaluate"]["loss"]["values"])) == 2
    test = [json.loads(laboratory.git("show", f"{ref}:metrics/split.json")) for ref in references(laboratory)]
    assert test[0] == test[1]  # other seeds train anew, and share their test images
    narrow = laboratory.run(*words, "--name", "narrow", "-S", "model.blocks=[[8]]")
    assert "narrow@0 (1 of 2)\n  Stage 'train' is cached" in narrow.stderr  # it is what main ran
    text = laboratory.run("darkroom", "compare", "narrow@", "wider@").stdout
    assert "2 and 2 runs" in text
    assert "paired by seed" in text
    assert re.search(r"model\.blocks +\[\[8\]\] +\[\[12\]\]", text)
    assert snapshot(laboratory.folder) == before


def references(repository: Repository) -> list[str]:
    """Return the references of the group wider@."""
    return repository.git("for-each-ref", "--format=%(refname)", "refs/exps/*/*/wider@*").split()


def test_features_are_computed_once_for_experiments_elsewhere_too(repository):
    repository.change(TRANSFER)
    first = repository.dvc("repro").stdout
    assert re.search(r"features of ([\d,]+) images: 0 kept from earlier, \1 computed", first)
    repository.git("commit", "--quiet", "--all", "--message", "Start from ImageNet")
    other = repository.dvc("exp", "run", "--temp", "-S", "train.class_weights=balanced")
    assert re.search(
        r"features of ([\d,]+) images: \1 kept from earlier, 0 computed", other.stdout + other.stderr
    )
