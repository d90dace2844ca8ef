"""What a user of DVC types, answered sensibly: dag, metrics, params, plots, experiments."""

import json

import pytest


def test_dag_shows_the_six_stages_in_their_order(finished):
    dot = finished.dvc("dag", "--dot").stdout
    for left, right in [
        ("fetch", "decode"),
        ("decode", "split"),
        ("split", "train"),
        ("train", "evaluate"),
        ("evaluate", "plot"),
    ]:
        assert f'"{left}" -> "{right}"' in dot


def test_stage_list_describes_every_stage(finished):
    lines = finished.dvc("stage", "list").stdout.splitlines()
    assert len(lines) == 6
    assert all(len(line.split(maxsplit=1)[1]) > 20 for line in lines)


def test_metrics_show_gives_flat_numbers(finished):
    shown = json.loads(finished.dvc("metrics", "show", "--json").stdout)[""]["data"]
    evaluate = shown["metrics/evaluate.json"]["data"]
    assert evaluate["accuracy_low"] < evaluate["accuracy"] < evaluate["accuracy_high"]
    assert all(
        not isinstance(value, (dict, list)) for part in shown.values() for value in part["data"].values()
    )


def test_figures_of_each_class_are_left_out_where_the_others_are_asked_for(finished):
    assert "recall_3" not in finished.dvc("metrics", "show", "metrics/evaluate.json").stdout
    assert "recall_3" in finished.dvc("metrics", "show", "metrics/evaluate_by_class.json").stdout


def test_params_diff_names_the_changed_leaf(finished):
    finished.change({"train.learning_rate": 0.01})
    diff = json.loads(finished.dvc("params", "diff", "--json").stdout)
    assert diff == {
        "params.yaml": {"train.learning_rate": {"old": 0.001, "new": 0.01, "diff": pytest.approx(0.009)}}
    }


def test_plots_show_renders_every_declared_plot(finished):
    finished.dvc("plots", "show", "--out", "page")
    page = finished.path("page/index.html").read_text()
    for name in ["Accuracy by epoch", "Loss by epoch"]:
        assert name in page


def test_experiment_runs_and_shows_its_change(finished):
    finished.dvc("exp", "run", "--name", "longer", "--set-param", "train.epochs=3")
    table = finished.dvc("exp", "show", "--csv").stdout
    assert "longer" in table
    assert finished.metrics("train")["epochs"] == 3


@pytest.mark.slow
def test_queued_grid_runs_in_checkouts_of_its_own(finished):
    finished.dvc("exp", "run", "--queue", "--set-param", "train.learning_rate=0.01,0.02")
    finished.dvc("exp", "run", "--run-all")
    shown = finished.dvc("exp", "show", "--csv").stdout
    assert "0.01" in shown
    assert "0.02" in shown
    assert finished.git("status", "--porcelain") == ""
