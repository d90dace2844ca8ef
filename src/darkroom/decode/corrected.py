"""Corrections of labels, applied to decoded images by the sha256 of their files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from darkroom import files
from darkroom.decode.labels.corrections import Corrections
from darkroom.decode.rejections import Reason, Rejection
from darkroom.decode.shards import Row, Shard

_SHOWN = 3  # files in a message


class Relabelled(NamedTuple):
    """An image whose label was changed: a row of ``relabelled.csv``; ``given`` is "" where it had none."""

    id: str
    given: str
    label: str


class Corrected(NamedTuple):
    """Shards with the labels that count, the images that were dropped, those relabelled, and warnings."""

    shards: list[Shard]
    dropped: list[Rejection]
    relabelled: list[Relabelled]
    warnings: list[str]


def apply(finished: Sequence[Shard], corrections: Corrections) -> Corrected:
    """Do with each image what the correction of its file says; copies of a file are corrected alike.

    Nothing that is returned tells of rows that keep an image, or of their number: another such row must not have later
    stages run again.
    """
    dropped: list[Rejection] = []
    relabelled: list[Relabelled] = []
    met: set[str] = set()

    def with_its_label(row: Row) -> Row:
        correction = corrections.by_digest.get(row.sha256)
        if correction is None:
            return row
        met.add(row.sha256)
        if correction.action == "drop":
            dropped.append(Rejection(row.id, Reason.DROPPED, "labels.corrections says drop"))
        if correction.action != "relabel" or correction.label == row.label:
            return row
        relabelled.append(Relabelled(row.id, row.label or "", correction.label))
        return replace(row, label=correction.label)

    shards = [replace(shard, rows=[with_its_label(row) for row in shard.rows]) for shard in finished]
    return Corrected(shards, dropped, relabelled, _unmet(corrections, met))


def write(out: Path, relabelled: Sequence[Relabelled]) -> None:
    """Write ``relabelled.csv`` where labels were changed."""
    if relabelled:
        files.write_csv(out / "relabelled.csv", Relabelled._fields, relabelled)


def _unmet(corrections: Corrections, met: set[str]) -> list[str]:
    unmet = [digest for digest in corrections.by_digest if digest not in met]
    if not unmet:
        return []
    shown = ", ".join(unmet[:_SHOWN]) + (", …" if len(unmet) > _SHOWN else "")
    many = "1 row means" if len(unmet) == 1 else f"{len(unmet):,} rows mean"
    return [f"{corrections.where}: {many} no image that was decoded; sha256: {shown}"]
