"""How much better the model does on the images it was trained on: plain ones, as it sees them in use."""

import numpy as np

from darkroom import intervals
from darkroom.array_types import ClassNumbers, Rows
from darkroom.evaluate.classifier import Probabilities


def sample(rows: Rows, most: int) -> Rows:
    """Return at most ``most`` of ``rows``, int64, evenly spread: the index is sorted by id, and so mostly by class."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)] if most else rows[:0]


def gap(
    train: tuple[ClassNumbers, Probabilities], test: tuple[ClassNumbers, Probabilities]
) -> dict[str, float]:
    """Return accuracy on training images, and how much more that is than on test, with its 95 % interval.

    Where images belong together, by patient say, they are no independent samples, and the interval is too narrow.

    Parameters
    ----------
    train, test : pair of int64, (images,), and float32, (images, classes)
        True classes and probabilities. Without training images there are no figures.
    """
    if not len(train[0]):
        return {}
    (right, images), (test_right, test_images) = (
        (int((actual == probabilities.argmax(axis=1)).sum()), len(actual))
        for actual, probabilities in (train, test)
    )
    low, high = intervals.newcombe(right, images, test_right, test_images)
    return {
        "train_accuracy": right / images,
        "train_images": images,
        "train_gap": right / images - test_right / test_images,
        "train_gap_low": low,
        "train_gap_high": high,
    }
