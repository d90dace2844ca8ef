"""Classification metrics on the test images, as flat scalars."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sk

from darkroom import intervals
from darkroom.array_types import ClassNumbers
from darkroom.evaluate.classifier import Probabilities

_ROWS = 4096  # images whose probabilities are compared at a time


Areas = dict[str, npt.NDArray[np.float64]]
"""``roc_auc`` and ``average_precision`` of each class against the rest, (classes,); nan where they are undefined."""


def areas(actual: ClassNumbers, probabilities: Probabilities) -> Areas:
    """Return the areas under the curves of each class, of which both other functions have need: a sort a class."""
    columns = range(probabilities.shape[1])
    return {
        name: np.array([_area(area, actual == column, probabilities[:, column]) for column in columns])
        for name, area in (("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score))
    }


def overall(
    actual: ClassNumbers, probabilities: Probabilities, known: Areas | None = None
) -> dict[str, float]:
    """Return the figures of all test images together.

    The macro averages (``precision``, ``recall``, ``f1``, ``roc_auc``, ``average_precision``) count every class
    that occurs in ``actual`` once.
    A figure that these images leave undefined is nan.

    Parameters
    ----------
    actual : int64, (images,)
        The true classes, as positions in the list of classes.
    probabilities : float32, (images, classes)
        Rows that sum to 1.
    known : Areas, optional
        What :func:`areas` returns.
    """
    known = known or areas(actual, probabilities)
    count = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    present = np.unique(actual)
    low, high = intervals.wilson(int((actual == predicted).sum()), len(actual))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        actual, predicted, labels=present, average="macro", zero_division=0
    )
    scores = {
        "accuracy": float(sk.accuracy_score(actual, predicted)),
        "accuracy_low": low,
        "accuracy_high": high,
        "loss": loss(actual, probabilities),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        # Of two classes both have the same area; from the second's column scikit-learn has it.
        "roc_auc": float(known["roc_auc"][present[-1:] if count == 2 else present].mean()),
        "average_precision": float(known["average_precision"][present].mean()),
        "balanced_accuracy": float(recall),  # its definition: the mean recall of the classes that occur
        "cohen_kappa": _agreement(sk.cohen_kappa_score, actual, predicted),
        "matthews": _agreement(sk.matthews_corrcoef, actual, predicted),
    }
    ranks = _ranks(actual, probabilities)
    return scores | {f"top_{k}": float((ranks < k).mean()) for k in (2, 3) if count > k}


def by_class(
    actual: ClassNumbers, probabilities: Probabilities, classes: Sequence[str], known: Areas | None = None
) -> dict[str, float]:
    """Return the figures of each class against the rest: ``precision_<class>``, ``recall_<class>`` and so on.

    A class that does not occur in ``actual`` has a ``support_<class>`` of 0 and no other figure; one that is never
    predicted has a precision of 0, as scikit-learn's ``zero_division=0`` has it.
    """
    known = known or areas(actual, probabilities)
    columns = np.arange(len(classes))
    figures = sk.precision_recall_fscore_support(
        actual, probabilities.argmax(axis=1), labels=columns, zero_division=0
    )
    scores: dict[str, float] = {}
    for column, name in enumerate(classes):
        precision, recall, f1, support = (float(figure[column]) for figure in figures)
        if support:
            scores |= {f"precision_{name}": precision, f"recall_{name}": recall, f"f1_{name}": f1}
            scores |= {f"{area}_{name}": float(of_class[column]) for area, of_class in known.items()}
        scores[f"support_{name}"] = int(support)
    return scores


def loss(actual: ClassNumbers, probabilities: Probabilities) -> float:
    """Return the mean cross-entropy: scikit-learn's ``log_loss``, which would hold several numbers a probability."""
    least = np.finfo(np.float32).eps  # about where Keras clips the loss of training (1e-7)
    own = np.clip(probabilities[np.arange(len(actual)), actual], least, 1 - least)
    return float(-np.log(own.astype(np.float64)).mean())


def _ranks(actual: ClassNumbers, probabilities: Probabilities) -> ClassNumbers:
    """Return how many classes come before the true one: that of ``top_k_accuracy_score``, a few rows at a time."""
    ranks = [np.empty(0, np.int64)]
    for at in range(0, len(actual), _ROWS):
        some, own = probabilities[at : at + _ROWS], actual[at : at + _ROWS, None]
        true = np.take_along_axis(some, own, axis=1)
        before = (some > true) | ((some == true) & (np.arange(some.shape[1]) > own))
        ranks.append(before.sum(axis=1))
    return np.concatenate(ranks)


def _area(
    area: Callable[..., float], positive: npt.NDArray[np.bool_], score: npt.NDArray[np.float32]
) -> float:
    """Return an area under a curve, nan unless there are both positives and negatives."""
    return float(area(positive, score)) if 0 < positive.sum() < len(positive) else float("nan")


def _agreement(score: Callable[..., float], actual: ClassNumbers, predicted: ClassNumbers) -> float:
    """Return a score corrected for chance, nan where one class alone leaves chance to explain all (0 / 0)."""
    return float(score(actual, predicted)) if len(np.union1d(actual, predicted)) > 1 else float("nan")
