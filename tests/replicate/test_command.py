"""Replicates are real experiments of a real repository, made once, replaced when stale, and never left behind."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import scipy.stats

pytestmark = pytest.mark.slow  # every seed is a run of DVC


def test_seeds_become_experiments_and_their_figures_a_table(project: Any) -> None:
    before, status = project.snapshot(), project.run("git", "status", "--porcelain")
    got = json.loads(project.run("darkroom", "replicate", "--seeds", "3", "--start", "4", "--json"))
    assert [run["experiment"] for run in got["runs"]] == ["main@4", "main@5", "main@6"]
    assert sorted(project.experiments()) == ["main@4", "main@5", "main@6"]
    for name in ("main@4", "main@6"):
        assert f"seed: {name[-1]}\n" in project.run(
            "git", "show", f"{project.experiments()[name]}:params.yaml"
        )
    accuracy = got["metrics"]["evaluate"]["accuracy"]
    assert len(set(accuracy["values"])) > 1
    assert accuracy["mean"] == pytest.approx(np.mean(accuracy["values"]))
    assert accuracy["sd"] == pytest.approx(np.std(accuracy["values"], ddof=1))
    expected = scipy.stats.t.interval(0.95, 2, accuracy["mean"], scipy.stats.sem(accuracy["values"]))
    assert (accuracy["low"], accuracy["high"]) == pytest.approx(expected)
    assert project.snapshot() == before
    assert project.run("git", "status", "--porcelain") == status == ""


def test_what_ran_is_reused_until_code_or_params_change(project: Any) -> None:
    words = ("darkroom", "replicate", "--seeds", "2", "--json", "-S", "train.gain=0.2")
    first = json.loads(project.run(*words))
    made = project.experiments()
    assert list(made) == ["main+train.gain=0.2@0", "main+train.gain=0.2@1"]
    again = json.loads(project.run(*words))
    assert [run["reused"] for run in first["runs"]] == [False, False]
    assert [run["reused"] for run in again["runs"]] == [True, True]
    assert again["metrics"] == first["metrics"]
    assert project.experiments() == made
    project.set("seconds: 0", "seconds: 0.01")
    edited = project.done(*words)
    assert "uncommitted edits are part of each run, as with `dvc exp run`: params.yaml" in edited.stderr
    assert not any(run["reused"] for run in json.loads(edited.stdout)["runs"])
    now = project.experiments()
    assert list(now) == list(made)
    assert not set(now.values()) & set(made.values())


def test_split_seeds_vary_the_test_images_and_are_compared_in_pairs(project: Any) -> None:
    words = ("darkroom", "replicate", "--seeds", "3", "--split-seeds", "--json")
    got = json.loads(project.run(*words))
    assert [run["experiment"] for run in got["runs"]] == ["main+splits@0", "main+splits@1", "main+splits@2"]
    assert got["varied"] == ["seed", "split.seed"]
    accuracy = got["metrics"]["evaluate"]["accuracy"]
    half = scipy.stats.t.ppf(0.975, 2) * np.std(accuracy["values"], ddof=1) * (1 / 3 + 0.2 / 0.8) ** 0.5
    assert accuracy["high"] - accuracy["mean"] == pytest.approx(half)
    assert all(run["reused"] for run in json.loads(project.run(*words))["runs"])
    project.run(
        "darkroom", "replicate", "--seeds", "3", "--split-seeds", "-S", "train.gain=0.3", "--name", "more"
    )
    compared = project.run("darkroom", "compare", "main+splits@", "more@")
    assert "paired by seed and split" in compared
    assert "Each pair of runs has a split of its own" in compared
    refused = project.done("darkroom", "replicate", "--split-seeds", "-S", "split.seed=4")
    assert "-S split.seed=4: the seed is what runs differ in" in refused.stderr


def test_split_seeds_claim_nothing_of_test_images_that_came_with_the_source(project: Any) -> None:
    words = ("darkroom", "replicate", "--seeds", "2", "--split-seeds")
    got = json.loads(project.run(*words, "--json", "-S", "split.came=[test]", "--name", "came"))
    assert "200 test images came with the source and are the same in every run" in got["covered"]
    accuracy = got["metrics"]["evaluate"]["accuracy"]
    half = scipy.stats.t.ppf(0.975, 1) * np.std(accuracy["values"], ddof=1) / 2**0.5
    assert accuracy["high"] - accuracy["mean"] == pytest.approx(half)
    fixed = project.done(*words, "-S", "split.came=[validation, test]", "--name", "fixed")
    assert fixed.returncode == 1
    assert "every run has the same split; add -S split.predefined=ignore" in fixed.stderr
    assert list(project.experiments()) == ["came@0", "came@1", "fixed@0"]


def test_a_failing_seed_is_reported_and_costs_only_itself(project: Any) -> None:
    done = project.done("darkroom", "replicate", "--seeds", "3", "-S", "train.fails_at=1", "--name", "odd")
    assert done.returncode == 1
    assert "odd@ accuracy" in done.stdout
    assert "over 2 seeds of training (0, 2)" in done.stdout
    assert "darkroom: 1 of 3 runs failed" in done.stderr
    assert "odd@1 failed: train: params.yaml: train.fails_at: the weights became infinite" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(project.experiments()) == ["odd@0", "odd@2"]


def test_a_seed_that_fails_anew_keeps_its_older_experiment_and_says_so(project: Any) -> None:
    project.run("darkroom", "replicate", "--seeds", "2", "--name", "x")
    made = project.experiments()
    project.set("fails_at: -1", "fails_at: 1")
    done = project.done("darkroom", "replicate", "--seeds", "2", "--name", "x")
    assert done.returncode == 1
    assert done.stdout == ""  # one run has no spread
    assert "(the experiment x@1 that there is has other code or params)" in done.stderr
    now = project.experiments()
    assert now.keys() == made.keys()
    assert (now["x@1"] == made["x@1"], now["x@0"] == made["x@0"]) == (True, False)


def test_two_groups_are_compared_by_name(project: Any) -> None:
    for gain, name in (("0.1", "small"), ("0.35", "large")):
        setting = f"train.gain={gain}"
        project.run("darkroom", "replicate", "--seeds", "3", "--name", name, "-S", setting)
    text = project.run("darkroom", "compare", "small@", "large@")
    assert text.startswith("B is better: +")
    assert "3 and 3 runs, paired by seed" in text
    assert "A: small@0, small@1, small@2\nB: large@0, large@1, large@2\n" in text
    assert re.search(r"train\.gain +0\.1 +0\.35", text)
    done = project.done("darkroom", "compare", "small@", "none@")
    assert done.returncode == 1
    assert "none@: no experiments called none@0, none@1" in done.stderr


def test_a_group_is_that_of_the_commit_that_got_the_newest(project: Any) -> None:
    words = ("darkroom", "replicate", "--seeds", "2", "--name", "x", "--json")
    project.run(*words)
    project.set("gain: 0.1", "gain: 0.3")
    project.run("dvc", "repro", "--quiet")
    project.run("git", "commit", "--quiet", "--all", "--message", "Gain more")
    time.sleep(1.1)  # git's dates are whole seconds
    newer = json.loads(project.run(*words))
    got = json.loads(project.run("darkroom", "compare", "x@", "x@", "--json"))
    assert got["metrics"]["accuracy"]["a"]["mean"] == newer["metrics"]["evaluate"]["accuracy"]["mean"]


def test_images_that_nothing_tracks_come_along(project: Any) -> None:
    (project.folder / "data" / "inbox" / "pictures").mkdir()
    for name in "abc":
        (project.folder / "data" / "inbox" / "pictures" / f"{name}.png").write_text(name)
    done = project.done("darkroom", "replicate", "--seeds", "2", "--json")
    got = json.loads(done.stdout)
    assert got["metrics"]["evaluate"]["inbox"]["mean"] == 3
    assert "copied into each run, as neither git nor DVC tracks it: data/inbox/pictures" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_no_process_and_no_half_experiment(project: Any, number: int) -> None:
    before = project.snapshot()
    process = subprocess.Popen(
        ["darkroom", "replicate", "--seeds", "2", "-S", "train.seconds=300"],
        cwd=project.folder,
        env=project.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch 1/1" in line:
            break
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) >= 2  # dvc, and the stage it runs
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "the runs that are done are kept" in said
    assert "Traceback" not in said
    assert not any(child.is_running() for child in started)
    assert project.experiments() == {}
    assert project.snapshot() == before
    checkouts = project.folder / ".dvc" / "tmp" / "exps" / "standalone"
    assert not list(checkouts.glob("tmp*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "1"], r"--seeds: got 1; expected 2 or more"),
        (["--start", "-1"], r"--start: got -1; expected 0 or more"),
        (["-S", "train.gain"], r"-S train\.gain: expected key=value"),
        (["-S", "seed=4"], r"-S seed=4: the seed is what runs differ in"),
        (["-S", "params.yaml:seed=4"], r"-S params\.yaml:seed=4: the seed is what runs differ in"),
        (["-S", "train.gian=1"], r"`dvc exp run` did not begin: .*Could not override 'train\.gian'"),
        (["-S", "train.gain=1,2"], r"`dvc exp run` did not begin: Sweep overrides can't be used"),
        (
            ["-S", "+train.optimizer=lbfgs"],
            r"train\.optimizer: lbfgs solves the head, so that every seed",
        ),
        (["--name", "a/b"], r"--name: got 'a/b'; expected letters"),
        (["--name", "a..b"], r"--name: got 'a\.\.b'; expected letters"),
        (["--json", "--md"], r"--json and --md: choose one"),
    ],
)
def test_what_cannot_run_is_one_message(project: Any, words: list[str], message: str) -> None:
    done = project.done("darkroom", "replicate", *words)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.match(f"darkroom: {message}", last)
    assert project.experiments() == {}


def test_elsewhere_it_says_where_to_run(tmp_path: Path, project: Any) -> None:
    project.folder = tmp_path
    done = project.done("darkroom", "replicate")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no dvc.yaml and params.yaml here; run this from the project's folder" in done.stderr
