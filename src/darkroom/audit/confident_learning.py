"""Confident learning: which labels are wrong, by probabilities of models that did not see the image.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021).
"""

import numpy as np

from darkroom.array_types import ClassNumbers, Doubles, Rows


def likely_wrong(labels: ClassNumbers, probabilities: Doubles) -> ClassNumbers:
    """Return the class that each image is counted for where that is another than its label, else -1: int64, (images,).

    An image counts for a class where its probability of it is at least what images labelled so have in the mean; of
    several such classes for the likeliest. What differs lies off the diagonal of the paper's confident joint. Without
    the threshold, a class that models are unsure of would lend its images to others.

    Parameters
    ----------
    labels : int64, (images,)
    probabilities : float64, (images, classes)
    """
    classes = probabilities.shape[1]
    # No image can count for a class that no label names.
    thresholds = np.full(classes, np.inf)
    for number in np.unique(labels):
        thresholds[number] = probabilities[labels == number, number].mean()
    confident = np.where(probabilities >= thresholds, probabilities, -1)
    counted = confident.argmax(axis=1)
    return np.where((confident.max(axis=1) >= 0) & (counted != labels), counted, -1)


def ranked(labels: ClassNumbers, probabilities: Doubles, counted: ClassNumbers) -> tuple[Rows, ClassNumbers]:
    """Return the images to look at, the least probable label first, and the class suggested for each.

    They are those that are likely wrong and those of which another class is likelier than the label. The order is that
    of the paper's self-confidence; its normalized margin found fewer of turned labels (docs/benchmarks.md).

    Parameters
    ----------
    labels : int64, (images,)
    probabilities : float64, (images, classes)
    counted : int64, (images,)
        As :func:`likely_wrong` returns it.

    Returns
    -------
    int64, (k,) and int64, (k,)
    """
    suggested = np.where(counted >= 0, counted, probabilities.argmax(axis=1))
    rows = np.flatnonzero(suggested != labels)
    rows = rows[np.argsort(probabilities[rows, labels[rows]], kind="stable")]
    return rows, suggested[rows]
