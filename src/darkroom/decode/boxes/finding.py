"""The files that `image.boxes` names, in the source or the inbox, and the format that they are in."""

import functools
import posixpath
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from darkroom import UserError
from darkroom.decode import archives
from darkroom.decode.archives import Member
from darkroom.decode.boxes import box_table, coco, voc, yolo
from darkroom.decode.boxes.annotated import Annotated, BoxFile
from darkroom.decode.labels.named_files import NamedFiles
from darkroom.decode.rejections import Reason, Rejected
from darkroom.params import DecodeParams

_KEY = "image.boxes"

_READERS: dict[str, Callable[[Sequence[BoxFile]], Iterator[Annotated]]] = {
    ".json": coco.read,
    ".xml": voc.read,
    ".txt": yolo.read,
    ".csv": box_table.read,
    ".tsv": box_table.read,
}


class Boxes(NamedTuple):
    """The boxes, as they are read, and the ids of the files of the source that hold them."""

    annotated: Iterator[Annotated]
    members: set[str]


def found(name: str, members: Sequence[Member], inbox: Path, scratch: Path, decode: DecodeParams) -> Boxes:
    """Return the boxes that ``name``, the value of `image.boxes`, means.

    Parameters
    ----------
    name : str
        A file, a folder or an archive, of the source or in the inbox; "." is all of the source.
    members : sequence of Member
    inbox : Path
    scratch : Path
        For the content of an archive, until the boxes are read.
    decode : DecodeParams

    Raises
    ------
    UserError
        There is nothing of that name, nothing that holds boxes, or more than one format; or as a reader says.
    """
    named = NamedFiles(_KEY, name, [*_READERS, ".zip"], members, inbox)
    beside = named.beside()
    if beside is not None:
        return Boxes(_read(name, _beside(beside, named, scratch, decode)), set())
    inside = named.inside()
    inner = [inside] if inside else named.below()
    if not inner:
        raise named.missing()
    files = [
        BoxFile(member.id, f"{member.id} of the source", functools.partial(named.read, member))
        for member in inner
    ]
    ours = {file.path for file in files if _holds(file.path)}
    return Boxes(_read(name, files), ours)


def _beside(path: Path, named: NamedFiles, scratch: Path, decode: DecodeParams) -> list[BoxFile]:
    if path.is_dir():
        return [
            BoxFile(one.relative_to(path).as_posix(), str(one), one.read_bytes)
            for one in sorted(path.rglob("*"))
            if one.is_file()
        ]
    try:
        archive = archives.members_of(path, scratch, decode.max_bytes, archives.MAX_BYTES)
    except Rejected as error:
        raise UserError(f"{path}: {error}") from None
    if archive is None:
        return [BoxFile(path.name, str(path), path.read_bytes)]
    members, refused = archive
    bad = next((one for one in refused if one.reason != Reason.SYSTEM_FILE), None)
    if bad:
        raise UserError(f"{path}: {bad.id}: {bad.why}")
    return [
        BoxFile(member.id, f"{member.id} of {path}", functools.partial(named.read, member))
        for member in members
    ]


def _holds(path: str) -> bool:
    """Return whether a file of this name may hold boxes, or say what their classes are called."""
    name = posixpath.basename(path).lower()
    return yolo.names_classes(name) or (name.endswith(tuple(_READERS)) and not name.startswith("readme"))


def _read(name: str, files: Sequence[BoxFile]) -> Iterator[Annotated]:
    files = [file for file in files if _holds(file.path)]
    boxes = [file for file in files if not yolo.names_classes(file.path)]
    suffixes = {posixpath.splitext(file.path)[1].lower() for file in boxes}
    kinds = {_READERS[suffix]: suffix for suffix in sorted(suffixes)}
    if len(kinds) != 1:
        what = f"files of {' and '.join(sorted(suffixes))}" if kinds else "no file of boxes"
        raise UserError(
            f"params.yaml: {_KEY}: {name!r} holds {what}; expected one kind: COCO's .json, VOC's .xml, YOLO's .txt, or "
            ".csv"
        )
    (reader,) = kinds
    return reader(files if reader is yolo.read else boxes)
