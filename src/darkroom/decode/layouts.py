"""The label and the ready-made split of each file: from its folder, its name, or a table."""

import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from darkroom.decode.archives import Member, Refused
from darkroom.decode.manifests import Manifest
from darkroom.decode.rejections import Reason
from darkroom.decode.splits import split_named
from darkroom.params import LabelsParams

_ARCHIVE = re.compile(r"\.(zip|tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz))$", re.IGNORECASE)


class Labelled(NamedTuple):
    """A file of the source with what its place or a table says about it.

    Attributes
    ----------
    member : Member
    label : str or None
        As used, after ``labels.map``; None where it has none.
    split : str
        train, validation or test where the source came split, else "".
    """

    member: Member
    label: str | None
    split: str


def label_members(
    members: Sequence[Member], labels: LabelsParams, inbox: Path
) -> tuple[list[Labelled], list[Refused]]:
    """Return each member with its label and split, in the order given, and those that ``labels`` leaves out.

    Parameters
    ----------
    members : sequence of Member
    labels : LabelsParams
    inbox : Path
        The folder in which a table may lie beside the images.

    Raises
    ------
    UserError
        The table is missing, cannot be read, lacks a column, contradicts itself, or names no file of the source.
    """
    reader, refused = _reader(members, labels, inbox)
    table = {row.id for row in refused}
    labelled = []
    seen: set[str | None] = set()
    for number, member in enumerate(members):
        if member.id in table:
            continue
        label, split = reader(number, member.id)
        seen.add(label)
        if label in labels.skip:
            refused.append(Refused(member.id, Reason.SKIPPED_LABEL, f"labels.skip names {label}"))
        else:
            used = labels.map.get(label, label) if label is not None else None
            labelled.append(Labelled(member, used, split))
    for key, wanted in (("skip", labels.skip), ("map", list(labels.map))):
        for label in wanted:
            if label not in seen:
                print(f"decode: params.yaml: labels.{key}: no file has the label {label!r}", file=sys.stderr)
    return labelled, sorted(refused)


Reader = Callable[[int, str], tuple[str | None, str]]


def _reader(members: Sequence[Member], labels: LabelsParams, inbox: Path) -> tuple[Reader, list[Refused]]:
    """Return what gives label and split of a member's position and id; and the table, if it is one of the members."""
    if labels.kind == "folder":
        return lambda _, id: by_folder(id, labels.depth), []
    if labels.kind == "filename":
        pattern = re.compile(labels.pattern)
        return lambda _, id: (by_name(id, pattern), ready_made(id.split("/")[:-1])), []
    manifest = Manifest(members, labels, inbox)
    found = (
        [Refused(manifest.member.id, Reason.NOT_AN_IMAGE, "the table of labels.file")]
        if manifest.member
        else []
    )
    split = (
        manifest.split
        if labels.split_column is not None
        else lambda n: ready_made(members[n].id.split("/")[:-1])
    )
    return lambda number, _: (manifest.label(number), split(number)), found


def by_folder(id: str, depth: int) -> tuple[str | None, str]:
    """Return label and split of a file by its folders; ``depth`` 1 is the folder it lies in.

    A folder named like a split is no class. An archive among several counts as a folder called like it, without suffix.
    """
    folders = id.split("/")[:-1]
    if len(folders) < depth:
        return None, ready_made(folders)
    label = _ARCHIVE.sub("", unicodedata.normalize("NFC", folders[-depth]))
    if split_named(label):
        return None, ready_made(folders)
    del folders[-depth]
    return label, ready_made(folders)


def by_name(id: str, pattern: re.Pattern[str]) -> str | None:
    """Return the group ``label`` of ``pattern`` in a file's name; None where it does not match or is empty."""
    found = pattern.search(id.rsplit("/", 1)[-1])
    label = found["label"] if found else None
    return unicodedata.normalize("NFC", label) if label else None


def ready_made(folders: Sequence[str]) -> str:
    """Return the split that the innermost folder named like one says, or ""."""
    for folder in reversed(folders):
        if split := split_named(_ARCHIVE.sub("", folder)):
            return split
    return ""
