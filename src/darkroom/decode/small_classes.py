"""Classes with too few images to train or test on: dropped if requested, otherwise reported."""

from collections import Counter
from collections.abc import Sequence

from darkroom.decode.archives import Member
from darkroom.decode.rejections import Reason, Rejection
from darkroom.decode.shards import Row

_PARTS = 3  # train, validation, test
_SHOWN = 8  # classes in a message


def left_out(used: Sequence[Row], fewest: int) -> tuple[list[Row], list[Rejection]]:
    """Part images by whether their class has at least ``fewest``; the others are rows of ``rejected.csv``."""
    counts = Counter(row.label for row in used)
    small = [
        Rejection(
            row.id,
            Reason.FEW_IMAGES,
            f"{row.label}: {counts[row.label]} images; labels.min_images is {fewest}",
        )
        for row in used
        if counts[row.label] < fewest
    ]
    return [row for row in used if counts[row.label] >= fewest], small


def warnings(used: Sequence[Row] | Sequence[Member]) -> list[str]:
    """Return a warning where classes cannot have an image in each of train, validation and test."""
    counts = Counter(str(row.label) for row in used)
    small = [f"{label} ({counts[label]})" for label in sorted(counts) if counts[label] < _PARTS]
    if not small:
        return []
    shown = ", ".join(small[:_SHOWN]) + (", …" if len(small) > _SHOWN else "")
    return [
        f"{len(small)} of {len(counts)} classes have fewer than {_PARTS} images: {shown}; add some, or leave such "
        f"classes out by labels.min_images: {_PARTS}"
    ]
