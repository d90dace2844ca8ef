"""`darkroom evaluate` gives new labelled pictures the figures that the stage gives test images."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.predict.conftest import CLASSES, Shell


@pytest.fixture(scope="module")
def test_images(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[dict[str, str]]]:
    """Return a folder that holds the pictures of the test split by class, and their rows of predictions."""
    folder = tmp_path_factory.mktemp("labelled") / "test"
    with (workspace / "data/predictions/test.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        target = folder / row["id"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(workspace / "data/inbox" / row["id"], target)
    return folder, rows


def test_figures_are_those_of_the_stage_on_the_same_pictures(darkroom: Shell, workspace, test_images):
    folder, rows = test_images
    done = darkroom(workspace, "evaluate", "--json", folder)
    assert (done.code, done.error) == (0, "")
    found = json.loads(done.bytes)
    assert found["images"] == len(rows)
    files = (workspace / f"metrics/evaluate{which}.json" for which in ("", "_by_class"))
    overall, by_class = (json.loads(file.read_text()) for file in files)
    metrics = overall | by_class
    ours = {name: value for name, value in found.items() if name in metrics}
    assert set(ours) >= {
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "loss",
        "recall",
        "roc_auc",
        "matthews",
    } | set(by_class)
    assert ours == pytest.approx({name: metrics[name] for name in ours}, rel=1e-5)
    pairs = Counter((row["label"], row["predicted"]) for row in rows)
    assert {(row["actual"], row["predicted"]): row["images"] for row in found["confusion"]} == pairs
    mistakes = [
        (row["id"], row["label"], row["predicted"]) for row in rows if row["label"] != row["predicted"]
    ]
    told = [
        (row["id"].removeprefix(f"{folder}/"), row["actual"], row["predicted"]) for row in found["mistakes"]
    ]
    assert sorted(told) == sorted(mistakes)
    sure = [row["confidence"] for row in found["mistakes"]]
    assert sure == sorted(sure, reverse=True)
    assert all(found[f"recall_{name}"] == pytest.approx(pairs[name, name] / 8, abs=1e-5) for name in CLASSES)


def test_text_says_what_was_taken_for_what(darkroom: Shell, workspace, test_images, tmp_path):
    folder, rows = test_images
    other = next(row for row in rows if row["predicted"] != "down")
    (tmp_path / "down").mkdir()
    shutil.copyfile(folder / other["id"], tmp_path / "down" / "1.png")
    lines = darkroom(workspace, "evaluate", tmp_path).bytes.decode().splitlines()
    assert lines[0] == "accuracy 0.000 (0.000 to 0.793, 95 % interval) on 1 images"
    assert lines[1].split() == ["class", "images", "recall", "precision"]
    assert [line.split()[:3] for line in lines if line.startswith("  down")] == [["down", "1", "0.000"]]
    assert lines[-2] == f"  1 of down taken for {other['predicted']}"
    assert lines[-1].startswith(f"  {tmp_path}/down/1.png: {other['predicted']}, ")


def test_unknown_folders_and_bad_files_are_left_out_and_said(
    darkroom: Shell, workspace, test_images, tmp_path
):
    folder, _ = test_images
    shutil.copytree(folder, tmp_path / "all")
    (tmp_path / "all" / "stripes" / "down" / "bad.png").write_bytes(b"")
    (tmp_path / "all" / "weeds").mkdir()
    (tmp_path / "all" / "weeds" / "1.png").write_bytes(b"whatever it is")
    known = json.loads(darkroom(workspace, "evaluate", "--json", folder).bytes)
    done = darkroom(workspace, "evaluate", "--json", tmp_path / "all")
    assert done.code == 2
    assert "left out: files in weeds (1); the model's classes are across, down, slanted" in done.error
    assert "bad.png: empty: 0 bytes" in done.error
    found = json.loads(done.bytes)
    assert (found.pop("unknown_classes"), found.pop("unusable")) == ({"weeds": 1}, 1)
    assert len(found.pop("mistakes")) == len(known["mistakes"])
    assert found == {name: value for name, value in known.items() if name in found}


def test_pictures_of_no_known_class_are_refused(darkroom: Shell, workspace, pictures):
    done = darkroom(workspace, "evaluate", pictures)
    assert (done.code, done.bytes) == (1, b"")
    assert (
        "no picture lies in a folder called like a class of the model: files in pictures (4), more (3)"
        in done.error
    )


def test_without_a_model_it_is_said_how_to_name_one(darkroom: Shell, pictures):
    done = darkroom(pictures, "evaluate", "more")
    assert done.code == 1
    assert (
        "models/model.json: no such file; `dvc repro train` makes it, or name the folder of another model"
        in done.error
    )


def test_a_model_of_boxes_says_that_it_sees_whole_pictures(darkroom: Shell, workspace, test_images, tmp_path):
    folder, _ = test_images
    shutil.copytree(workspace / "models", tmp_path / "models")
    described = tmp_path / "models" / "model.json"
    content = json.loads(described.read_text())
    content["preparation"]["boxes"] = "boxes.csv"
    described.write_text(json.dumps(content))
    for command in ("predict", "evaluate"):
        done = darkroom(workspace, command, "--model", tmp_path / "models", folder)
        assert done.code == 0
        assert done.error.startswith("darkroom: the model was trained on boxes cut out of their pictures")
