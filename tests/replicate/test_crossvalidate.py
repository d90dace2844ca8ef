"""Folds are real experiments of a real repository, and their predictions one table and its figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from darkroom import UserError
from darkroom.crossvalidate import command, pooling


@pytest.mark.parametrize(
    ("folds", "settings", "name", "message"),
    [
        (1, [], None, r"--folds: got 1; expected 2 or more"),
        (
            5,
            ["split.fold=2"],
            None,
            r"-S split\.fold=2: the fold is what runs differ in; choose how many by --folds",
        ),
        (5, ["train.gain"], None, r"-S train\.gain: expected key=value"),
        (5, [], "a/b", r"--name: got 'a/b'; expected letters"),
    ],
)
def test_what_cannot_run_is_one_message(
    root: Path, folds: int, settings: list[str], name: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        command.run(folds, settings, name, print, root)


def fold(number: int, labels: str, predicted: str, groups: str) -> pd.DataFrame:
    """Return the predictions of a fold, a letter for each image's class and group."""
    ids = [f"{number}-{row}" for row in range(len(labels))]
    sure = [0.8 if letter == "a" else 0.3 for letter in predicted]
    columns = {"id": ids, "label": list(labels), "group": list(groups), "fold": number}
    columns |= {"predicted": list(predicted), "p_a": sure, "p_b": [1 - value for value in sure]}
    return pd.DataFrame(columns)


def test_the_figures_are_those_of_all_images_together() -> None:
    folds = [fold(0, "aabb", "aaba", "ghij"), fold(1, "aab", "bab", "klm")]
    pooled = pooling.pool("x@", folds)
    figures = pooled.to_json()
    assert (figures["images"], figures["folds"], figures["accuracy"]) == (
        7,
        2,
        pytest.approx(5 / 7, abs=1e-6),
    )
    assert "accuracy_low_by_group" not in figures
    assert "by image, none of which is grouped" in pooled.covered
    assert (figures["recall_a"], figures["recall_b"]) == (0.75, pytest.approx(2 / 3, abs=1e-6))
    assert figures["accuracy_fold_mean"] == pytest.approx(np.mean([3 / 4, 2 / 3]), abs=1e-6)
    assert figures["accuracy_fold_sd"] == pytest.approx(np.std([3 / 4, 2 / 3], ddof=1), abs=1e-6)
    assert figures["loss"] == pytest.approx(
        log_loss(pooled.table["label"], pooled.table[["p_a", "p_b"]]), abs=1e-5
    )


def test_groups_that_err_together_widen_the_interval() -> None:
    groups = "".join(letter * 10 for letter in "cdefghijklmnopqrstuv")
    labels = "ab" * 100
    predicted = "".join(
        label if group in "cdefghijklmnop" else "ba"["ab".index(label)]
        for label, group in zip(labels, groups, strict=True)
    )
    pooled = pooling.pool(
        "x@",
        [
            fold(0, labels[:100], predicted[:100], groups[:100]),
            fold(1, labels[100:], predicted[100:], groups[100:]),
        ],
    )
    figures = pooled.to_json()
    assert figures["groups"] == 20
    low, high = pooled.interval
    assert (low, high) == (
        pytest.approx(figures["accuracy_low_by_group"], abs=1e-6),
        pytest.approx(figures["accuracy_high_by_group"], abs=1e-6),
    )
    assert high - low > 2 * (figures["accuracy_high"] - figures["accuracy_low"])
    assert "over 20 groups" in pooled.covered


def test_an_image_of_two_folds_or_other_classes_are_refused() -> None:
    one = fold(0, "ab", "ab", "gh")
    with pytest.raises(UserError, match=r"x@: image '0-0' is in test in several folds"):
        pooling.pool("x@", [one, one])
    with pytest.raises(UserError, match="fold 0 and fold 1 tell different classes apart"):
        pooling.pool("x@", [one, fold(1, "ab", "ab", "gh").rename(columns={"p_b": "p_c"})])


@pytest.mark.slow  # every fold is a run of DVC
def test_each_fold_is_an_experiment_and_every_image_is_tested_once(project: Any) -> None:
    words = ("darkroom", "crossvalidate", "--folds", "3", "-S", "train.gain=0.2")
    failed = project.done(*words, "--name", "cv", "-S", "train.fails_at=0")
    assert failed.returncode == 1
    assert "darkroom: cv@0 failed: train: params.yaml: train.fails_at: the weights became" in failed.stderr
    assert not (project.folder / "data" / "out_of_fold.csv").exists()
    first = project.done(*words)
    assert first.returncode == 0, first.stderr
    made = project.experiments()
    assert list(made) == [f"main+train.gain=0.2+3-folds@{fold}" for fold in range(3)]
    table = pd.read_csv(project.folder / "data" / "out_of_fold.csv")
    assert table.columns.tolist() == ["id", "label", "group", "fold", "predicted", "p_cat", "p_dog"]
    assert sorted(table["id"]) == sorted(f"0-{number}.png" for number in range(200))
    assert table["fold"].value_counts().to_dict() == {0: 67, 1: 67, 2: 66}
    figures = json.loads((project.folder / "metrics" / "crossvalidate.json").read_text())
    right = table["label"] == table["predicted"]
    assert figures["accuracy"] == pytest.approx(right.mean())
    assert figures["accuracy_fold_sd"] == pytest.approx(right.groupby(table["fold"]).mean().std(), abs=1e-5)
    assert (figures["images"], figures["groups"]) == (200, 100)
    # What is killed is begun anew, and nothing else: the figures are the same.
    project.run("dvc", "exp", "remove", "main+train.gain=0.2+3-folds@1")
    written = (project.folder / "data" / "out_of_fold.csv").read_bytes()
    again = project.done(*words)
    assert again.stderr.count("already run, with this code and these params") == 2
    assert again.stdout == first.stdout
    assert (project.folder / "data" / "out_of_fold.csv").read_bytes() == written
    assert project.run("git", "status", "--porcelain") == "?? metrics/crossvalidate.json\n"
