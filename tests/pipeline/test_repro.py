"""The main job, as a user does it: `dvc repro` from nothing, again, and after one changed line."""

import csv
import re
import shutil
from pathlib import Path

import pytest

SIX = ["fetch", "decode", "split", "train", "evaluate", "plot"]


def test_digits_run_from_nothing_to_a_report_and_reach_their_accuracy(repository):
    committed = repository.lock()
    assert repository.repro("--force") == SIX
    assert repository.metrics("evaluate")["accuracy"] >= 0.985
    assert repository.path("plots/report.html").stat().st_size > 10_000
    # The lock that came with the commit is of these params and, up to split, of these bytes on any processor.
    for stage, entry in repository.lock().items():
        assert entry["params"] == committed[stage]["params"]
        if stage in ("fetch", "decode", "split"):
            assert entry["outs"] == committed[stage]["outs"]
    assert repository.repro() == []


def test_second_repro_runs_nothing(finished):
    assert finished.repro() == []


@pytest.mark.slow
def test_forced_repro_leaves_every_tracked_byte_as_it_was(finished):
    assert finished.repro("--force") == SIX
    assert finished.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"plot.samples": 9}, ["plot"]),
        ({"train.epochs": 1}, ["train", "evaluate", "plot"]),
        ({"decode.workers": 1}, ["decode"]),  # the same bytes, so nothing downstream runs
        pytest.param({"split.seed": 1}, ["split", "train", "evaluate", "plot"], marks=pytest.mark.slow),
    ],
)
def test_one_changed_line_runs_only_what_it_touches(finished, change, expected):
    finished.change(change)
    assert finished.repro() == expected


def test_every_image_is_accounted_for(finished):
    metrics = finished.metrics("decode")
    assert metrics["files"] == 1797
    assert metrics["used"] + metrics["rejected"] + metrics["unlabelled"] == metrics["files"]
    with finished.path("data/split/split.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == metrics["used"]
    with finished.path("data/predictions/test.csv").open() as file:
        assert len(list(csv.DictReader(file))) == sum(row["split"] == "test" for row in rows)


@pytest.mark.slow
def test_csv_shards_lead_to_the_same_model_as_npz(finished):
    before = finished.path("models/model.keras").read_bytes()
    finished.change({"decode.format": "csv"})
    finished.repro()
    assert finished.path("models/model.keras").read_bytes() == before


PHOTOS = {
    "cats and dogs, labels in file names, grayscale": (
        "dogs-vs-cats/train",
        {
            "labels.kind": "filename",
            "image.resolution": 80,
            "image.color": "grayscale",
            "normalize.method": "minmax",
        },
        2,
    ),
    "flowers, a folder a class, RGB": (
        "flower_photos",
        {"image.resolution": 64, "image.color": "rgb", "normalize.method": "standard"},
        5,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [next(iter(PHOTOS)), *(pytest.param(case, marks=pytest.mark.weekly) for case in [*PHOTOS][1:])]
)
def test_real_photos_run_through_all_stages_by_parameters_alone(repository, real_images, case):
    folder, changes, classes = PHOTOS[case]
    shutil.copytree(real_images / folder, repository.path("data/inbox") / Path(folder).name)
    repository.change(
        {
            "source.kind": "local",
            "source.path": Path(folder).name,
            "train.epochs": 2,
            "model.blocks": [[16], [32]],
        }
        | changes
    )
    assert repository.repro() == SIX
    decode = repository.metrics("decode")
    assert decode["files"] == sum(path.is_file() for path in (real_images / folder).rglob("*"))
    assert decode["used"] + decode["rejected"] + decode["unlabelled"] == decode["files"]
    assert decode["classes"] == classes
    assert repository.metrics("evaluate")["accuracy"] > 1 / classes
    assert repository.repro() == []


@pytest.mark.slow
def test_bundled_drawings_run_through_all_stages_with_their_own_split(repository):
    repository.change(
        {
            "source.name": "ox",
            "image.resolution": 64,
            "train.epochs": 2,
            "model.blocks": [[8], [16]],
            "augment.rotation": 25.0,
        }
    )
    assert repository.repro() == SIX
    split = repository.metrics("split")
    assert (split["train"], split["validation"], split["test"]) == (76, 16, 12)
    assert repository.metrics("evaluate")["images"] == 12


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["train", "evaluate"])
def test_a_stage_says_nothing_of_tensorflows_own(finished, stage):
    finished.env.pop("TF_CPP_MIN_LOG_LEVEL", None)
    done = finished.stage(stage)
    assert done.returncode == 0
    said = done.stdout + done.stderr
    assert not re.search(r"oneDNN|cudart|absl|^[IWE]\d{4} ", said, re.MULTILINE), said
