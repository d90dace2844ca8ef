"""Confident learning: which labels are wrong, by probabilities of models that did not see the image.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021).
"""

import numpy as np

from darkroom.array_types import ClassNumbers, Doubles, Rows


def margins(labels: ClassNumbers, probabilities: Doubles) -> Doubles:
    """Return how much less probable the given label is than the likeliest other class: float64, (images,).

    The paper's normalized margin with its sign turned, in [-1, 1]: the higher, the more the label is contradicted.

    Parameters
    ----------
    labels : int64, (images,)
    probabilities : float64, (images, classes)
        Of rows that sum to 1.
    """
    rows = np.arange(len(labels))
    others = probabilities.copy()
    others[rows, labels] = -1
    return others.max(axis=1) - probabilities[rows, labels]


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


def ranked(labels: ClassNumbers, probabilities: Doubles) -> tuple[Rows, ClassNumbers]:
    """Return the images to look at, the most contradicted first, and the class suggested for each.

    They are those that are likely wrong and those of which another class is likelier than the label.

    Parameters
    ----------
    labels : int64, (images,)
    probabilities : float64, (images, classes)

    Returns
    -------
    int64, (k,) and int64, (k,)
    """
    counted, margin = likely_wrong(labels, probabilities), margins(labels, probabilities)
    suggested = np.where(counted >= 0, counted, probabilities.argmax(axis=1))
    rows = np.flatnonzero((counted >= 0) | (margin > 0))
    rows = rows[np.argsort(-margin[rows], kind="stable")]
    return rows, suggested[rows]
