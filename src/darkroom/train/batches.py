"""Batches for Keras: pixels read from the shards and augmented in threads during the training step."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self, cast

import cv2
import keras
import numpy as np
from joblib import cpu_count

from darkroom.array_types import Floats, Pixels
from darkroom.images import Images
from darkroom.train import augmentation, mixing, random_numbers
from darkroom.train.config import Config
from darkroom.train.dataset import Examples
from darkroom.train.order import Order
from darkroom.train.processes import ALONE, Group

Batch = tuple[Pixels, Floats] | tuple[Pixels, Floats, Floats]
"""x uint8 (n, height, width, channels), y float32 (n, k); where images weigh differently, float32 (n,)."""

AHEAD = 4
"""Batches made ahead of the one in use: they bridge a slow read, and memory does not notice them."""

_MOST_THREADS = 4  # one keeps up with a CPU's training step, four with a fast GPU's


class Batches(keras.utils.PyDataset):
    """A data set for ``fit``, ``evaluate`` and ``predict`` on every backend; threads make batches ahead.

    Keras asks for one batch after the other; each answer sets the threads to work on the next ones, also
    across the end of an epoch, where the workers of Keras itself would stop. What a batch holds depends on
    its step alone: threads change no bit, and whatever Keras asks for twice it gets twice.

    Parameters
    ----------
    make : callable
        Returns the batch of a step; pure, and called from several threads.
    steps : int or None
        How many batches there are; None: as many as one asks for.
    steps_per_epoch : int
        What ``fit`` must be given where ``steps`` is None.
    start : int
        The step that ``batches[0]`` is.
    workers : int
        Threads; 1 or more.
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
        self.steps_per_epoch = steps_per_epoch
        self._make = make
        self._steps = steps
        self._start = start
        self._lock = threading.Lock()
        self._pending: dict[int, Future[Batch]] = {}
        self._closed = False
        # Threads of OpenCV's own would fight those of the training step over the cores.
        self._threads = ThreadPoolExecutor(workers, "batches", initializer=cv2.setNumThreads, initargs=(1,))

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None: no end, which Keras reads as running on from epoch to epoch."""
        return self._steps

    def __getitem__(self, index: int) -> Batch:
        """Return batch ``index``, counted from the start, and set the threads to work on those after it."""
        if self._steps is not None and not 0 <= index < self._steps:
            raise IndexError(f"batch {index} of {self._steps}")
        with self._lock:
            if not self._closed:
                self._look_ahead(index)
            batch = self._pending.pop(index, None)
        # Closed: TensorFlow's own prefetching may still ask for a batch that nobody will use.
        return batch.result() if batch is not None else self._make(self._start + index)

    def _look_ahead(self, index: int) -> None:
        """Start what is missing of the batches ``index`` and after; forget others, where Keras started over."""
        end = index + 1 + AHEAD if self._steps is None else min(index + 1 + AHEAD, self._steps)
        for stale in [number for number in self._pending if not index <= number < end]:
            self._pending.pop(stale).cancel()
        for number in range(index, end):
            if number not in self._pending:
                self._pending[number] = self._threads.submit(self._make, self._start + number)

    def close(self) -> None:
        """End the threads; what they were making is thrown away."""
        with self._lock:
            self._closed = True
            for batch in self._pending.values():  # not the one that somebody waits for
                batch.cancel()
            self._pending.clear()
        self._threads.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def training_batches(
    images: Images,
    examples: Examples,
    config: Config,
    start_epoch: int = 0,
    workers: int | None = None,
    group: Group = ALONE,
) -> Batches:
    """Return endless batches of the training images, shuffled and augmented differently in every pass.

    A pass takes every image once, in the order of :class:`.order.Order`; its last batch holds what is left. An epoch is
    ``train.steps_per_epoch`` batches: one pass, unless that says otherwise; then passes run on across epochs, and
    images are augmented by pass.

    Parameters
    ----------
    images : Images
    examples : Examples
    config : Config
        Of which the seed, ``augment``, ``train.batch_size``, ``train.steps_per_epoch`` and ``train.shuffle``.
    start_epoch : int
        Epochs already trained; a resumed run sees the batches that it would have seen.
    workers : int, optional
        Threads; as many as there are processors, at most 4, if not given. The batches do not depend on it.
    group : Group
        Of processes that train together: each gets its :meth:`~.processes.Group.share` of every batch.

    Returns
    -------
    Batches
        For ``fit(batches, steps_per_epoch=batches.steps_per_epoch, shuffle=False)``: Keras warns that it
        cannot shuffle what has no end. :meth:`Batches.close` it afterwards.

    Raises
    ------
    UserError
        ``augment`` changes colours that the images do not have.
    """
    seed, augment = config.seed, config.augment
    rows, targets, weights = examples.rows, examples.targets, examples.weights
    augmentation.check(augment, images.shape[2])
    size = config.train.batch_size
    per_pass = -(-len(rows) // size)
    steps_per_epoch = config.train.steps_per_epoch or per_pass
    keys = random_numbers.image_keys(images.index["id"].iloc[rows])
    mixes = bool(augment.mixup or augment.cutmix)
    order = Order(images, rows, keys, seed, config.train.shuffle)

    def make(step: int) -> Batch:
        turn, number = divmod(step, per_pass)
        chosen = order.taken(turn, number * size, (number + 1) * size)
        mine, counts = group.share(len(chosen))
        if not mixes:
            chosen = chosen[mine]
        values = targets[chosen] if weights is None else np.column_stack([targets[chosen], weights[chosen]])
        x = augmentation.augment(images.take(rows[chosen]), keys[chosen], seed, turn, augment)
        x, y = mixing.mix(x, values, keys[chosen], seed, turn, augment)
        if mixes:  # with the next of the whole batch
            x, y = x[mine], y[mine]
        y, own = (y, None) if weights is None else (y[:, :-1], y[:, -1])
        return _batch(x, y, own, counts, group)

    threads = workers or min(_MOST_THREADS, cast(int, cpu_count()))
    return Batches(make, None, steps_per_epoch, start_epoch * steps_per_epoch, threads)


def validation_batches(images: Images, examples: Examples, batch_size: int, group: Group = ALONE) -> Batches:
    """Return the images of ``examples`` once, in that order, as they are.

    Parameters
    ----------
    images : Images
    examples : Examples
    batch_size : int
        Images in a batch; the last holds what is left.
    group : Group
        As in :func:`training_batches`.
    """
    rows, targets = examples.rows, examples.targets
    steps = -(-len(rows) // batch_size)

    def make(step: int) -> Batch:
        here = slice(step * batch_size, (step + 1) * batch_size)
        mine, counts = group.share(len(rows[here]))
        return _batch(images.take(rows[here][mine]), targets[here][mine], None, counts, group)

    return Batches(make, steps, steps)


def _batch(x: Pixels, y: Floats, weights: Floats | None, counts: Floats, group: Group) -> Batch:
    """Return the batch, where processes train together weighted by what each image ``counts``.

    Those that count nothing have targets of -1, by which the accuracy knows them: it leaves weights aside.
    """
    if group.count > 1:
        weights = counts if weights is None else counts * weights
        y = np.where(counts[:, None] > 0, y, np.float32(-1))
    return (x, y) if weights is None else (x, y, weights)
