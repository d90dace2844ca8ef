"""Pictures of rectangles and the files of their boxes in each format, and the stage run on them."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from darkroom import images
from darkroom.array_types import Pixels
from darkroom.decode import stage
from darkroom.params import read_params

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
    return {**files, "annotations/classes.txt": "dog\r\ncar\r\n", "annotations/README.txt": "By hand."}


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
