"""The decision threshold of one class against the rest, chosen on the validation images."""

import numpy as np
import numpy.typing as npt

Positive = npt.NDArray[np.bool_]
"""Whether the image is of the class, (images,)."""

Scores = npt.NDArray[np.float32]
"""The probability of the class, (images,)."""


def best_threshold(
    positive: Positive,
    scores: Scores,
    false_positive: float = 1.0,
    false_negative: float = 1.0,
    prevalence: float | None = None,
) -> float:
    """Return the threshold at which mistakes cost least: where both kinds cost the same, the most images are right.

    To be called with validation images: chosen on test, it would flatter the test accuracy.

    Parameters
    ----------
    positive : bool, (images,)
    scores : float32, (images,)
    false_positive, false_negative : float
        What it costs to call another image so, and to miss one of the class.
    prevalence : float, optional
        The share of the class at which the images of both kinds are to weigh; by default they weigh as they come. It
        takes some of both kinds.

    Returns
    -------
    float
        What probabilities that are right ask for (Elkan, "The foundations of cost-sensitive learning", IJCAI 2001,
        eq. 2: 0.5 where both mistakes cost the same), or the value nearest to that midway between two neighbouring
        scores; an image is called so from it on.
    """
    asked = false_positive / (false_positive + false_negative)
    edges = np.array([0.0, *np.unique(scores.astype(float)), 1.0])
    candidates = np.array([asked, *((edges[:-1] + edges[1:]) / 2)])
    missed = np.searchsorted(np.sort(scores[positive].astype(float)), candidates)
    others = np.sort(scores[~positive].astype(float))
    alarms = len(others) - np.searchsorted(others, candidates)
    if prevalence is not None:
        false_negative *= prevalence / positive.sum()
        false_positive *= (1 - prevalence) / len(others)
    costs = false_negative * missed + false_positive * alarms
    best = candidates[np.isclose(costs, costs.min(), rtol=1e-9, atol=0)]
    return float(best[np.abs(best - asked).argmin()])
