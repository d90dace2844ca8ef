"""The last layer as logistic regression by L-BFGS, its regularization strength chosen on validation."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from darkroom.array_types import ClassNumbers, Floats

GRID = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""The values of C tried: the less, the more the weights are held back."""

_STEPS = 2_000


class Solution(NamedTuple):
    """A dense layer, and what made it.

    Attributes
    ----------
    kernel : float32, (d, 1) for two classes, else (d, classes)
    bias : float32, (1,) or (classes,)
    C : float
        scikit-learn's name for the inverse of the strength of the L2 penalty, on standardized features.
    """

    kernel: Floats
    bias: Floats
    C: float


def solve(
    features: Floats,
    classes: ClassNumbers,
    weights: Floats | None,
    held_out: Floats,
    held_out_classes: ClassNumbers,
) -> Solution:
    """Return the logistic regression that has the least cross-entropy on the images held out.

    Parameters
    ----------
    features : float32, (n, d)
        Of the training images. A feature that does not vary among them has no weight.
    classes : int64, (n,)
        Each from 0 to classes - 1, and all of these occur.
    weights : float32, (n,), or None
        How much each image counts.
    held_out, held_out_classes : float32, (m, d), and int64, (m,)
        Of the validation images, m > 0.
    """
    mean, deviation = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    x, y = ((part - mean) * scale for part in (features, held_out))
    best: tuple[float, float, Any, Any] | None = None
    # The bits of a sum depend on how many threads share it, and so small a problem is slower with more.
    with threadpool_limits(1):
        solver = LogisticRegression(solver="lbfgs", warm_start=True, max_iter=_STEPS, tol=1e-6)
        for strength in GRID:
            solver.set_params(C=strength).fit(x, classes, weights)
            loss = log_loss(held_out_classes, solver.predict_proba(y), labels=solver.classes_)
            if best is None or loss < best[0]:
                best = (loss, strength, solver.coef_.copy(), solver.intercept_.copy())
    assert best is not None
    _, strength, kernel, bias = best
    kernel = kernel * scale
    bias = bias - kernel @ mean
    return Solution(kernel.T.astype(np.float32), bias.astype(np.float32), strength)


def as_layer(solution: Solution, units: int) -> tuple[Floats, Floats]:
    """Return kernel and bias of a dense layer; two classes under a softmax get half the logit each way."""
    kernel, bias = solution.kernel, solution.bias
    if kernel.shape[1] == 1 and units == 2:
        kernel, bias = np.hstack([-kernel, kernel]), np.hstack([-bias, bias])
        return kernel / np.float32(2), bias / np.float32(2)
    return kernel, bias
