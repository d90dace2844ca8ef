"""Boxes as Pascal VOC has them: an XML file for each picture, with an object for each box.

Pixels are counted from 1, and both ends belong to the box (Everingham and Winn, "The PASCAL Visual Object Classes
Challenge 2012 Development Kit", section on annotation).
"""

import posixpath
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from darkroom import UserError
from darkroom.decode.box import Box
from darkroom.decode.boxes.annotated import Annotated, BoxFile, number, sides

_ENDS = ("xmin", "ymin", "xmax", "ymax")


def read(found: Sequence[BoxFile]) -> Iterator[Annotated]:
    """Yield the box of each object, in the order of the files.

    The picture is the one of `filename`, else the one that is called like the XML file.

    Raises
    ------
    UserError
        A file is no XML, no annotation of VOC, or an object lacks a number.
    """
    for file in found:
        try:
            root = ElementTree.fromstring(file.read())
        except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last two: of its encoding
            raise UserError(f"{file.where}: not XML: {error}") from None
        if root.tag != "annotation":
            raise UserError(f"{file.where}: got <{root.tag}>, expected <annotation> as of Pascal VOC")
        yield from _objects(file, root)


def _objects(file: BoxFile, root: ElementTree.Element) -> Iterator[Annotated]:
    stem = file.path.rpartition(".")[0]
    name = (root.findtext("filename") or "").strip()
    names = (posixpath.join(posixpath.dirname(stem), name), name) if name else ()
    picture = sides(file.where, "size/", root.findtext("size/width"), root.findtext("size/height"))
    for place, found in enumerate(root.iterfind("object"), 1):
        left, top, right, bottom = (
            number(file.where, f"object {place}: bndbox/{end}", found.findtext(f"bndbox/{end}"))
            for end in _ENDS
        )
        label = " ".join((found.findtext("name") or "").split())
        box = Box(left - 1, top - 1, right, bottom, label, picture=picture)
        yield Annotated(file.where, (*names, stem, posixpath.basename(stem)), box)
