"""Exact duplicates: counted if their labels agree, resolved if their labels conflict."""

from collections.abc import Callable, Hashable, Iterable, Sequence

from darkroom.decode.rejections import Reason, Rejection
from darkroom.decode.shards import Row


def conflicts(rows: Sequence[Row]) -> dict[str, str]:
    """Return the ids of images that occur under two labels, each with a sentence that names another occurrence.

    Two images are the same if their files are (sha256; of parts of pictures, where they are the same part), or if the
    prepared pixels are and with them all else that is known of the picture (size, perceptual hash): the same photo
    saved again without loss, or with other metadata. Of pixels of one flat value only the files decide: they say
    nothing of the picture.
    """
    found: dict[str, str] = {}
    for same in _IDENTITIES:
        first: dict[Hashable, Row] = {}
        other: dict[Hashable, Row] = {}
        for row in rows:
            key = same(row)
            if first.setdefault(key, row).label != row.label:
                other.setdefault(key, row)
        for row in rows:
            key = same(row)
            if key in other:
                twin = other[key] if first[key].label == row.label else first[key]
                found.setdefault(row.id, f"label {row.label}; {twin.id} has label {twin.label}")
    return found


def count(rows: Iterable[Row]) -> int:
    """Return how many images are copies of one that stands before them, byte for byte or pixel for pixel."""
    seen: set[Hashable] = set()
    copies = 0
    for row in rows:
        keys = {same(row) for same in _IDENTITIES}
        copies += not seen.isdisjoint(keys)
        seen |= keys
    return copies


def rejections(found: dict[str, str]) -> list[Rejection]:
    """Return the rows of ``rejected.csv`` for :func:`conflicts`."""
    return [Rejection(name, Reason.LABEL_CONFLICT, detail) for name, detail in found.items()]


def _file(row: Row) -> Hashable:
    return row.sha256, *row.edges


def _picture(row: Row) -> Hashable:
    return _file(row) if row.flat else (row.content, row.width, row.height, row.phash)


_IDENTITIES: tuple[Callable[[Row], Hashable], ...] = (_file, _picture)
