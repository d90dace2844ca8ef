"""Writes finished shards to the folder that later stages read; unlabelled images are kept separately."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from darkroom import files, images
from darkroom.decode import shards
from darkroom.decode.box import Edges
from darkroom.decode.pictures import rejected_thumbnails
from darkroom.decode.pictures.preparation import Preparation


def write(
    out: Path,
    finished: Sequence[shards.Shard],
    used: Sequence[shards.Row],
    unlabelled: Sequence[shards.Row],
    preparation: Preparation,
    suffix: Literal["npz", "csv"],
) -> None:
    """Write ``out``: the images that are ``used``, and in its folder ``unlabelled`` those without a label, if any.

    One shard is in memory at a time; one that is kept whole as NPZ is only moved.
    """
    classes = sorted({str(row.label) for row in used})
    for folder, chosen in (
        (out, {row.id for row in used}),
        (out / "unlabelled", {row.id for row in unlabelled}),
    ):
        names: list[str] = []
        rows: list[list[object]] = []
        for shard in finished:
            keep = [number for number, row in enumerate(shard.rows) if row.id in chosen]
            if not keep:
                continue
            names.append(images.shard_name(len(names), suffix))
            rows += [_columns(shard.rows[number]) for number in keep]
            if suffix == "npz" and len(keep) == len(shard.rows):
                folder.mkdir(exist_ok=True)
                shutil.move(shard.pixels, folder / names[-1])
                continue
            pixels = images.read_shard(shard.pixels, preparation.shape)
            labels = [shard.rows[number].label or "" for number in keep]
            images.write_shard(folder / names[-1], np.asarray(pixels[keep]), labels)
        if folder is out or names:
            files.write_csv(folder / "index.csv", images.INDEX_COLUMNS, rows)
            if preparation.boxes is not None:
                _write_boxes(folder / "boxes.csv", finished, chosen)
            images.write_description(folder, preparation.shape, classes, names, preparation.to_json())


def thumbnails_of(
    ids: Collection[str], finished: Sequence[shards.Shard], preparation: Preparation
) -> rejected_thumbnails.Thumbnails:
    """Return thumbnails of decoded images by id, as they were prepared; only shards that hold one are read."""
    found: rejected_thumbnails.Thumbnails = {}
    for shard in finished:
        places = [number for number, row in enumerate(shard.rows) if row.id in ids]
        if places:
            pixels = images.read_shard(shard.pixels, preparation.shape)
            found |= {
                shard.rows[number].id: rejected_thumbnails.of_pixels(pixels[number]) for number in places
            }
    return found


def _write_boxes(path: Path, finished: Sequence[shards.Shard], chosen: Collection[str]) -> None:
    """Write where in its picture each image was cut out."""
    rows = (
        [row.id, row.id.rpartition("#")[0], *row.edges]
        for shard in finished
        for row in shard.rows
        if row.id in chosen
    )
    files.write_csv(path, ["id", "picture", *Edges._fields], rows)


def _columns(row: shards.Row) -> list[object]:
    return [row.id, row.label or "", row.split, row.width, row.height, row.bytes, row.sha256, row.phash]
