"""The tables show what varies; the JSON form holds everything."""

import dataclasses
import json

import pytest

from darkroom.replicate import summary
from darkroom.replicate.experiments import Outcome
from darkroom.replicate.summary import Summary

EVALUATE = {
    "accuracy": [0.81, 0.84, 0.79],
    "accuracy_low": [0.7, 0.71, 0.72],
    "images": [602.0, 602.0, 602.0],
    "recall_cat": [0.7, 0.8, 0.9],
    "support_cat": [300.0, 300.0, 300.0],
}


@pytest.fixture
def result() -> Summary:
    runs = [Outcome(f"main@{seed}", seed, f"refs/exps/{seed}") for seed in range(3)]
    failed = Outcome("main@3", 3, "", message="train: the weights became infinite")
    return Summary("main@", [*runs, failed], {"evaluate": EVALUATE, "train": {"loss": [0.1, 0.2, 0.4]}})


def test_text_shows_what_varies_and_is_not_of_one_class(result: Summary) -> None:
    text = summary.render_text(result)
    # Student's t of 2 degrees of freedom is 4.3027; the standard error of these three 0.014530.
    assert text.startswith(
        "main@ accuracy 0.8133 (0.7508 to 0.8758), sd 0.0252, over 3 seeds of training (0, 1, 2)\n"
    )
    named = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    assert named == ["metric", "accuracy", "metric", "loss"]


def test_what_varies_and_what_does_not_is_said_in_every_form(result: Summary) -> None:
    for form in (summary.render_text, summary.render_md, summary.render_json):
        said = form(result)
        assert "its 602 test images are the same in every run" in said
        assert "does not cover how accurate" in said


def test_other_splits_widen_the_interval_by_what_they_share(result: Summary) -> None:
    by_split = dataclasses.replace(result, varied=("seed", "split.seed"), overlap=0.25)
    # sd * sqrt(1/3 + 0.25) * 4.3027 = 0.0827, where without the correction it was 0.0625.
    head, *_ = summary.render_text(by_split).splitlines()
    assert (
        head
        == "main@ accuracy 0.8133 (0.7306 to 0.8960), sd 0.0252, over 3 seeds of training and split (0, 1, 2)"
    )
    assert "the interval covers both" in summary.render_md(by_split)
    assert json.loads(summary.render_json(by_split))["varied"] == ["seed", "split.seed"]


def test_markdown_holds_the_same_rows(result: Summary) -> None:
    text = summary.render_md(result)
    assert "| accuracy | 0.8133 | 0.0252 | 0.7508 to 0.8758 | 0.7900 | 0.8400 |" in text
    assert text.startswith(r"**main\@ accuracy 0.8133")


def test_json_holds_every_metric_and_every_failure(result: Summary) -> None:
    got = json.loads(summary.render_json(result))
    assert list(got["metrics"]["evaluate"]) == list(EVALUATE)
    assert got["metrics"]["evaluate"]["images"]["sd"] == 0
    assert got["metrics"]["train"]["loss"]["values"] == [0.1, 0.2, 0.4]
    assert got["failed"] == [
        {"experiment": "main@3", "seed": 3, "message": "train: the weights became infinite"}
    ]


def test_metrics_that_not_every_run_has_are_left_out() -> None:
    assert summary.columns([{"a": 1.0, "b": 2.0}, {"a": 3.0}]) == {"a": [1.0, 3.0]}
    assert summary.columns([]) == {}


@pytest.mark.parametrize(("value", "text"), [(0.99443, "0.9944"), (-0.5, "-0.5000"), (151306, "151306.0")])
def test_numbers_have_the_decimals_that_say_something(value: float, text: str) -> None:
    assert summary.number(value) == text
