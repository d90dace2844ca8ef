"""Groups: images that must stay in the same subset, because they show the same picture or the same subject."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from darkroom import UserError
from darkroom.array_types import Rows
from darkroom.images import Images
from darkroom.split import near_duplicates


def look_alikes(images: Images, distance: int | None) -> Rows:
    """Return the group of each image by its looks, as the row of the group's first member: int64, (images,).

    Images stay together that are the same file (sha256), or one picture saved again; see
    :mod:`darkroom.split.near_duplicates`. Parts of one file are told apart by their perceptual hashes.

    Parameters
    ----------
    images : Images
    distance : int or None
        Perceptual hashes that differ in at most so many bits propose near-duplicates; None: only the same file counts.
    """
    index = images.index
    known = index["sha256"].where(index["sha256"] == "", index["sha256"] + index["phash"])
    copies = components(len(index), same(known))
    if distance is None:
        return copies
    firsts = np.unique(copies)
    grouped = near_duplicates.grouped(images, firsts, distance)
    return firsts[grouped][np.searchsorted(firsts, copies)]


def with_pictures(groups: Rows, sha256: Sequence[str] | pd.Series) -> Rows:
    """Return ``groups`` joined where images are parts of one file (``image.boxes``), in the same form."""
    return _joined(groups, sha256)


def with_subjects(groups: Rows, ids: Sequence[str], pattern: str | None) -> Rows:
    """Return ``groups`` joined where ids have the same match of ``pattern``, in the same form.

    The first group of the regular expression counts, or the whole match where it has none. An image whose id
    does not match stays with none on that account.

    Raises
    ------
    UserError
        The pattern matches no id at all.
    """
    if pattern is None:
        return groups
    subjects = [subject(id, pattern) for id in ids]
    if not any(subjects):
        raise UserError(
            f"params.yaml: split.group_by: {pattern!r} matches none of the {len(ids)} ids, such as {ids[0]!r};"
            f" expected a regular expression that finds the subject in an id (column id of data/images/index.csv),"
            f" or null"
        )
    return _joined(groups, subjects)


def _joined(groups: Rows, values: Sequence[str] | pd.Series) -> Rows:
    """Return ``groups`` joined where ``values`` are equal and not empty."""
    own = np.stack([np.arange(len(groups)), groups], axis=1)
    return components(len(groups), np.concatenate([own, same(values)]))


def subject(id: str, pattern: str) -> str:
    """Return what ``pattern`` finds in ``id``: its first group, or the whole match; else nothing."""
    match = re.search(pattern, id)
    if match is None:
        return ""
    return (match[1] if match.re.groups else match[0]) or ""


def same(values: Sequence[str] | pd.Series) -> Rows:
    """Return links between the first of equal ``values`` and the others; empty values are equal to none."""
    codes, first = _first(values)
    rows = np.flatnonzero(codes >= 0)
    links = np.stack([first[codes[rows]], rows], axis=1)
    return links[links[:, 0] != links[:, 1]]


def components(count: int, links: Rows) -> Rows:
    """Return, for each of ``count`` rows, the smallest row that ``links`` lead to."""
    ones = np.ones(len(links), np.int8)
    graph = coo_array((ones, (links[:, 0], links[:, 1])), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def _first(values: Sequence[str] | pd.Series) -> tuple[Rows, Rows]:
    """Return a code for each value, -1 for the empty one, and the row in which each code comes first."""
    codes, unique = pd.factorize(np.asarray(values, dtype=object))
    named = np.array([value != "" for value in unique], bool)
    recoded = np.where(named, np.cumsum(named) - 1, -1)
    codes = recoded[codes] if len(unique) else codes
    _, first = np.unique(codes[codes >= 0], return_index=True)
    return codes.astype(np.int64), np.flatnonzero(codes >= 0)[first]
