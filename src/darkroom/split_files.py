"""Output files of the split stage: the subset and group of each image, and the fitted normalization."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from darkroom import files, npz
from darkroom.array_types import Rows

PARTS = ("train", "validation", "test")

Statistics = dict[str, npt.NDArray[np.float32]]
"""The arrays of a normalization, by name; see :mod:`darkroom.split.normalization`."""


def write(folder: Path, rows: Iterable[tuple[str, str, str]], method: str, statistics: Statistics) -> None:
    """Write ``split.csv``, a row (id, split, group) an image in the order of the index, and ``normalization.npz``."""
    files.write_csv(folder / "split.csv", ("id", "split", "group"), rows)
    with files.whole(folder / "normalization.npz") as part:
        npz.write(part, method=np.array(method), **statistics)


def read_table(folder: Path) -> pd.DataFrame:
    """Return ``split.csv``: the columns id, split and group, all text."""
    return pd.read_csv(folder / "split.csv", dtype=str, keep_default_na=False)


def rows_of(table: pd.DataFrame, part: str) -> Rows:
    """Return the rows of ``table``, which are those of the index of the images, in ``part``, one of :data:`PARTS`."""
    return np.flatnonzero(table["split"] == part)


def read_normalization(folder: Path) -> tuple[str, Statistics]:
    """Return the method's name and its statistics."""
    with np.load(folder / "normalization.npz") as content:
        return str(content["method"]), {name: content[name] for name in content.files if name != "method"}
