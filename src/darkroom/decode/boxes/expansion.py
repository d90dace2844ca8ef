"""Putting boxes into the places of their pictures, and accounting for every box and every picture."""

import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from darkroom import UserError
from darkroom.decode import archives
from darkroom.decode.archives import Member
from darkroom.decode.boxes import finding
from darkroom.decode.boxes.annotated import Annotated
from darkroom.decode.labels.table_columns import path_of
from darkroom.decode.path_index import AMBIGUOUS, PathIndex
from darkroom.decode.rejections import Reason, Rejection
from darkroom.params import DecodeParams, LabelsParams


def expanded(
    members: Sequence[Member],
    name: str | None,
    labels: LabelsParams,
    inbox: Path,
    scratch: Path,
    decode: DecodeParams,
) -> tuple[list[Member], list[Rejection]]:
    """Put the boxes of each picture in its place.

    Parameters
    ----------
    members : sequence of Member
    name : str or None
        `image.boxes`; None: pictures stay whole.
    labels : LabelsParams
        Where they name a table, it stays.
    inbox : Path
        Where the file of boxes may lie beside the source.
    scratch : Path
        A folder of the caller's, for what lies packed.
    decode : DecodeParams

    Returns
    -------
    list of Member, list of Rejection
        Each sorted by id. A box is called as its picture with ``#1`` and so on behind it, by its place among those of
        the picture. Pictures without a box, boxes without a picture and the files of boxes themselves are rejected.

    Raises
    ------
    UserError
        The file of boxes is not there, cannot be read, or none of its boxes is of a picture of the source; a box means
        several pictures, or two paths or files mean one picture.
    """
    if name is None:
        return list(members), []
    annotated, ours = finding.found(name, members, inbox, scratch, decode)
    rejected = [Rejection(id, Reason.ANNOTATIONS, "named by image.boxes") for id in ours]
    table = labels.file if labels.kind == "csv" else None
    tables = [member for member in members if table and f"/{member.id}".endswith(f"/{path_of(table)}")]
    others = {*ours, *(member.id for member in tables)}
    pictures = {member.id: member for member in members if member.id not in others}
    boxes = [one._replace(pictures=tuple(map(path_of, one.pictures))) for one in annotated]
    cut, lost = _cut(pictures, boxes)
    if not cut:
        raise UserError(
            f"params.yaml: image.boxes: {name!r} has {len(boxes)} boxes, and none is of a picture of the source"
            + (f"; the first names {boxes[0].pictures[0]!r}" if boxes else "")
            + (f", the source has {next(iter(pictures))!r}" if pictures else "")
        )
    have = {member.file for member in cut}
    rejected += [
        Rejection(id, Reason.NO_BOX, "image.boxes has none of it") for id in pictures if id not in have
    ]
    return sorted([*cut, *tables], key=lambda member: member.id), sorted([*rejected, *lost])


def warnings(rejected: Sequence[Rejection]) -> list[str]:
    """Return the warning about boxes without a picture, if ``rejected``, of :func:`expanded`, has any."""
    lost = [one.id for one in rejected if one.reason == Reason.NO_PICTURE]
    if not lost:
        return []
    many = (
        "1 box names a picture that is" if len(lost) == 1 else f"{len(lost):,} boxes name pictures that are"
    )
    return [f"params.yaml: image.boxes: {many} not in the source, as {lost[0]} (rejected.csv)"]


def _cut(pictures: dict[str, Member], boxes: Sequence[Annotated]) -> tuple[list[Member], list[Rejection]]:
    ids = list(pictures)
    wanted = {path for one in boxes for path in one.pictures}
    indexes = PathIndex(ids, wanted), PathIndex([posixpath.splitext(id)[0] for id in ids], wanted)
    known: dict[tuple[str, tuple[str, ...]], str | None] = {}
    said: dict[str, tuple[str, tuple[str, ...]]] = {}
    count: Counter[str] = Counter()
    cut, lost = [], []
    for where, paths, box in boxes:
        if (where, paths) not in known:
            known[where, paths] = id = _meant(where, paths, ids, indexes)
            if id and said.setdefault(id, (where, paths)) != (where, paths):
                other, (name, *_) = said[id]
                raise UserError(
                    f"{where}: {paths[0]!r} would be {id}, as is {name!r} of {other}; give the paths"
                )
        id = known[where, paths]
        called = id or archives.shown(paths[0])
        count[called] += 1
        numbered = f"{called}#{count[called]}"
        if id is None:
            lost.append(Rejection(numbered, Reason.NO_PICTURE, f"{where} has it"))
        else:
            cut.append(replace(pictures[id], id=numbered, box=box))
    return cut, lost


def _meant(
    where: str, paths: tuple[str, ...], ids: Sequence[str], indexes: tuple[PathIndex, PathIndex]
) -> str | None:
    """Return the id of the picture that ``paths`` mean, as it is called or without its suffix; None: there is none."""
    for path in paths:
        for index in indexes:
            number, _ = index.find(path)
            if number == AMBIGUOUS:
                raise UserError(f"{where}: {path!r} means several files of the source; give the path")
            if number is not None:
                return ids[number]
    return None
