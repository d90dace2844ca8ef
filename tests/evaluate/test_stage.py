"""The stage evaluate, run through its door on small networks that Keras trained."""

import hashlib
import json

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, log_loss, roc_auc_score

from darkroom.images import Images
from tests.parameters import write_params


@pytest.fixture
def changed(two_classes, tmp_path):
    """Return a copy of the workspace, to be spoilt."""
    return two_classes.copy(tmp_path / "copy")


def read(workspace, path):
    return pd.read_csv(workspace.folder / path, dtype={"id": str})


def test_predictions_hold_every_image_of_their_part_with_probabilities_that_sum_to_one(three_classes):
    split = pd.read_csv(three_classes.folder / "data/split/split.csv")
    for part in ("test", "validation"):
        table = read(three_classes, f"data/predictions/{part}.csv")
        columns = [f"p_{name}" for name in three_classes.classes]
        assert list(table.columns) == ["id", "label", "predicted", *columns]
        assert list(table["id"]) == list(split[split["split"] == part]["id"])
        assert np.abs(table[columns].sum(axis=1) - 1).max() < 3e-6
        assert list(table["predicted"]) == [
            three_classes.classes[i] for i in table[columns].to_numpy().argmax(axis=1)
        ]


def test_unlabelled_images_are_predicted_too_and_have_no_label(three_classes):
    table = read(three_classes, "data/predictions/unlabelled.csv")
    assert len(table) == 5
    assert table["label"].isna().all()
    assert set(table["predicted"]) <= set(three_classes.classes)


def test_one_sigmoid_unit_gives_a_column_for_each_of_two_classes(two_classes):
    table = read(two_classes, "data/predictions/test.csv")
    assert list(table.columns) == ["id", "label", "predicted", "p_across", "p_down"]
    assert two_classes.metrics()["accuracy"] > 0.65


@pytest.mark.parametrize("name", ["two_classes", "three_classes"])
def test_figures_agree_with_scikit_learn_on_the_predictions_as_written(name, request):
    workspace = request.getfixturevalue(name)
    table, metrics = read(workspace, "data/predictions/test.csv"), workspace.metrics()
    probabilities = table.iloc[:, 3:].to_numpy()
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    scores = probabilities[:, 1] if len(workspace.classes) == 2 else probabilities
    assert metrics["accuracy"] == pytest.approx(accuracy_score(table["label"], table["predicted"]), abs=1e-6)
    assert metrics["loss"] == pytest.approx(log_loss(table["label"], probabilities), rel=1e-3)
    assert metrics["roc_auc"] == pytest.approx(
        roc_auc_score(table["label"], scores, multi_class="ovr"), abs=1e-4
    )
    assert metrics["cohen_kappa"] == pytest.approx(
        cohen_kappa_score(table["label"], table["predicted"]), abs=1e-5
    )
    assert metrics["accuracy_low"] < metrics["accuracy"] < metrics["accuracy_high"]
    assert metrics["images"] == len(table)
    assert sum(metrics[f"support_{name}"] for name in workspace.classes) == len(table)


def test_train_and_validation_are_measured_on_plain_images(two_classes):
    metrics, split = two_classes.metrics(), read(two_classes, "data/split/split.csv")
    images = Images(two_classes.folder / "data/images")
    model = keras.models.load_model(two_classes.folder / "models/model.keras", compile=False)
    for part in ("train", "validation"):
        rows = np.flatnonzero(split["split"] == part)
        second = model.predict(images.take(rows), verbose=0).ravel() >= 0.5
        right = (images.index["label"].iloc[rows] == np.where(second, "down", "across")).mean()
        assert metrics[f"{part}_accuracy"] == pytest.approx(right, abs=1e-6)
    assert metrics["train_images"] == (split["split"] == "train").sum()
    assert metrics["train_gap"] == pytest.approx(metrics["train_accuracy"] - metrics["accuracy"], abs=2e-6)


def test_figures_are_flat_numbers_of_at_most_six_digits(three_classes):
    for name, value in three_classes.metrics().items():
        assert isinstance(value, int | float), name
        assert float(f"{value:.6g}") == value, name


def test_a_threshold_is_chosen_for_two_classes_and_none_for_more(two_classes, three_classes):
    metrics = two_classes.metrics()
    table = read(two_classes, "data/predictions/test.csv")
    said = np.where(table["p_down"] >= metrics["threshold"], "down", "across")
    assert metrics["accuracy_at_threshold"] == pytest.approx((said == table["label"]).mean(), abs=1e-6)
    assert "threshold" not in three_classes.metrics()


def test_tables_for_plots_have_one_column_a_class_and_a_fixed_number_of_rows(three_classes):
    for name, x in (("roc", "false_positive_rate"), ("precision_recall", "recall")):
        table = read(three_classes, f"plots/{name}.csv")
        assert list(table.columns) == [x, *three_classes.classes, "macro"]
        assert len(table) == 101
    calibration, metrics = read(three_classes, "plots/calibration.csv"), three_classes.metrics()
    assert list(calibration.columns) == ["confidence", "accuracy", "images"]
    assert calibration["images"].sum() == metrics["images"]
    weights = calibration["images"] / metrics["images"]
    assert (calibration["accuracy"] * weights).sum() == pytest.approx(metrics["accuracy"], abs=1e-6)
    gaps = (calibration["accuracy"] - calibration["confidence"]).abs()
    assert (gaps * weights).sum() == pytest.approx(metrics["expected_calibration_error"], abs=1e-6)
    confusion = read(three_classes, "plots/confusion.csv")
    right = confusion["images"][confusion["actual"] == confusion["predicted"]].sum()
    assert right / confusion["images"].sum() == pytest.approx(metrics["accuracy"], abs=1e-6)


