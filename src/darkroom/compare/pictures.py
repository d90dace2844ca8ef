"""Thumbnails of the test images, read from the workspace if it holds the images that were compared."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from darkroom.compare import revisions
from darkroom.compare.revision_comparison import Report
from darkroom.images import Images


def thumbnails(report: Report, ids: Iterable[str], repo: Path) -> dict[str, bytes]:
    """Return the prepared pictures of ``ids`` as PNG bytes; none where the workspace holds others or none.

    The workspace's data/images are those of A or B if dvc.lock names the same hash, or if one of them is the
    workspace itself.
    """
    folder = repo / "data" / "images"
    if not (folder / "images.json").is_file() or not holds(report, repo):
        return {}
    from darkroom.plot.thumbnails import encoded

    images = Images(folder)
    rows = {id: row for row, id in enumerate(images.index["id"])}
    found = [id for id in ids if id in rows]
    pngs = {}
    for id, pixels in zip(found, images.take(np.array([rows[id] for id in found], np.int64)), strict=True):
        pngs[id] = encoded(pixels, ".png")
    return pngs


def holds(report: Report, repo: Path) -> bool:
    """Return whether the workspace holds the pictures of A or B."""
    runs = (*report.a, *report.b)
    if any(run.name == revisions.WORKSPACE for run in runs):
        return True
    locked = revisions.locked_images(repo)
    return bool(locked) and any(run.images == locked for run in runs)
