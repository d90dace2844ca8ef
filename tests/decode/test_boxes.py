"""Bounding boxes: each becomes an image, whatever the format; every box and picture is accounted for."""

import itertools
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from darkroom import UserError, images
from darkroom.array_types import Pixels
from darkroom.decode import shards, stage
from darkroom.params import read_params
from darkroom.split import groups
from tests.decode.small_sources import digest, pack

COLOURS = {"car": 200, "dog": 90}
WIDTH, HEIGHT = 60, 40

Given = tuple[str, int, int, int, int, str]
BOXES: list[Given] = [
    ("a/1.png", 4, 6, 24, 16, "car"),
    ("a/1.png", 30, 10, 50, 30, "dog"),
    ("b/2.png", 0, 0, 20, 10, "dog"),
    ("b/2.png", 25, 20, 35, 40, "car"),
]
"""Picture, left, top, right and bottom edge in pixels, label."""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    for folder in ("data/raw", "data/inbox", ".dvc"):
        Path(folder).mkdir(parents=True)


def pictures(boxes: Sequence[Given] = BOXES) -> dict[str, bytes]:
    """Draw each box as a rectangle of its label's grey, on black."""
    drawn: dict[str, Pixels] = {}
    for name, left, top, right, bottom, label in boxes:
        picture = drawn.setdefault(name, np.zeros((HEIGHT, WIDTH), np.uint8))
        picture[top:bottom, left:right] = COLOURS[label]
    return {name: cv2.imencode(".png", picture)[1].tobytes() for name, picture in drawn.items()}


def coco(boxes: Sequence[Given]) -> dict[str, str]:
    files = list(dict.fromkeys(box[0] for box in boxes))
    return {
        "annotations/boxes.json": json.dumps(
            {
                "images": [
                    {"id": id, "file_name": name, "width": WIDTH, "height": HEIGHT}
                    for id, name in enumerate(files)
                ],
                "categories": [{"id": 3, "name": "car"}, {"id": 7, "name": "dog"}],
                "annotations": [
                    {
                        "id": number,
                        "image_id": files.index(name),
                        "category_id": {"car": 3, "dog": 7}[label],
                        "bbox": [left, top, right - left, bottom - top],
                    }
                    for number, (name, left, top, right, bottom, label) in enumerate(boxes)
                ],
            }
        )
    }


def voc(boxes: Sequence[Given]) -> dict[str, str]:
    return {
        f"annotations/{Path(name).stem}.xml": f"<annotation><filename>{Path(name).name}</filename>"
        f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>1</depth></size>"
        + "".join(
            f"<object><name>{label}</name><bndbox><xmin>{left + 1}</xmin><ymin>{top + 1}</ymin>"
            f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
            for _, left, top, right, bottom, label in some
        )
        + "</annotation>"
        for name, some in itertools.groupby(boxes, key=lambda box: box[0])
    }


def yolo(boxes: Sequence[Given]) -> dict[str, str]:
    files = {
        f"annotations/{Path(name).stem}.txt": "".join(
            f"{['dog', 'car'].index(label)} {(left + right) / 2 / WIDTH!r} {(top + bottom) / 2 / HEIGHT!r} "
            f"{(right - left) / WIDTH!r} {(bottom - top) / HEIGHT!r}\n"
            for _, left, top, right, bottom, label in some
        )
        for name, some in itertools.groupby(boxes, key=lambda box: box[0])
    }
    return {**files, "annotations/classes.txt": "dog\ncar\n", "annotations/README.txt": "By hand."}


def table(boxes: Sequence[Given]) -> dict[str, str]:
    rows = [",".join(map(str, (name, label, *edges))) for name, *edges, label in boxes]
    return {"annotations/boxes.csv": "\n".join(["file,label,x_min,y_min,x_max,y_max", *rows, ""])}


FORMATS: dict[str, Callable[[Sequence[Given]], dict[str, str]]] = {
    "coco": coco,
    "voc": voc,
    "yolo": yolo,
    "csv": table,
}


