"""Bounding boxes: each becomes an image with its label, whatever the format."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from darkroom import images
from darkroom.decode.box import Box
from tests.decode.made_boxes import (
    BOXES,
    COLOURS,
    FORMATS,
    HEIGHT,
    WIDTH,
    coco,
    in_inbox,
    index,
    pictures,
    rejected,
    run,
    table,
    yolo,
)
from tests.decode.small_sources import pack

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("place", ["inbox", "archive beside", "source"])
def test_each_box_is_an_image_with_its_label(root: Path, name: str, place: str) -> None:
    files = FORMATS[name](BOXES)
    if place == "source":
        pack(pictures() | {f"set/{path}": text.encode() for path, text in files.items()})
    else:
        pack(pictures())
    if place == "inbox":
        in_inbox(files)
    boxes = "annotations"
    if place == "archive beside":
        boxes = "boxes.zip"
        with zipfile.ZipFile("data/inbox/boxes.zip", "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
    metrics = run(root, boxes=boxes)
    found = images.Images(Path("data/images"))
    assert list(found.index["id"]) == ["a/1.png#1", "a/1.png#2", "b/2.png#1", "b/2.png#2"]
    assert list(found.index["label"]) == ["car", "dog", "dog", "car"]
    assert list(found.index["width"]) == [20, 20, 20, 10]
    assert list(found.index["height"]) == [10, 20, 10, 20]
    for pixels, label in zip(found.take(range(4)), found.index["label"], strict=True):
        assert (pixels == COLOURS[label]).all()
    # Files of boxes in the source are files of the source; a README stays what it is.
    assert metrics["rejected"] == (len(files) if place == "source" else 0)
    where = pd.read_csv("data/images/boxes.csv")
    assert where.to_numpy().tolist()[3] == ["b/2.png#2", "b/2.png", 25, 20, 35, 40]


def test_boxes_are_those_of_the_whole_source(root: Path) -> None:
    """As Roboflow packs YOLO: train/images, train/labels, test/images … and data.yaml above."""
    files = {
        f"{part}/labels/{Path(name).name}": text
        for part, box in (("train", BOXES[0]), ("test", BOXES[3]))
        for name, text in yolo([(f"{part}/images/same.png", *box[1:])]).items()
        if name.endswith("same.txt")
    }
    drawn = pictures([("train/images/same.png", *BOXES[0][1:]), ("test/images/same.png", *BOXES[3][1:])])
    names = {"data.yaml": "names: {0: dog, 1: car}\n", "README.roboflow.txt": "exported\n"}
    pack(drawn | {name: text.encode() for name, text in (files | names).items()})
    run(root, boxes=".")
    assert index()[["id", "label", "split"]].to_numpy().tolist() == [
        ["test/images/same.png#1", "car", "test"],
        ["train/images/same.png#1", "car", "train"],
    ]


def test_a_picture_is_found_by_the_end_of_a_path_of_another_machine_and_in_any_case(root: Path) -> None:
    pack(pictures())
    in_inbox({"b.csv": "Image Path;XMin;YMin;XMax;YMax\nC:\\set\\A\\1.PNG;4;6;24;16\n/home/b/2;0;0;20;10\n"})
    run(root, boxes="b.csv")
    assert list(index()["id"]) == ["a/1.png#1", "b/2.png#1"]


def test_without_labels_of_their_own_boxes_have_that_of_the_picture(root: Path) -> None:
    pack(pictures())
    rows = [f"{name},{x},{y},{right},{bottom}" for name, x, y, right, bottom, _ in BOXES]
    in_inbox({"boxes.csv": "\n".join(["filename,xmin,ymin,xmax,ymax", *rows])})
    run(root, boxes="boxes.csv")
    assert list(index()["label"]) == ["a", "a", "b", "b"]
    run(root, boxes="boxes.csv", kind="filename", pattern=r"^(?P<label>\d)\.png$")
    assert list(index()["label"]) == ["1", "1", "2", "2"]
    in_inbox({"labels.csv": "path,label,part\n1.png,x,train\n2.png,y,test\n"})
    run(root, boxes="boxes.csv", kind="csv", file="labels.csv", split_column="part")
    assert index()[["label", "split"]].to_numpy().tolist() == [["x", "train"]] * 2 + [["y", "test"]] * 2


def test_labels_of_boxes_go_before_others_and_are_mapped_and_skipped(root: Path) -> None:
    pack(pictures() | {"labels.csv": b"path,label,part\n1.png,x,train\n2.png,y,test\n"})
    in_inbox(coco(BOXES))
    run(root, kind="csv", file="labels.csv", split_column="part", map={"car": "vehicle"}, skip=["dog"])
    assert index()[["id", "label", "split"]].to_numpy().tolist() == [
        ["a/1.png#1", "vehicle", "train"],
        ["b/2.png#2", "vehicle", "test"],
    ]
    assert rejected()["b/2.png#1"] == ("label skipped", "labels.skip names dog")


def test_a_margin_is_a_part_of_the_longer_side_and_ends_with_the_picture(root: Path) -> None:
    pack(pictures())
    in_inbox(table(BOXES))
    run(root, box_margin=0.2)
    where = pd.read_csv("data/images/boxes.csv").set_index("id")
    assert where.loc["a/1.png#1"].tolist() == ["a/1.png", 0, 2, 28, 20]
    assert where.loc["b/2.png#1"].tolist() == ["b/2.png", 0, 0, 24, 14]
    assert where.loc["b/2.png#2"].tolist() == ["b/2.png", 21, 16, 39, 40]


@pytest.mark.parametrize("margin", [0.0, 0.1])
@pytest.mark.parametrize("far", [1e6, 1e308])
def test_a_box_however_large_ends_with_the_picture(margin: float, far: float) -> None:
    assert Box(-far, -far, far, far).edges(WIDTH, HEIGHT, margin, 1) == (0, 0, WIDTH, HEIGHT)
    assert Box(0, 0, 1, 1, relative=True).edges(WIDTH, HEIGHT, margin, 1) == (0, 0, WIDTH, HEIGHT)


def test_boxes_are_those_of_the_upright_picture_whole_though_the_decoder_may_shrink(root: Path) -> None:
    upright = np.zeros((400, 600), np.uint8)
    upright[100:200, 300:500] = 200
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter
    Image.fromarray(np.rot90(upright)).save("a.jpg", exif=exif, quality=95)
    pack({"a/1.jpg": Path("a.jpg").read_bytes()})
    in_inbox({"boxes.csv": "file,x1,y1,x2,y2,width,height\n1.jpg,310,110,490,190,600,400\n"})
    run(root, boxes="boxes.csv", reduced=True)
    assert abs(images.Images(Path("data/images")).take([0]).astype(int) - 200).max() <= 2
