"""Processing of one shard, the unit of work: from archive members to pixels and index rows on disk."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from darkroom import files, images
from darkroom.decode import archives, blank_images
from darkroom.decode.pictures import decoder_stderr, decoding, rejected_thumbnails
from darkroom.decode.pictures.preparation import Preparation
from darkroom.decode.rejections import Reason, Rejected, Rejection
from darkroom.phash import SIDE, perceptual_hashes

MOST_BYTES = 32 * 2**20
"""Bytes of pixels in a shard, at most: what a worker holds in memory."""

MOST_SHARDS = 4096
"""Shards, at most, however many images there are: DVC and every stage look at each of these files."""

FEWEST_SHARDS = 8
"""Shards, at least, where each then holds :data:`FEWEST_IMAGES`: so that few images, too, keep several workers busy."""

FEWEST_IMAGES = 128


def plan(count: int, shape: tuple[int, int, int], most_images: int) -> list[range]:
    """Part ``count`` members into contiguous, evenly sized runs, one a shard; nothing else decides where one ends.

    Parameters
    ----------
    count : int
        Members, sorted by id.
    shape : (height, width, channels)
        Of each image; a shard's pixels stay within :data:`MOST_BYTES`, unless there would be too many shards.
    most_images : int
        `decode.shard_images`.
    """
    most = max(1, min(most_images, MOST_BYTES // int(np.prod(shape))), -(-count // MOST_SHARDS))
    shards = max(-(-count // most), min(FEWEST_SHARDS, count // FEWEST_IMAGES), 1)
    edges = [count * number // shards for number in range(shards + 1)]
    return [range(start, end) for start, end in itertools.pairwise(edges)]


@dataclass(frozen=True)
class Row:
    """One decoded image: columns of ``index.csv``, label None: without one; ``content`` is a digest of its pixels.

    ``flat`` is the one colour it has, see :func:`.blank_images.value_of`. ``edges`` are those of the part of the file's
    picture that it is (left, top, right, bottom, as in :class:`.box.Edges`), empty for all of it.
    """

    id: str
    width: int
    height: int
    bytes: int
    sha256: str
    phash: str
    content: str
    flat: str = ""
    edges: Sequence[int] = ()
    label: str | None = None
    split: str = ""


@dataclass(frozen=True)
class Shard:
    """What one unit of work left in the work folder: pixels, their rows in the same order, and the files rejected.

    Of the first of these, by reason, there are ``thumbnails`` where anything could be decoded. ``wide`` counts the
    pictures of 16 bits, and ``brightest`` is their largest sample, None where there are none.
    """

    pixels: Path
    rows: list[Row]
    rejected: list[Rejection]
    thumbnails: rejected_thumbnails.Thumbnails
    brightest: int | None
    wide: int


def _thumbnails_path(work: Path, number: int) -> Path:
    """Return where the thumbnails of shard ``number`` lie in the work folder, if there are any."""
    return work / f"shard-{number:05d}.thumbnails.npz"


def paths(work: Path, number: int) -> tuple[Path, Path]:
    """Return where shard ``number`` lies in the work folder: its pixels, and its rows, which are written last."""
    return work / images.shard_name(number, "npz"), work / f"shard-{number:05d}.json"


def all_paths(work: Path, number: int) -> tuple[Path, ...]:
    """Return where the files of shard ``number`` lie in the work folder, in the order in which they are written."""
    pixels, rows = paths(work, number)
    return pixels, _thumbnails_path(work, number), rows


def write(members: Sequence[archives.Member], number: int, work: Path, preparation: Preparation) -> int:
    """Decode ``members`` into shard ``number`` of the work folder; return how many there were.

    A function of its arguments alone, so that joblib may run it in a thread, a process or on another machine that
    shares the folder.
    """
    # The work is spread by shards; threads inside OpenCV would only get in each other's way.
    cv2.setNumThreads(1)
    pixels = np.empty((len(members), *preparation.shape), np.uint8)
    thumbnails = np.empty((len(members), SIDE, SIDE), np.uint8)
    rows: list[dict[str, Any]] = []
    rejected = []
    brightest: list[int] = []
    seen: rejected_thumbnails.Thumbnails = {}
    tried: Counter[Reason] = Counter()
    last: tuple[archives.Place, decoding.Picture] | None = None
    with decoder_stderr.listening():
        for member in members:
            try:
                # Parts of one picture follow each other: it is decoded for the first of them.
                if last is None or last[0] != member.place:
                    last, data = None, b""
                    data = archives.read(member)
                    last = member.place, preparation.decoded(data, member.box)
                image = preparation.prepare_part(last[1], member.box)
            except Rejected as rejection:
                rejected.append([member.id, rejection.reason, rejection.detail])
                tried[rejection.reason] += 1
                if (
                    rejection.reason in rejected_thumbnails.SHOWN
                    and tried[rejection.reason] <= rejected_thumbnails.MOST
                ):
                    picture = rejected_thumbnails.of_file(data, rejection.reason, preparation.max_pixels)
                    if picture is not None:
                        seen[member.id] = picture
                continue
            pixels[len(rows)], thumbnails[len(rows)] = image.pixels, image.thumbnail
            if image.brightest is not None:
                brightest.append(image.brightest)
            rows.append(
                {
                    "id": member.id,
                    "width": image.width,
                    "height": image.height,
                    "bytes": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "content": hashlib.sha256(image.pixels.tobytes()).hexdigest()[:32],
                    "flat": blank_images.value_of(image.pixels),
                    "edges": image.edges or (),
                }
            )
    for row, phash in zip(rows, perceptual_hashes(thumbnails[: len(rows)]), strict=True):
        row["phash"] = f"{phash:016x}"
    pixels_path, rows_path = paths(work, number)
    images.write_shard(pixels_path, pixels[: len(rows)])
    if seen:
        rejected_thumbnails.write(_thumbnails_path(work, number), seen)
    with files.whole(
        rows_path
    ) as part:  # in one line: the encoder that indents takes as long as reading the files
        content = {
            "rows": rows,
            "rejected": rejected,
            "brightest": max(brightest, default=None),
            "wide": len(brightest),
        }
        part.write_text(json.dumps(content), encoding="utf-8")
    return len(members)


def read(members: Sequence[archives.Member], number: int, work: Path) -> Shard:
    """Read what :func:`write` left of these members, but for the pixels; label and split are those of the members."""
    pixels_path, rows_path = paths(work, number)
    content = files.read_json(rows_path)
    rejected = [Rejection(name, Reason(reason), detail) for name, reason, detail in content["rejected"]]
    known = {member.id: member for member in members}
    rows = [Row(**row, label=known[row["id"]].label, split=known[row["id"]].split) for row in content["rows"]]
    seen = rejected_thumbnails.read(_thumbnails_path(work, number))
    return Shard(pixels_path, rows, rejected, seen, content["brightest"], content["wide"])
