"""The same image more than once: counted where the labels agree, settled where they do not."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from darkroom.decode.rejections import Reason
from darkroom.decode.shards import Row


class LabelledRow(NamedTuple):
    """A decoded image and the label it was found under."""

    row: Row
    label: str


def conflicts(rows: Sequence[LabelledRow]) -> dict[str, str]:
    """Return the ids of images that occur under two labels, each with a sentence that names another occurrence.

    Two images are the same if their files are (sha256), or if the prepared pixels are and with them all else that is
    known of the picture (size, perceptual hash): the same photo saved again without loss, or with other metadata.
    """
    found: dict[str, str] = {}
    for same in _IDENTITIES:
        first: dict[Hashable, LabelledRow] = {}
        other: dict[Hashable, LabelledRow] = {}
        for labelled in rows:
            key = same(labelled.row)
            if first.setdefault(key, labelled).label != labelled.label:
                other.setdefault(key, labelled)
        for labelled in rows:
            key = same(labelled.row)
            if key in other:
                twin = other[key] if first[key].label == labelled.label else first[key]
                found.setdefault(
                    labelled.row.id, f"label {labelled.label}; {twin.row.id} has label {twin.label}"
                )
    return found


def count(rows: Iterable[LabelledRow]) -> int:
    """Return how many images are copies of one that stands before them, byte for byte or pixel for pixel."""
    seen: set[Hashable] = set()
    copies = 0
    for labelled in rows:
        keys = {same(labelled.row) for same in _IDENTITIES}
        copies += not seen.isdisjoint(keys)
        seen |= keys
    return copies


def rejections(found: dict[str, str]) -> list[tuple[str, Reason, str]]:
    """Return the rows of ``rejected.csv`` for :func:`conflicts`."""
    return [(name, Reason.LABEL_CONFLICT, detail) for name, detail in found.items()]


def _file(row: Row) -> Hashable:
    return row.sha256


def _picture(row: Row) -> Hashable:
    return row.content, row.width, row.height, row.phash


_IDENTITIES: tuple[Callable[[Row], Hashable], ...] = (_file, _picture)
