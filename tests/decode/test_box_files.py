"""What is wrong with a file of boxes ends the stage with one line that names the file and the field."""

import json
from pathlib import Path

import pytest

from darkroom import UserError
from tests.decode.made_boxes import BOXES, coco, in_inbox, pictures, run
from tests.decode.small_sources import pack

pytestmark = pytest.mark.usefixtures("workspace")


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
    "COCO: no image": (
        {"b.json": json.dumps(COCO | {"annotations": [{"category_id": 3}]})},
        r"bad/b\.json: annotations\[0\]: image_id: got None, expected an id",
    ),
    "COCO: no such category": (
        {"b.json": json.dumps(COCO | {"annotations": [{"image_id": 0, "category_id": 9}]})},
        r"bad/b\.json: annotations\[0\]: category_id: got 9, expected the id of one of 2 categories",
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
    "VOC: no such encoding": (
        {"1.xml": '<?xml version="1.0" encoding="x"?><annotation/>'},
        r"bad/1\.xml: not XML: ",
    ),
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
    "YOLO: nested names": (
        {"1.txt": LINE, "data.yaml": "names: [[a]]\n"},
        r"bad/data\.yaml: names: expected a list",
    ),
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
        r"bad/c\.csv: 'a/1\.png' would be a/1\.png, as is '1\.png' of data/inbox/bad/b\.csv; give the paths",
    ),
    "one picture by two paths": (
        {"b.csv": HEAD + "train/1.png,car,1,1,2,2\ntest/1.png,car,1,1,2,2\n"},
        r"bad/b\.csv: 'test/1\.png' would be a/1\.png, as is 'train/1\.png' of data/inbox/bad/b\.csv",
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
