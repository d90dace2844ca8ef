"""ROC and precision-recall curves on a fixed grid, one column a class."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from darkroom.evaluate.classifier import Probabilities
from darkroom.evaluate.scores import Classes

GRID = np.linspace(0, 1, 101)


def roc(actual: Classes, probabilities: Probabilities, classes: Sequence[str]) -> pd.DataFrame:
    """Return the true positive rate at 101 false positive rates: one column a class, and their mean ``macro``.

    Two classes: only the second; its curve is the first one's mirrored. Classes that are absent from ``actual``, or
    alone in it, have no curve and no column.
    """
    table = pd.DataFrame({"false_positive_rate": GRID})
    for name, positive, score in _one_against_rest(actual, probabilities, classes):
        false_positive_rate, true_positive_rate, _ = roc_curve(positive, score)
        # np.interp takes the last of several points with one x, where a ROC curve is at its highest
        table[name] = np.interp(GRID, false_positive_rate, true_positive_rate)
    return _with_mean(table, classes)


def precision_recall(actual: Classes, probabilities: Probabilities, classes: Sequence[str]) -> pd.DataFrame:
    """Return the best precision at each of 101 recalls or above: one column a class, and their mean ``macro``.

    The interpolated precision of Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), 8.4.
    Columns as in :func:`roc`.
    """
    table = pd.DataFrame({"recall": GRID})
    for name, positive, score in _one_against_rest(actual, probabilities, classes):
        precision, recall, _ = precision_recall_curve(positive, score)  # recall falls from 1 to 0
        best = np.maximum.accumulate(precision)
        table[name] = best[np.searchsorted(-recall, -GRID + 1e-9, side="right") - 1]
    return _with_mean(table, classes)


def _one_against_rest(actual: Classes, probabilities: Probabilities, classes: Sequence[str]):  # type: ignore
    for column, name in enumerate(classes):
        positive = actual == column
        if (len(classes) > 2 or column == 1) and 0 < positive.sum() < len(positive):
            yield name, positive, probabilities[:, column]


def _with_mean(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    if len(classes) > 2 and len(table.columns) > 1:
        table["macro"] = table.iloc[:, 1:].mean(axis=1)
    return table
