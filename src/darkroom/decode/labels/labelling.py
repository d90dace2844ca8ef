"""The label and the predefined split of each file: from its folder, its name, or a table."""

import fnmatch
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from darkroom import table_files
from darkroom.decode.archives import Member
from darkroom.decode.labels import label_checks, predefined_splits, table_columns, table_text
from darkroom.decode.labels.predefined_splits import Folders
from darkroom.decode.labels.table import Manifest
from darkroom.decode.rejections import Reason, Rejection
from darkroom.params import LabelsParams

_ARCHIVE = re.compile(r"\.(zip|npz|tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz))$", re.IGNORECASE)

# What lies beside pictures and says nothing about how they are laid out.
_BESIDE_PICTURES = re.compile(
    r"\.(csv|tsv|txt|md|json|xml|ya?ml|html?|pdf|mat|npy|npz|pkl|py|ipynb|docx?|xlsx?|ini|db)$", re.IGNORECASE
)


class Labelling(NamedTuple):
    """The members that are used, with label and split, in the order given; those left out; and warnings."""

    members: list[Member]
    refused: list[Rejection]
    warnings: list[str]


class _Read(NamedTuple):
    """The label and the split of each file, and warnings."""

    labels: Sequence[str | None]
    splits: Sequence[str]
    warnings: list[str]


def label_members(members: Sequence[Member], labels: LabelsParams, inbox: Path) -> Labelling:
    """Read the label and split of each member, and leave out what ``labels`` says.

    Parameters
    ----------
    members : sequence of Member
    labels : LabelsParams
    inbox : Path
        The folder in which a table may lie beside the images.

    Raises
    ------
    UserError
        The table is missing, cannot be read, lacks a column, contradicts itself, or names no file of the source; or
        the labels are numbers to predict.
    """
    members, refused, warnings = _without_excluded(members, labels)
    if labels.kind == "csv":
        # It may name rows of tables that have no labels of their own.
        members = [member if member.label else replace(member, label=None) for member in members]
    rows = [member for member in members if member.label is not None]
    others = [member for member in members if member.label is None]
    if labels.kind == "csv":
        manifest = Manifest(others, labels, inbox)
        others = [member for member in others if member is not manifest.member]
        if manifest.member:
            refused.append(Rejection(manifest.member.id, Reason.NOT_AN_IMAGE, "the table of labels.file"))
        read = _by_table(others, labels, manifest)
    elif labels.kind == "filename":
        pattern = re.compile(labels.pattern)
        said = _or_of_boxes(others, [by_name(member.file, pattern) for member in others])
        read = _with_splits(others, labels, said)
    else:
        read = _by_folder(others, labels)
    had = _with_splits(rows, labels, _or_of_boxes(rows, [member.label or None for member in rows]))
    warnings += [*read.warnings, *had.warnings]
    labelled = []
    read_of = {
        member.id: (label, split)
        for some, what in ((others, read), (rows, had))
        for member, label, split in zip(some, what.labels, what.splits, strict=True)
    }
    for member in (member for member in members if member.id in read_of):
        label, split = read_of[member.id]
        if label in labels.skip:
            refused.append(Rejection(member.id, Reason.SKIPPED_LABEL, f"labels.skip names {label}"))
        else:
            used = labels.map.get(label, label) if label is not None else None
            labelled.append(replace(member, label=used, split=split))
    warnings += _unknown(labels, Counter(label for label, _ in read_of.values() if label is not None))
    warnings += label_checks.check(labelled, labels)
    return Labelling(labelled, sorted(refused), warnings)


