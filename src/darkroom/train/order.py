"""The order of the training images in each pass: a pure function of the seed, the pass, and image or block."""

import functools
from typing import Literal, NamedTuple

import numpy as np

from darkroom.array_types import Rows
from darkroom.images import Images
from darkroom.train import random_numbers

BLOCK_BYTES = 2 << 20
"""Pixels of a block, about: neighbours on disk, which a slow disk reads at once in the time of a few single images."""

BUFFER_BLOCKS = 64
"""Blocks whose images are shuffled together: as many classes come into a batch as have a block in the buffer."""


class _Pass(NamedTuple):
    """One pass: positions of images in order, and where in it each buffer begins, the end at last."""

    order: Rows
    buffers: Rows


class Order:
    """The order in which each pass takes the training images, every one once.

    Parameters
    ----------
    images : Images
        What the images are read from; where ``shuffle`` is ``blocks``, told in time which blocks come next.
    rows : int64, (n,)
        Rows of the training images in the index of ``images``.
    keys : uint64, (n,)
        Their keys, from :func:`.random_numbers.image_keys`.
    seed : int
    shuffle : "images" or "blocks"
        ``images``: all in an order of their own. ``blocks``: blocks of neighbouring images are put in an order, and
        the images of each :data:`BUFFER_BLOCKS` consecutive blocks in one of theirs. Images that fit in one buffer
        have the same order either way.
    """

    def __init__(
        self,
        images: Images,
        rows: Rows,
        keys: random_numbers.Keys,
        seed: int,
        shuffle: Literal["images", "blocks"],
    ) -> None:
        self._images, self._rows, self._keys, self._seed = images, rows, keys, seed
        self._span = max(1, BLOCK_BYTES // images.image_bytes) if shuffle == "blocks" else None
        self._pass = functools.lru_cache(maxsize=2)(self._drawn)  # of this pass and the next

    def taken(self, turn: int, start: int, stop: int) -> Rows:
        """Return the positions among ``rows`` of the images that pass ``turn`` takes from ``start`` to ``stop``."""
        order, buffers = self._pass(turn)
        if self._span is not None:
            for begun in np.flatnonzero((start <= buffers[:-1]) & (buffers[:-1] < stop)).tolist():
                # This buffer, of which the first is not read yet, and the one after it.
                coming = order[buffers[begun] : buffers[min(begun + 2, len(buffers) - 1)]]
                for block in np.unique(self._rows[coming] // self._span):
                    last = min((block + 1) * self._span, self._rows[-1] + 1)
                    self._images.read_ahead(np.arange(block * self._span, last))
        return order[start:stop]

    def _drawn(self, turn: int) -> _Pass:
        draws = random_numbers.uniform(self._seed, "order", turn, self._keys, 1)[:, 0]
        if self._span is None:
            return _Pass(np.argsort(draws, kind="stable"), np.array([0, len(draws)]))
        blocks, block = np.unique(self._rows // self._span, return_inverse=True)
        keys = random_numbers.image_keys(map(str, blocks.tolist()))
        place = np.argsort(random_numbers.uniform(self._seed, "blocks", turn, keys, 1)[:, 0], kind="stable")
        buffer = (np.argsort(place) // BUFFER_BLOCKS)[block]
        return _Pass(np.lexsort((draws, buffer)), np.concatenate([[0], np.cumsum(np.bincount(buffer))]))
