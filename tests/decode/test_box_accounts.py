"""Every box and every picture is used or rejected, once; parts of a picture stay together, and a killed run resumes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from darkroom import images
from darkroom.decode import shards
from darkroom.split import groups
from tests.decode.made_boxes import (
    BOXES,
    HEIGHT,
    WIDTH,
    Given,
    coco,
    in_inbox,
    index,
    pictures,
    rejected,
    run,
    table,
    voc,
)
from tests.decode.small_sources import digest, pack

pytestmark = pytest.mark.usefixtures("workspace")


def test_every_box_and_every_picture_is_accounted_for(root: Path) -> None:
    odd: list[Given] = [
        *BOXES,
        ("a/1.png", 100, 5, 120, 15, "car"),
        ("a/1.png", 10, 5, 10, 15, "car"),
        ("a/1.png", -10, -5, 8, 8, "dog"),
        ("a/1.png", 5, 5, 6, 15, "car"),
        ("gone.png", 0, 0, 5, 5, "car"),
        ("broken.png", 0, 0, 5, 5, "car"),
        ("broken.png", 1, 1, 5, 5, "car"),
    ]
    pack(pictures() | {"b/without.png": pictures()["a/1.png"], "b/broken.png": b"\x89PNG\r\n\x1a\nno more"})
    in_inbox(table(odd))
    metrics = run(root, min_side=3, max_rejected=0.9)
    assert list(index()["id"]) == ["a/1.png#1", "a/1.png#2", "a/1.png#5", "b/2.png#1", "b/2.png#2"]
    assert rejected() == {
        "a/1.png#3": ("unusable box", "(100, 5) to (120, 15) lies outside of the picture of 60 x 40 pixels"),
        "a/1.png#4": ("unusable box", "(10, 5) to (10, 15) has no area"),
        "a/1.png#6": ("too small", "box of 1 x 10 pixels; decode.min_side is 3"),
        "b/broken.png#1": rejected()["b/broken.png#2"],
        "b/broken.png#2": rejected()["b/broken.png#2"],
        "b/without.png": ("no box", "image.boxes has none of it"),
        "gone.png#1": ("box without a picture", "data/inbox/annotations/boxes.csv has it"),
    }
    assert metrics["files"] == len(odd) + 1


def test_a_box_of_an_image_that_coco_does_not_list_is_one_without_a_picture(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(pictures())
    text = coco(BOXES)["annotations/boxes.json"]
    one = '{"image_id": 99, "category_id": 3, "bbox": [0, 0, 5, 5]}'
    in_inbox({"annotations/boxes.json": text.replace('"annotations": [', f'"annotations": [{one}, {one}, ')})
    known = run(root, max_rejected=0.9)
    assert rejected()["image_id 99#2"] == (
        "box without a picture",
        "data/inbox/annotations/boxes.json has it",
    )
    assert list(index()["id"]) == ["a/1.png#1", "a/1.png#2", "b/2.png#1", "b/2.png#2"]
    told = "params.yaml: image.boxes: 2 boxes name pictures that are not in the source, as image_id 99#1 (rejected.csv)"
    assert told in capsys.readouterr().err
    in_inbox({"annotations/boxes.json": text})
    assert run(root)["warnings"] == known["warnings"] - 1


def test_a_box_of_a_picture_of_other_sides_is_not_cut_out(root: Path) -> None:
    pack(pictures())
    text = coco(BOXES)["annotations/boxes.json"].replace(f'"width": {WIDTH}', '"width": 640', 1)
    crowd = text.replace('"id": 3, "image_id"', '"iscrowd": 1, "id": 3, "image_id"')
    in_inbox({"annotations/boxes.json": crowd})
    run(root, max_rejected=0.9)
    assert list(index()["id"]) == ["b/2.png#1"]
    assert rejected()["a/1.png#2"] == ("unusable box", "of a picture of 640 x 40 pixels; this one is 60 x 40")
    assert rejected()["b/2.png#2"] == ("unusable box", "marks a crowd (iscrowd), and not one object")


def test_parts_of_a_picture_under_two_labels_are_no_conflict_and_one_box_under_two_is(root: Path) -> None:
    twice = [*BOXES, (*BOXES[0][:5], "dog")]
    pack(pictures())
    in_inbox(table(twice))
    metrics = run(root, max_rejected=0.9)
    assert (metrics["label_conflicts"], metrics["used"]) == (2, 3)
    assert rejected()["a/1.png#3"] == ("duplicate with another label", "label dog; a/1.png#1 has label car")


def test_images_of_one_picture_are_one_group_and_do_not_count_as_look_alikes(root: Path) -> None:
    random = np.random.default_rng(0)
    noise = {
        name: cv2.imencode(".png", random.integers(0, 256, (HEIGHT, WIDTH), np.uint8))[1].tobytes()
        for name in pictures()
    }
    again = {"c/3.png": noise["b/2.png"]}
    pack(noise | again)
    in_inbox(table([*BOXES, ("c/3.png", *BOXES[3][1:])]))
    run(root)
    found = images.Images(Path("data/images"))
    alike = groups.look_alikes(found, 8)
    assert alike.tolist() == [0, 1, 2, 3, 3]
    together = groups.with_pictures(alike, found.index["sha256"])
    assert together.tolist() == [0, 0, 2, 2, 2]
    assert groups.with_subjects(together, list(found.index["id"]), r"a/|b/2.png#1").tolist() == [
        0,
        0,
        2,
        2,
        2,
    ]
    assert groups.with_subjects(together, list(found.index["id"]), "#1").tolist() == [0] * 5


def test_a_killed_run_is_taken_up_with_the_same_boxes_and_not_with_others(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = shards.write

    def killed(members: Sequence[Any], number: int, *rest: Any) -> int:
        if number == 2:
            raise KeyboardInterrupt
        return write(members, number, *rest)

    def run_and_kill() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(shards, "write", killed)
            with pytest.raises(KeyboardInterrupt):
                run(root, shard_images=1, workers=1)

    pack(pictures())
    in_inbox(table(BOXES))
    run_and_kill()
    run(root, shard_images=1, workers=1)
    assert "of 4 shards were finished by an earlier run" in capsys.readouterr().out
    assert list(pd.read_csv("data/images/boxes.csv")["left"]) == [4, 30, 0, 25]
    run_and_kill()
    in_inbox(table([(name, left + 1, *rest) for name, left, *rest in BOXES]))  # type: ignore[arg-type]
    run(root, shard_images=1, workers=1)
    assert "earlier run" not in capsys.readouterr().out
    assert list(pd.read_csv("data/images/boxes.csv")["left"]) == [5, 31, 1, 26]


def test_the_way_the_work_is_spread_does_not_matter(root: Path) -> None:
    pack(pictures())
    in_inbox(voc(BOXES))
    run(root)
    run(root, out="processes", backend="loky", workers=2)
    assert digest(Path("processes")) == digest(Path("data/images"))
