"""Groups: images that must not be parted, because they show the same picture or the same subject."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from darkroom.split import hashes

Rows = npt.NDArray[np.int64]


def group(index: pd.DataFrame, near_duplicates: int | None, group_by: str | None) -> Rows:
    """Return the group of each image, as the row of the group's first member: int64, (images,).

    Images stay together that have the same file (sha256), perceptual hashes (phash) within ``near_duplicates`` bits,
    or the same match of ``group_by`` in their id; and, through these, the images each of them stays with.

    Parameters
    ----------
    index : DataFrame
        The images, with the columns of :data:`darkroom.images.INDEX_COLUMNS`.
    near_duplicates : int or None
        Largest Hamming distance, in bits; None: perceptual hashes are not looked at.
    group_by : str or None
        Regular expression; its first group counts, or the whole match where it has none. An image whose id does not
        match stays with none on that account.
    """
    links = [same(index["sha256"])]
    if near_duplicates is not None:
        links.append(alike(index["phash"], near_duplicates))
    if group_by is not None:
        links.append(same([subject(id, group_by) for id in index["id"]]))
    return components(len(index), np.concatenate(links))


def subject(id: str, pattern: str) -> str:
    """Return what ``pattern`` finds in ``id``: its first group, or all of the match; empty where it finds nothing."""
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


def alike(phash: pd.Series, distance: int) -> Rows:
    """Return links that join images whose hashes, 16 hexadecimal digits each, are within ``distance`` bits."""
    codes, first = _first(phash)
    values = np.array([int(text, 16) for text in phash.iloc[first]], np.uint64)
    return np.concatenate([same(phash), first[hashes.near(values, distance)]])


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
