"""Batches of preprocessed images, prepared in threads while the model computes."""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np

from darkroom.array_types import Pixels
from darkroom.decode.rejections import Rejected, Rejection
from darkroom.predict import inputs
from darkroom.predict.inputs import Picture

_TASK = 8  # pictures that a thread takes at once: enough to outweigh handing them over


class Batch(NamedTuple):
    """Pictures to predict at once: ``pixels`` uint8 (len(ids), height, width, channels); ``bad`` met on the way."""

    ids: list[str]
    pixels: Pixels
    bad: list[Rejection]


def batches(
    pictures: Sequence[Picture],
    prepare: Callable[[bytes], Pixels],
    shape: tuple[int, int, int],
    size: int,
    workers: int,
) -> Generator[Batch]:
    """Yield the pictures in their order, ``size`` at a time; the last batch may be smaller.

    Bad files leave no gap: the batches of the good ones are the same without them, and so are their bits. Two batches
    are made ahead, so that memory stays flat however many pictures there are.

    Parameters
    ----------
    pictures : sequence of Picture
    prepare : function
        The bytes of a file in, uint8 pixels of ``shape`` out; raises Rejected.
    shape : (height, width, channels)
    size : int
        Pictures in a batch.
    workers : int
        Threads; they change nothing but the speed.
    """
    cv2.setNumThreads(1)  # the pictures are spread over threads; more inside OpenCV would only get in the way
    pixels, ids, bad = np.empty((size, *shape), np.uint8), list[str](), list[Rejection]()
    for picture, prepared in _prepared(pictures, prepare, workers, ahead=2 * size):
        if isinstance(prepared, Rejection):
            bad.append(prepared)
            continue
        pixels[len(ids)] = prepared
        ids.append(picture.id)
        if len(ids) == size:
            yield Batch(ids, pixels, bad)
            pixels, ids, bad = np.empty((size, *shape), np.uint8), [], []
    if ids or bad:
        yield Batch(ids, pixels[: len(ids)], bad)


def _prepared(
    pictures: Sequence[Picture], prepare: Callable[[bytes], Pixels], workers: int, ahead: int
) -> Iterator[tuple[Picture, Pixels | Rejection]]:
    """Yield each picture and what it became, in their order; at least ``ahead`` of them are under way."""

    def some(start: int) -> list[tuple[Picture, Pixels | Rejection]]:
        return [(picture, _one(picture, prepare)) for picture in pictures[start : start + _TASK]]

    pool = ThreadPoolExecutor(workers, "prepare")
    starts = iter(range(0, len(pictures), _TASK))
    try:
        under_way: deque[Future[list[tuple[Picture, Pixels | Rejection]]]] = deque(
            pool.submit(some, start) for start in itertools.islice(starts, workers + ahead // _TASK + 1)
        )
        while under_way:
            yield from under_way.popleft().result()
            under_way.extend(pool.submit(some, start) for start in itertools.islice(starts, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def _one(picture: Picture, prepare: Callable[[bytes], Pixels]) -> Pixels | Rejection:
    try:
        return prepare(inputs.read(picture))
    except (Rejected, OSError) as error:
        return inputs.rejection(picture, error)