def in_inbox(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = Path("data/inbox") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(root: Path, out: str = "data/images", **changes: Any) -> dict[str, Any]:
    """Decode data/raw in gray, 10 pixels a side, the boxes without a margin, and with some changes to the params."""
    asked = {"boxes": "annotations", "box_margin": 0.0, "resolution": 10, **changes}
    params = read_params(root / "params.yaml")
    labels, image, decode = (
        section.model_copy(
            update={key: value for key, value in asked.items() if key in type(section).model_fields}
        )
        for section in (params.labels, params.image, params.decode)
    )
    metrics = stage.decode(labels, image, decode, Path("data/raw"), Path("data/inbox"), Path(out))
    assert metrics["used"] + metrics["rejected"] + metrics["unlabelled"] == metrics["files"]
    return metrics


def index(out: str = "data/images") -> pd.DataFrame:
    return images.Images(Path(out)).index


def rejected() -> dict[str, tuple[str, str]]:
    rows = pd.read_csv("data/images/rejected.csv", keep_default_na=False)
    return {id: (reason, detail) for id, reason, detail in rows.itertuples(index=False)}


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


def test_a_box_of_a_picture_of_other_sides_is_not_cut_out(root: Path) -> None:
    pack(pictures())
    text = coco(BOXES)["annotations/boxes.json"].replace(f'"width": {WIDTH}', '"width": 640', 1)
    crowd = text.replace('"id": 3, "image_id"', '"iscrowd": 1, "id": 3, "image_id"')
    in_inbox({"annotations/boxes.json": crowd})
    run(root, max_rejected=0.9)
    assert list(index()["id"]) == ["b/2.png#1"]
    assert rejected()["a/1.png#2"] == ("unusable box", "of a picture of 640 x 40 pixels; this one is 60 x 40")
    assert rejected()["b/2.png#2"] == ("unusable box", "marks a crowd (iscrowd), and not one object")


def test_boxes_are_those_of_the_upright_picture_whole_though_the_decoder_may_shrink(root: Path) -> None:
    from PIL import Image

    upright = np.zeros((400, 600), np.uint8)
    upright[100:200, 300:500] = 200
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter
    Image.fromarray(np.rot90(upright)).save("a.jpg", exif=exif, quality=95)
    pack({"a/1.jpg": Path("a.jpg").read_bytes()})
    in_inbox({"boxes.csv": "file,x1,y1,x2,y2,width,height\n1.jpg,310,110,490,190,600,400\n"})
    run(root, boxes="boxes.csv", reduced=True)
    assert abs(images.Images(Path("data/images")).take([0]).astype(int) - 200).max() <= 2


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


COCO = json.loads(coco(BOXES)["annotations/boxes.json"])
LINE = "0 0.5 0.5 0.1 0.1\n"
HEAD = "file,label,x_min,y_min,x_max,y_max\n"
OBJECT = "<object><name>car</name><bndbox><xmin>{}</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
BAD: dict[str, tuple[dict[str, str], str]] = {
    "nothing of that name": ({}, r"image\.boxes: 'bad' is neither in the source nor in data/inbox"),
    "two formats": (
        {"b.csv": HEAD, "b.json": "{}"},
        r"'bad' holds files of \.csv and \.json; expected one kind",
    ),
    "no format": ({"b.mat": ""}, r"'bad' holds no file of boxes"),
    "no box of the source": (
        {"b.csv": HEAD + "x.png,car,1,1,2,2\n"},
        "has 1 boxes, and none is of a picture",
    ),
    "COCO: no JSON": ({"b.json": "{"}, r"bad/b\.json: not JSON: "),
    "COCO: no lists": ({"b.json": "[]"}, r"bad/b\.json: images: expected a list of objects"),
    "COCO: no name": (
        {"b.json": json.dumps(COCO | {"images": [{"id": 1}]})},
        r"bad/b\.json: images\[0\]: got {'id': 1}, expected an id and a file_name",
    ),
    "COCO: one id twice": (
        {"b.json": json.dumps(COCO | {"categories": COCO["categories"][:1] * 2})},
        r"bad/b\.json: categories\[1\]: id 3 stands there twice",
    ),
    "COCO: no such image": (
        {"b.json": json.dumps(COCO | {"annotations": [{"image_id": 9}]})},
        r"bad/b\.json: annotations\[0\]: image_id: got 9, expected the id of one of 2 images",
    ),
    "COCO: no box": (
        {"b.json": json.dumps(COCO | {"annotations": [{"image_id": 0, "category_id": 3}]})},
        r"annotations\[0\]: bbox: got None, expected \[x, y, width, height\]",
    ),
    "COCO: no number": (
        {"b.json": json.dumps(COCO | {"annotations": [{"image_id": 0, "bbox": [1, 2, "x", 4]}]})},
        r"annotations\[0\]: bbox: got 'x', expected a number",
    ),
    "VOC: no XML": ({"1.xml": "<annotation>"}, r"bad/1\.xml: not XML: "),
    "VOC: another root": ({"1.xml": "<svg/>"}, r"bad/1\.xml: got <svg>, expected <annotation>"),
    "VOC: no number": (
        {"1.xml": f"<annotation>{OBJECT.format('left')}</annotation>"},
        r"bad/1\.xml: object 1: bndbox/xmin: got 'left', expected a number",
    ),
    "YOLO: no classes": ({"1.txt": LINE}, r"bad/1\.txt: no classes\.txt, \*\.names or data\.yaml"),
    "YOLO: classes that differ": (
        {"1.txt": LINE, "classes.txt": "a\n", "obj.names": "b\n"},
        r"bad/obj\.names: names other classes than data/inbox/bad/classes\.txt",
    ),
    "YOLO: no names": ({"1.txt": LINE, "data.yaml": "nc: 1\n"}, r"bad/data\.yaml: names: expected a list"),
    "YOLO: no YAML": ({"1.txt": LINE, "data.yaml": "names: [\n"}, r"bad/data\.yaml: not YAML: "),
    "YOLO: a polygon": (
        {"1.txt": LINE + "0 .1 .1 .2 .2 .3 .3\n", "classes.txt": "a"},
        r"bad/1\.txt: line 2: got 7 fields, expected 5",
    ),
    "YOLO: no such class": (
        {"1.txt": "1" + LINE[1:], "classes.txt": "a\n\n"},
        r"1\.txt: line 1: class: got 1, which none of 1 in data/inbox/bad/classes\.txt has",
    ),
    "YOLO: pixels": (
        {"1.txt": "0 30 20 10 10\n", "classes.txt": "a"},
        r"line 1: got '0 30 20 10 10', expected parts of the picture's sides",
    ),
    "YOLO: no number": (
        {"1.txt": "0 nan 0 0 0\n", "classes.txt": "a"},
        r"line 1: x_center: got 'nan', expected a number",
    ),
    "CSV: no column": (
        {"b.csv": "file,x,y,w,h\n1.png,1,1,2,2\n"},
        r"bad/b\.csv: x_min: no column; expected one of xmin, x1, left, found file, x, y, w, h",
    ),
    "CSV: two columns": ({"b.csv": "path," + HEAD}, r"bad/b\.csv: file: columns path, file; expected one of"),
    "CSV: no number": ({"b.csv": HEAD + "1.png,car,1,,2,2\n"}, "line 2: y_min: got '', expected a number"),
    "CSV: no picture": ({"b.csv": HEAD + ",car,1,1,2,2\n"}, "line 2: file: got nothing"),
    "CSV: a short row": ({"b.csv": HEAD + "1.png,car\n"}, "line 2: got 2 columns, expected 6"),
    "CSV: parts": ({"b.csv": HEAD + "1.png,car,.1,.1,.2,1\n"}, "all within 0 and 1, which are parts"),
    "one picture in two files": (
        {"b.csv": HEAD + "1.png,car,1,1,2,2\n", "c.csv": HEAD + "a/1.png,car,1,1,2,2\n"},
        r"bad/c\.csv: has boxes of a/1\.png, and so has data/inbox/bad/b\.csv",
    ),
    "several pictures": (
        {"b.csv": HEAD + "same.png,car,1,1,2,2\n"},
        r"bad/b\.csv: 'same\.png' means several files of the source; give the path",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_a_file_of_boxes_is_one_line(root: Path, case: str) -> None:
    files, message = BAD[case]
    pack(pictures() | dict.fromkeys(["a/same.png", "b/same.png"], pictures()["a/1.png"]))
    in_inbox({f"bad/{name}": text for name, text in files.items()})
    with pytest.raises(UserError, match=message) as error:
        run(root, boxes="bad")
    assert "\n" not in str(error.value)
