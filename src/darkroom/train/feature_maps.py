"""Features in the place of the images of a training: one pass over their pixels, and a file without a name."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from darkroom import images as images_format
from darkroom.array_types import Floats, Rows
from darkroom.features import Extractor
from darkroom.images import Images

_CHUNK = 256  # pictures in a file of the cache: what a kill can cost


class FeatureMaps:
    """Features as maps of one pixel: what takes :class:`Images` trains on them.

    Attributes
    ----------
    index : DataFrame
        One row an image.
    shape : (1, 1, d)
    image_bytes : int
    """

    def __init__(self, index: pd.DataFrame, rows: Rows, values: Floats) -> None:
        self.index = index
        self.shape = (1, 1, values.shape[1])
        self.image_bytes = values[:1].nbytes
        self._values = values
        self._place = np.full(len(index), -1)
        self._place[rows] = np.arange(len(rows))

    def take(self, rows: npt.ArrayLike) -> Floats:
        """Return the features of the images at ``rows``: float32, (len(rows), 1, 1, d)."""
        return np.asarray(self._values[self._place[np.asarray(rows)]])[:, None, None]

    def read_ahead(self, rows: npt.ArrayLike) -> None:
        """Do nothing: features are far smaller than their images."""


def compute(extractor: Extractor, images: Images, rows: Rows, mirrored: bool = False) -> Floats:
    """Return the features of the images at ``rows``, and say how many were at hand.

    Parameters
    ----------
    extractor : Extractor
    images : Images
    rows : int64, (n,)
    mirrored : bool
        Of the pictures mirrored left and right.

    Returns
    -------
    float32, (n, d)
        In a file without a name, which the system may take out of memory.
    """
    kept, computed = extractor.kept, extractor.computed
    values = _on_disk((len(rows), extractor.size), extractor.root)
    with tqdm(
        total=len(rows), desc="features", unit=" images", leave=False, disable=not sys.stderr.isatty()
    ) as bar:
        for number, pixels in enumerate(images.chunks(rows, _CHUNK)):
            start = number * _CHUNK
            values[start : start + len(pixels)] = extractor(pixels[:, :, ::-1] if mirrored else pixels)
            bar.update(len(pixels))
    kept, computed = extractor.kept - kept, extractor.computed - computed
    print(
        f"train: features of {len(rows):,} images: {kept:,} kept from earlier, {computed:,} computed",
        flush=True,
    )
    return values


def _on_disk(shape: tuple[int, int], folder: Path | None) -> Floats:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        return images_format.at_random(np.memmap(file, np.float32, shape=shape))
