"""Boxes as COCO has them: one JSON file of images, annotations and categories (https://cocodataset.org/#format-data)."""

import json
import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

from darkroom import UserError
from darkroom.decode.box import Box
from darkroom.decode.boxes.annotated import Annotated, BoxFile, number, sides


def read(found: Sequence[BoxFile]) -> Iterator[Annotated]:
    """Yield the box of each annotation, in the order of the files.

    One of an image that is not listed is a box whose picture is lost.

    Raises
    ------
    UserError
        A file is none of COCO, or an annotation lacks an ``image_id``, its category or four numbers.
    """
    for file in found:
        yield from _read(file.where, posixpath.dirname(file.path), file.read())


def _read(where: str, folder: str, content: bytes) -> Iterator[Annotated]:
    try:
        coco = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON: {error}") from None
    images = _by_id(where, coco, "images", "file_name")
    categories = _by_id(where, coco, "categories", "name")
    for place, annotation in enumerate(_listed(where, coco, "annotations")):
        here = f"annotations[{place}]"
        id = _id(where, here, annotation, "image_id")
        image = images.get(id, {"file_name": f"image_id {id}"})
        label = ""
        if "category_id" in annotation:
            kind = _id(where, here, annotation, "category_id")
            if kind not in categories:
                expected = f"the id of one of {len(categories)} categories"
                raise UserError(f"{where}: {here}: category_id: got {kind!r}, expected {expected}")
            label = categories[kind]["name"].strip()
        corner = annotation.get("bbox")
        if not isinstance(corner, list) or len(corner) != 4:
            raise UserError(f"{where}: {here}: bbox: got {corner!r}, expected [x, y, width, height]")
        left, top, width, height = (number(where, f"{here}: bbox", value) for value in corner)
        picture = sides(where, f"images, {image['file_name']}:", image.get("width"), image.get("height"))
        crowd = annotation.get("iscrowd") == 1
        box = Box(left, top, left + width, top + height, label, picture=picture, crowd=crowd)
        name = image["file_name"]
        yield Annotated(where, (posixpath.join(folder, name), name), box)


def _listed(where: str, coco: Any, key: str) -> list[dict[str, Any]]:
    rows = coco.get(key) if isinstance(coco, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(
            f"{where}: {key}: expected a list of objects; a file of COCO has images, annotations and categories"
        )
    return rows


def _by_id(where: str, coco: Any, key: str, field: str) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for place, row in enumerate(_listed(where, coco, key)):
        if not isinstance(row.get("id"), int | str) or not isinstance(row.get(field), str) or not row[field]:
            raise UserError(f"{where}: {key}[{place}]: got {row!r:.200}, expected an id and a {field}")
        if row["id"] in found:
            raise UserError(f"{where}: {key}[{place}]: id {row['id']!r} stands there twice")
        found[row["id"]] = row
    return found


def _id(where: str, here: str, annotation: dict[str, Any], key: str) -> int | str:
    id = annotation.get(key)
    if not isinstance(id, int | str):
        raise UserError(f"{where}: {here}: {key}: got {id!r}, expected an id")
    return id