def test_a_table_has_the_figures_of_each_class(three_classes):
    table, metrics = read(three_classes, "plots/by_class.csv").set_index("class"), three_classes.metrics()
    assert list(table.index) == three_classes.classes
    for column in ("precision", "recall", "f1", "support"):
        assert table[column].to_dict() == {
            name: metrics[f"{column}_{name}"] for name in three_classes.classes
        }


def test_maps_are_of_the_surest_mistakes(two_classes):
    table = read(two_classes, "data/predictions/test.csv")
    wrong = table[table["label"] != table["predicted"]]
    surest = wrong.assign(p=wrong[["p_across", "p_down"]].max(axis=1)).sort_values("p", ascending=False)
    with np.load(two_classes.folder / "data/predictions/occlusion.npz") as occlusion:
        assert list(occlusion["ids"]) == list(surest["id"][:6])
        assert occlusion["maps"].shape == (min(6, len(wrong)), 12, 12)
        assert occlusion["maps"].dtype == np.float32
        assert occlusion["maps"].min() >= 0
        assert occlusion["maps"].max() <= 1


def test_the_same_inputs_give_the_same_bytes(changed):
    before = changed.outputs()
    done = changed.evaluate()
    assert done.returncode == 0, done.stderr
    hashes = [
        {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        for files in (before, changed.outputs())
    ]
    assert hashes[0] == hashes[1]


def test_groups_of_several_images_get_figures_of_their_own(changed):
    table = pd.read_csv(changed.folder / "data/split/split.csv", dtype=str)
    changed.write_split(
        table["split"].to_numpy(), [f"patient {number // 48}" for number in range(len(table))]
    )
    assert changed.evaluate().returncode == 0
    metrics = changed.metrics()
    assert metrics["groups"] == 5
    assert metrics["group_accuracy_worst"] <= metrics["group_accuracy"]
    assert metrics["accuracy_low_by_group"] <= metrics["accuracy"] <= metrics["accuracy_high_by_group"]


def test_answers_are_promised_by_one_validation_image_of_each_group(changed):
    params = changed.folder / "params.yaml"
    write_params(params, {"evaluate.abstain": {"error": 0.3, "confidence": 0.9}}, params)
    assert changed.evaluate().returncode == 0
    metrics, test = changed.metrics(), read(changed, "data/predictions/test.csv")
    sure = test.filter(like="p_").max(axis=1) >= metrics["confidence_threshold"]
    assert metrics["coverage"] == pytest.approx(sure.mean(), abs=1e-6)
    right = (test["label"] == test["predicted"])[sure]
    assert metrics["selective_accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    curve = read(changed, "plots/risk_coverage.csv")
    assert curve["error"].iloc[-1] == pytest.approx(1 - metrics["accuracy"], abs=1e-6)

    parts = np.array(["train", "train", "validation", "test"])[np.arange(240) // 2 % 4]
    changed.write_split(parts, [str(number % 5) for number in range(240)])
    done = changed.evaluate()
    assert done.returncode == 1
    assert (
        "takes 13 independent validation images at least (one of each group counts), and there are 5;"
        in done.stderr
    )


def test_no_test_images_is_one_message_that_names_the_parameter(changed):
    table = pd.read_csv(changed.folder / "data/split/split.csv", dtype=str)
    changed.write_split(table["split"].replace("test", "train").to_numpy(), table["group"].tolist())
    done = changed.evaluate()
    assert done.returncode == 1
    assert "split.test in params.yaml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("key", "value"), [("classes", ["cat", "dog"]), ("shape", [9, 9, 1])])
def test_a_model_of_other_classes_or_another_size_is_refused_before_anything_is_deleted(changed, key, value):
    path = changed.folder / "models/model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    before = changed.outputs()
    done = changed.evaluate()
    assert done.returncode == 1
    assert "dvc repro train" in done.stderr
    assert changed.outputs() == before


def test_a_missing_model_is_one_message(changed):
    (changed.folder / "models/model.keras").unlink()
    done = changed.evaluate()
    assert done.returncode == 1
    assert "model.keras: no such file" in done.stderr


def test_without_a_mistake_there_is_no_map(changed):
    params = changed.folder / "params.yaml"
    write_params(params, {"evaluate.occlusion": 0}, params)
    assert changed.evaluate().returncode == 0
    with np.load(changed.folder / "data/predictions/occlusion.npz") as occlusion:
        assert occlusion["maps"].shape == (0, 12, 12)
        assert len(occlusion["ids"]) == 0


def test_a_backend_that_is_not_installed_is_named_with_the_way_out(changed):
    path = changed.folder / "models/model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"backend": "mindspore"}))
    done = changed.evaluate()
    assert done.returncode == 1
    assert "models/model.json: backend: mindspore is not installed" in done.stderr
