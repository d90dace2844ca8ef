"""The split stage, driven as its door drives it: images in, split.csv, normalization.npz and metrics out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import UserError, files
from darkroom.images import Images
from darkroom.params import NormalizeParams, SplitParams
from darkroom.split.stage import split

Write = Callable[..., Path]
GOOD: dict[str, Any] = {
    "train": 0.7,
    "validation": 0.1,
    "test": 0.2,
    "seed": 0,
    "stratified": True,
    "predefined": "keep",
    "near_duplicates": 8,
    "group_by": None,
    "folds": None,
    "fold": 0,
}


def run(images: Path, method: str = "rescale", **changes: Any) -> tuple[dict[str, Any], pd.DataFrame]:
    out = images.parent / "split"
    metrics = split(SplitParams(**{**GOOD, **changes}), NormalizeParams(method=method), images, out)
    return metrics, pd.read_csv(out / "split.csv", keep_default_na=False, dtype=str)


def test_rows_follow_the_index_and_counts_meet_the_request(write_images: Write) -> None:
    images = write_images(["a"] * 100 + ["b"] * 50)
    metrics, table = run(images)
    assert table.columns.tolist() == ["id", "split", "group"]
    assert table["id"].tolist() == Images(images).index["id"].tolist()
    assert table["group"].tolist() == table["id"].tolist()
    assert table["split"].value_counts().to_dict() == {"train": 105, "validation": 15, "test": 30}
    assert (metrics["train"], metrics["balance_error"], metrics["fraction_error"]) == (105, 0, 0)


@pytest.mark.parametrize("method", ["rescale", "minmax", "standard", "zca"])
def test_the_same_images_give_the_same_bytes(write_images: Write, method: str) -> None:
    images = write_images(["a", "b", "c"] * 30)
    first, _ = run(images, method)
    written = {path.name: path.read_bytes() for path in (images.parent / "split").iterdir()}
    second, _ = run(images, method)
    assert first == second
    assert {path.name: path.read_bytes() for path in (images.parent / "split").iterdir()} == written
    assert sorted(written) == ["normalization.npz", "split.csv", "summary.json"]


def test_the_normalization_sees_train_alone(write_images: Write) -> None:
    images = write_images(["a", "b"] * 50)
    _, table = run(images, "minmax")
    train = Images(images).take(np.flatnonzero(table["split"] == "train"))
    with np.load(images.parent / "split" / "normalization.npz") as statistics:
        assert str(statistics["method"]) == "minmax"
        assert (statistics["maximum"] == train.max(axis=0)).all()
        assert (statistics["maximum"] < Images(images).take(np.arange(100)).max(axis=0)).any()


def test_near_duplicates_and_patients_are_never_parted(write_images: Write) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (300, 8, 8, 1), np.uint8)
    pixels[100:150] = pixels[:50] // 2 + 20
    ids = [f"{'ab'[row % 2]}/C{row % 97}_{row}.png" for row in range(300)]
    images = write_images(["a", "b"] * 150, ids=ids, pixels=pixels)
    metrics, table = run(images, group_by=r"C\d+")
    for other in range(50):
        assert table["split"][other] == table["split"][100 + other]
        assert table["group"][other] == table["group"][100 + other]
    assert (table.groupby(table["id"].str.extract(r"(C\d+)")[0])["split"].nunique() == 1).all()
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert metrics["leaked_images"] == 0
    assert metrics["grouped_images"] == 300


def test_near_duplicates_under_two_labels_are_counted_and_named(
    write_images: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (40, 8, 8, 1), np.uint8)
    pixels[1] = pixels[0]
    images = write_images(["a", "b"] * 20, pixels=pixels)
    metrics, _ = run(images)
    assert (metrics["near_duplicates_across_labels"], metrics["warnings"]) == (2, 1)
    (warning,) = files.read_json(images.parent / "split" / "summary.json")["warnings"]
    assert "2 images look alike under several labels: a/00000.png, b/00001.png; one may be wrong" in warning
    assert f"split: warning: {warning}\n" in capsys.readouterr().err


def test_a_predefined_split_that_leaks_is_kept_and_reported_or_repaired(write_images: Write) -> None:
    splits = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    pixels = np.random.default_rng(9).integers(0, 256, (40, 8, 8, 1), np.uint8)
    pixels[20], pixels[30], pixels[31] = pixels[0], pixels[1], pixels[1] // 2 + 20
    images = write_images(["a", "b"] * 20, splits=splits, pixels=pixels)
    kept, table = run(images)
    assert table["split"].tolist() == splits
    assert kept["leaked_images"] == 3
    warnings = files.read_json(images.parent / "split" / "summary.json")["warnings"]
    assert warnings[0].startswith(
        "data leakage: 3 validation and test images have a copy, or one of their group,"
    )
    assert kept["warnings"] == len(warnings)
    repaired, table = run(images, predefined="repair")
    assert (repaired["leaked_images"], repaired["validation"], repaired["test"]) == (0, 9, 8)
    assert table["split"][[20, 30, 31]].tolist() == ["train"] * 3
    ignored, _ = run(images, predefined="ignore")
    assert (ignored["leaked_images"], ignored["train"]) == (0, 28)


def test_missing_validation_is_drawn_from_what_is_not_test(write_images: Write) -> None:
    splits = ["train"] * 80 + ["test"] * 40
    metrics, table = run(write_images(["a", "b"] * 60, splits=splits))
    assert table["split"][80:].eq("test").all()
    assert (metrics["train"], metrics["validation"], metrics["test"]) == (70, 10, 40)  # 0.1 / 0.8 of 80
    assert (metrics["predefined_test"], "predefined_validation" in metrics) == (40, False)


def test_no_validation_is_a_valid_request(write_images: Write) -> None:
    metrics, _ = run(write_images(["a", "b"] * 20), validation=0, train=0.8)
    assert (metrics["train"], metrics["validation"], metrics["test"]) == (32, 0, 8)


def test_without_stratification_all_images_are_shared_out_together(write_images: Write) -> None:
    metrics, _ = run(write_images(["a", "b", "b", "b"] * 25), stratified=False)
    assert (metrics["train"], metrics["validation"], metrics["test"]) == (70, 10, 20)
    assert metrics["balance_error"] > 0


@pytest.mark.parametrize(
    ("labels", "changes", "message"),
    [
        ([], {}, r"no labelled images; check source and labels in params\.yaml"),
        (["a"] * 10, {}, r"all 10 images have the label 'a'; expected two classes .* labels\.kind"),
        (
            ["a"] * 10 + ["b"] * 2,
            {},
            r"params\.yaml: split\.train, .*class 'b' has 2 images to share out; .* 3",
        ),
        (
            ["a", "b"] * 10,
            {"test": 0, "validation": 0.3},
            r"params\.yaml: split\.test: got 0\.0, and the source brings",
        ),
        (["a", "b"] * 10, {"group_by": "a|b"}, r"class 'a' has 10 images in 1 groups that stay together"),
        (["a", "b"] * 10, {"group_by": "^C"}, r"split\.group_by: '\^C' matches none of the 20 ids"),
        (["a", "b"] * 10, {"group_by": "/", "stratified": False}, r"the whole has 20 images in 1 groups"),
        (
            ["a"] * 10 + ["b"] * 4,
            {"folds": 5},
            r"params\.yaml: split\.folds: got 5: class 'b' has 4 images to share out; .* 5, .* ask for fewer folds",
        ),
        (
            ["a", "b"] * 10,
            {"folds": 2, "group_by": "a|b"},
            r"split\.folds: got 2: class 'a' has 10 images in 1",
        ),
    ],
)
def test_what_cannot_be_split_is_one_message(
    write_images: Write, labels: list[str], changes: dict[str, Any], message: str
) -> None:
    images = write_images(labels) if labels else write_images(labels, pixels=np.zeros((0, 4, 4, 1), np.uint8))
    with pytest.raises(UserError, match=message):
        run(images, **changes)


def test_a_class_that_only_the_predefined_test_holds_is_refused(write_images: Write) -> None:
    splits = ["train"] * 4 + ["validation"] * 4 + ["test"] * 4
    images = write_images(["a", "b"] * 4 + ["c"] * 4, splits=splits)
    with pytest.raises(
        UserError, match=r"split\.predefined: got keep, which leaves class 'c' without a training"
    ):
        run(images)
    run(images, predefined="ignore")


def test_every_image_is_in_test_in_one_fold_and_groups_stay_together(write_images: Write) -> None:
    labels = ["a"] * 61 + ["b"] * 32 + ["c"] * 11
    images = write_images(labels, [f"{label}/P{row // 2}_{row}.png" for row, label in enumerate(labels)])
    tested, validated = [], []
    for fold in range(5):
        # Of split.test nothing comes; of the rest validation gets 0.1 of 0.8.
        metrics, table = run(images, folds=5, fold=fold, group_by=r"P\d+", test=0.2)
        assert metrics["leaked_images"] == 0
        assert "predefined_test" not in metrics
        assert metrics["fraction_error"] < 0.03
        assert table.groupby("group")["split"].nunique().max() == 1
        tested.append(table["split"] == "test")
        validated.append(table["split"] == "validation")
    assert (sum(part.astype(int) for part in tested) == 1).all()
    # Ten images a fold: drawn alike in each, they would be some twenty in all.
    assert (sum(part.astype(int) for part in validated) > 0).sum() > 30
    for label, count in (("a", 61), ("b", 32), ("c", 11)):
        of_class = [int((part & table["id"].str.startswith(label)).sum()) for part in tested]
        assert max(abs(here - count / 5) for here in of_class) <= 2
    alone = run(images, folds=5, fold=2, test=0, validation=0.3)[1]
    assert (alone["split"] == "test").sum() in (20, 21)
    other = run(images, folds=5, fold=2, seed=1)[1]
    assert (other["split"] == "test").tolist() != (alone["split"] == "test").tolist()


def test_folds_differ_by_one_image_however_many_classes_leave_one_over(write_images: Write) -> None:
    images = write_images([f"{number:02}" for number in range(7)] * 6)
    sizes = [run(images, folds=5, fold=fold, validation=0, train=0.8)[0]["test"] for fold in range(5)]
    assert sorted(sizes) == [8, 8, 8, 9, 9]


def test_folds_and_a_split_that_came_with_the_source_exclude_each_other(write_images: Write) -> None:
    images = write_images(["a", "b"] * 20, splits=["train"] * 30 + ["test"] * 10)
    with pytest.raises(UserError, match=r"split\.folds: the source brings .* \(10 test images\), .*: ignore"):
        run(images, folds=4)
    assert run(images, folds=4, predefined="ignore")[0]["test"] == 10


def test_a_mistake_leaves_an_earlier_split_as_it_was(write_images: Write) -> None:
    images = write_images(["a", "b"] * 20)
    run(images)
    before = (images.parent / "split" / "split.csv").read_bytes()
    with pytest.raises(UserError):
        run(images, group_by="nothing like it")
    assert (images.parent / "split" / "split.csv").read_bytes() == before