def _without_excluded(
    members: Sequence[Member], labels: LabelsParams
) -> tuple[list[Member], list[Rejection], list[str]]:
    """Part members by ``labels.exclude``; the table of labels is no picture and stays."""
    table = table_columns.path_of(labels.file or "") if labels.kind == "csv" else None
    kept, refused = [], []
    unused = dict.fromkeys(labels.exclude)
    for member in members:
        pattern = next((one for one in labels.exclude if fnmatch.fnmatchcase(member.file, one)), None)
        if pattern is None or (table and f"/{member.id}".endswith(f"/{table}")):
            kept.append(member)
        else:
            refused.append(Rejection(member.id, Reason.EXCLUDED, f"labels.exclude has {pattern}"))
            unused.pop(pattern, None)
    warnings = [f"params.yaml: labels.exclude: no file matches {pattern!r}" for pattern in unused]
    return kept, refused, warnings


def _unknown(labels: LabelsParams, seen: Collection[str]) -> list[str]:
    return [
        f"params.yaml: labels.{key}: no file has the label {label!r}{table_text.nearest(label, seen)}"
        for key, wanted in (("skip", labels.skip), ("map", list(labels.map)))
        for label in wanted
        if label not in seen
    ]


def _by_table(members: Sequence[Member], labels: LabelsParams, manifest: Manifest) -> _Read:
    said = _or_of_boxes(members, [manifest.label(member.file) for member in members])
    if labels.split_column is None:
        read = _with_splits(members, labels, said)
    else:
        read = _Read(said, [manifest.split(member.file) for member in members], [])
    return read._replace(warnings=[*manifest.warnings, *read.warnings])


def _with_splits(members: Sequence[Member], labels: LabelsParams, said: Sequence[str | None]) -> _Read:
    """Read the splits of files that have their labels from elsewhere; only folders of labelled ones can be splits."""
    paths = [folders(member.id) for member in members]
    labelled = {path for path, label in zip(paths, said, strict=True) if label is not None}
    layout = predefined_splits.layout(labelled, (), labels.split_folders)
    return _Read(said, [layout.split(path) for path in paths], layout.warnings)


def _by_folder(members: Sequence[Member], labels: LabelsParams) -> _Read:
    paths = [folders(member.id) for member in members]
    pictures = {
        path for path, member in zip(paths, members, strict=True) if not _BESIDE_PICTURES.search(member.file)
    }
    layout = predefined_splits.layout(pictures, labels.depths, labels.split_folders)
    said = [
        None if path in layout.bare else by_folder(path, labels.depths, layout.splits.get(path, {}))
        for path in paths
    ]
    by_path = {
        path: label
        for path, label, member in zip(paths, said, members, strict=True)
        if path in pictures and not (member.box and member.box.label)
    }
    merged = label_checks.merged(by_path, labels.depths, layout)
    return _Read(
        _or_of_boxes(members, said), [layout.split(path) for path in paths], [*layout.warnings, *merged]
    )


def _or_of_boxes(members: Sequence[Member], said: Sequence[str | None]) -> list[str | None]:
    """Return the label of each member: that of its box, where the box has one, else what is ``said``."""
    return [
        (member.box.label if member.box else "") or label for member, label in zip(members, said, strict=True)
    ]


def folders(id: str) -> Folders:
    """Return the folders of a file, outermost first; an archive among several counts as one, without its suffix."""
    # Of folders that differ in Unicode's composition alone, decode keeps the files apart, but they are one class.
    return tuple(
        table_files.stem(_ARCHIVE.sub("", unicodedata.normalize("NFC", folder)))
        for folder in id.split("/")[:-1]
    )


def by_folder(path: Folders, depths: Sequence[int], parts: Mapping[int, str]) -> str | None:
    """Return the label of files in ``path``; None where a folder is missing, or is a split (a place in ``parts``)."""
    places = [len(path) - depth for depth in depths]
    if any(place < 0 or place in parts for place in places):
        return None
    return "/".join(path[place] for place in places)


def by_name(id: str, pattern: re.Pattern[str]) -> str | None:
    """Return the group ``label`` of ``pattern`` in a file's name; None where it does not match or is empty."""
    found = pattern.search(id.rsplit("/", 1)[-1])
    label = found["label"] if found else None
    return unicodedata.normalize("NFC", label) if label else None
