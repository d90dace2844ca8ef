"""ROC and precision-recall curves (one column per class), and the confusion matrix (one row per class pair)."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from darkroom.array_types import ClassNumbers
from darkroom.evaluate.classifier import Probabilities

GRID = np.linspace(0, 1, 101)


def roc(actual: ClassNumbers, probabilities: Probabilities, classes: Sequence[str]) -> pd.DataFrame:
    """Return the true positive rate at 101 false positive rates: a column a class, and their mean.

    Two classes: only the second; its curve is the first one's mirrored. More: the mean is the column ``macro``.
    ClassNumbers that are absent from ``actual``, or alone in it, have no curve and no column.
    """
    columns = {}
    for name, positive, score in _one_against_rest(actual, probabilities, classes):
        false_positive_rate, true_positive_rate, _ = roc_curve(positive, score)
        # np.interp takes the last of several points with one x, where a ROC curve is at its highest
        columns[name] = np.interp(GRID, false_positive_rate, true_positive_rate)
    return _table("false_positive_rate", columns, classes)


def precision_recall(
    actual: ClassNumbers, probabilities: Probabilities, classes: Sequence[str]
) -> pd.DataFrame:
    """Return the best precision at each of 101 recalls or above: a column a class, and their mean.

    The interpolated precision of Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008),
    8.4. Columns as in :func:`roc`.
    """
    columns = {}
    for name, positive, score in _one_against_rest(actual, probabilities, classes):
        precision, recall, _ = precision_recall_curve(positive, score)
        # The last point is no threshold but precision 1 by decree.
        precision, recall = (
            precision[:-1],
            recall[:-1],
        )
        best = np.maximum.accumulate(precision)  # recall falls from 1
        columns[name] = best[np.searchsorted(-recall, 1e-9 - GRID, side="right") - 1]
    return _table("recall", columns, classes)


def confusion(actual: ClassNumbers, predicted: ClassNumbers, classes: Sequence[str]) -> pd.DataFrame:
    """Return the images of each pair of true and predicted class that occurs: columns actual, predicted, images.

    The pairs on the diagonal are listed also where there is no image, so that the drawn matrix is square: a class that
    is never predicted has a column in it, too.
    """
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(matrix, (actual, predicted), 1)
    rows, columns = np.nonzero((matrix > 0) | np.eye(len(classes), dtype=bool))
    names = np.array(classes, dtype=object)
    return pd.DataFrame({"actual": names[rows], "predicted": names[columns], "images": matrix[rows, columns]})


def _one_against_rest(
    actual: ClassNumbers, probabilities: Probabilities, classes: Sequence[str]
) -> Iterator[tuple[str, npt.NDArray[np.bool_], npt.NDArray[np.float32]]]:
    for column, name in enumerate(classes):
        positive = actual == column
        if (len(classes) > 2 or column == 1) and 0 < positive.sum() < len(positive):
            yield name, positive, probabilities[:, column]


def _table(x: str, columns: dict[str, npt.NDArray[np.float64]], classes: Sequence[str]) -> pd.DataFrame:
    taken = (x, "macro")  # a class may be called so too
    table = {x: GRID} | {f"class {name}" if name in taken else name: curve for name, curve in columns.items()}
    if len(classes) > 2 and columns:
        table["macro"] = np.mean(list(columns.values()), axis=0)
    return pd.DataFrame(table)
