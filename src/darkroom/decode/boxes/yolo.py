"""Boxes as YOLO has them: a text file for each picture, a line for each box, and a file with the names of the classes.

A line is the number of the class, the box's centre and its width and height, in parts of the picture's sides
(https://docs.ultralytics.com/datasets/detect/).
"""

import posixpath
from collections.abc import Iterator, Sequence

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from darkroom import UserError
from darkroom.decode.box import Box
from darkroom.decode.boxes.annotated import Annotated, BoxFile, number

_FIELDS = ("x_center", "y_center", "width", "height")

_FARTHEST = 2.0
"""What no part of a side exceeds, however far its box reaches beyond the picture: more is pixels."""


def names_classes(path: str) -> bool:
    """Return whether a file of this name says what classes are called: classes.txt, obj.names, data.yaml."""
    name = posixpath.basename(path).lower()
    return name == "classes.txt" or name.endswith((".names", ".yaml", ".yml"))


def read(found: Sequence[BoxFile]) -> Iterator[Annotated]:
    """Yield the box of each line, in the order of the files.

    Raises
    ------
    UserError
        No file names the classes, or several do otherwise; or a line is not a class and four numbers.
    """
    said = {file.where: _classes(file) for file in found if names_classes(file.path)}
    if not said:
        example = found[0].where
        raise UserError(
            f"{example}: no classes.txt, *.names or data.yaml with names lies with it; image.boxes in params.yaml "
            "names the folder that holds both"
        )
    first, *others = said
    for other in others:
        if said[other] != said[first]:
            raise UserError(f"{other}: names other classes than {first}; image.boxes takes boxes of one kind")
    for file in found:
        if not names_classes(file.path):
            yield from _boxes(file, said[first], first)


def _classes(file: BoxFile) -> dict[int, str]:
    if not file.path.lower().endswith((".yaml", ".yml")):
        return {place: name.strip() for place, name in enumerate(_text(file).rstrip().splitlines())}
    try:
        content = YAML(typ="safe").load(_text(file))
    except YAMLError as error:
        raise UserError(f"{file.where}: not YAML: {' '.join(str(error).split())}") from None
    names = content.get("names") if isinstance(content, dict) else None
    numbered = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(numbered, dict) or any(isinstance(name, list | dict) for name in numbered.values()):
        raise UserError(f"{file.where}: names: expected a list of the classes, or a mapping of numbers")
    return {int(number(file.where, "names", key)): str(name).strip() for key, name in numbered.items()}


def _boxes(file: BoxFile, classes: dict[int, str], named_by: str) -> Iterator[Annotated]:
    stem = file.path.rpartition(".")[0]
    folder, name = posixpath.split(stem)
    parts = folder.split("/")
    beside = []
    if "labels" in parts:  # where Ultralytics looks for the pictures
        last = len(parts) - 1 - parts[::-1].index("labels")
        beside = ["/".join([*parts[:last], "images", *parts[last + 1 :], name])]
    for line, text in enumerate(_text(file).splitlines(), 1):
        fields = text.split()
        if not fields:
            continue
        here = f"{file.where}: line {line}"
        if len(fields) != 5:
            raise UserError(
                f"{here}: got {len(fields)} fields, expected 5: the number of the class, {', '.join(_FIELDS)}"
            )
        kind = number(here, "class", fields[0])
        if kind not in classes:
            raise UserError(f"{here}: class: got {fields[0]}, which none of {len(classes)} in {named_by} has")
        x, y, width, height = (number(here, key, one) for key, one in zip(_FIELDS, fields[1:], strict=True))
        if max(map(abs, (x, y, width, height))) > _FARTHEST:
            raise UserError(f"{here}: got {text.strip()!r}, expected parts of the picture's sides, 0 to 1")
        box = Box(
            x - width / 2, y - height / 2, x + width / 2, y + height / 2, classes[int(kind)], relative=True
        )
        yield Annotated(file.where, (*beside, stem, name), box)


def _text(file: BoxFile) -> str:
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{file.where}: not UTF-8 text, at byte {error.start}") from None
