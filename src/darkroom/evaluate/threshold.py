"""The decision threshold of a binary classifier, chosen on the validation images."""

import numpy as np
import numpy.typing as npt

from darkroom.array_types import ClassNumbers


def best_threshold(actual: ClassNumbers, score: npt.NDArray[np.float32]) -> float:
    """Return the threshold under which most images are right; of several such, the one nearest to 0.5.

    To be called with validation images: chosen on test, it would flatter the test accuracy.

    Parameters
    ----------
    actual : int64, (images,)
        0 or 1.
    score : float32, (images,)
        The probability of class 1.

    Returns
    -------
    float
        0.5, or a value midway between two neighbouring scores; an image is of class 1 from it on.
    """
    edges = np.array([0.0, *np.unique(score.astype(float)), 1.0])
    candidates = np.array([0.5, *((edges[:-1] + edges[1:]) / 2)])
    right = np.array([(actual == (score >= candidate)).sum() for candidate in candidates])
    best = candidates[right == right.max()]
    return float(best[np.abs(best - 0.5).argmin()])
