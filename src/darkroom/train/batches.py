"""Batches for Keras: pixels taken from the mapped shards and augmented by threads, beside the training step."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import keras
import numpy as np
import numpy.typing as npt

from darkroom.images import Images, Pixels
from darkroom.train import draws

if TYPE_CHECKING:
    from darkroom.train.params import AugmentParams, TrainParams

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Batch = tuple[Pixels, Floats] | tuple[Pixels, Floats, Floats]
"""x uint8 (n, height, width, channels), y float32 (n, k) and, where images weigh differently, weights float32 (n,)."""

_AHEAD = 4
"""Batches made ahead of the one in use: enough to bridge a slow read, little enough to forget in memory."""


class Batches(keras.utils.PyDataset):
    """A data set for ``fit``, ``evaluate`` and ``predict`` on every Keras backend, whose batches are made ahead by threads.

    Keras asks for one batch after the other; each answer starts the threads on the next ones, also across the end of an
    epoch, where the enqueuer of Keras would stop. What a batch holds depends on its step alone, so threads change no bit.

    Parameters
    ----------
    make : callable
        Returns the batch of a step; pure, and called from several threads.
    steps : int or None
        How many batches there are; None: as many as one asks for.
    start : int
        The step that ``batches[0]`` is.
    steps_per_epoch : int
        What ``fit`` must be given where ``steps`` is None.
    workers : int
        Threads.
    """

    def __init__(
        self,
        make: Callable[[int], Batch],
        steps: int | None,
        steps_per_epoch: int,
        start: int = 0,
        workers: int = 1,
    ) -> None:
        super().__init__()
        self.make = make
        self.steps_per_epoch = steps_per_epoch
        self._steps = steps
        self._start = start
        self._lock = threading.Lock()
        self._pending: dict[int, Future[Batch]] = {}
        self._threads = ThreadPoolExecutor(workers, "batches", initializer=cv2.setNumThreads, initargs=(1,))

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None: as many as one asks for, which Keras takes to run on across epochs."""
        return self._steps

    def __getitem__(self, index: int) -> Batch:
        """Return batch ``index``, counted from the start step, and set the threads to work on those after it."""
        if self._steps is not None and not 0 <= index < self._steps:
            raise IndexError(f"batch {index} of {self._steps}")
        step = self._start + index
        last = step + _AHEAD if self._steps is None else min(step + _AHEAD, self._start + self._steps - 1)
        with self._lock:
            for stale in [number for number in self._pending if not step <= number <= last]:
                self._pending.pop(stale).cancel()
            for number in range(step, last + 1):
                if number not in self._pending:
                    self._pending[number] = self._threads.submit(self.make, number)
            batch = self._pending.pop(step)
        return batch.result()

    def close(self) -> None:
        """End the threads; what they were making is thrown away."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def training_batches(
    images: Images,
    rows: Rows,
    targets: Floats,
    seed: int,
    augment: AugmentParams,
    train: TrainParams,
    start_epoch: int = 0,
    weights: Floats | None = None,
) -> Batches:
    """Return endless batches of the training images, shuffled and augmented anew every pass.

    A pass takes every image once, in an order drawn from (seed, pass, image id); its last batch holds what is left over. An
    epoch is ``steps_per_epoch`` batches: one pass unless ``train.steps_per_epoch`` says otherwise, and then passes run on
    across epochs.

    Parameters
    ----------
    images : Images
    rows : int64, (n,)
        Positions of the training images in ``images.index``.
    targets : float32, (n, k)
    seed : int
    augment : AugmentParams
    train : TrainParams
        Of which ``batch_size`` and ``steps_per_epoch``.
    start_epoch : int
        Epochs already trained; a resumed run sees the batches that it would have seen.
    weights : float32, (n,), optional
        How much each image counts in the loss.

    Returns
    -------
    Batches
        For ``fit(batches, steps_per_epoch=batches.steps_per_epoch)``.
    """
    size = min(train.batch_size, len(rows))
    per_pass = -(-len(rows) // size)
    steps_per_epoch = train.steps_per_epoch or per_pass
    keys = draws.image_keys(images.index["id"].iloc[rows])

    def make(step: int) -> Batch:
        turn, number = divmod(step, per_pass)
        chosen = _order(seed, turn, keys)[number * size : (number + 1) * size]
        x = images.take(rows[chosen])
        return _batch(x, targets[chosen], None if weights is None else weights[chosen])

    return Batches(make, None, steps_per_epoch, start_epoch * steps_per_epoch, _workers())


def validation_batches(images: Images, rows: Rows, targets: Floats, batch_size: int) -> Batches:
    """Return the images at ``rows`` in that order, once, ``batch_size`` at a time: uint8 pixels and float32 targets (n, k)."""
    steps = -(-len(rows) // batch_size)

    def make(step: int) -> Batch:
        here = slice(step * batch_size, (step + 1) * batch_size)
        return _batch(images.take(rows[here]), targets[here], None)

    return Batches(make, steps, steps)


def _batch(x: Pixels, y: Floats, weights: Floats | None) -> Batch:
    return (x, y) if weights is None else (x, y, weights)


def _order(seed: int, turn: int, keys: draws.Keys) -> Rows:
    return np.argsort(draws.uniform(seed, "order", turn, keys, 1)[:, 0], kind="stable")


def _workers() -> int:
    return min(4, os.cpu_count() or 1)
