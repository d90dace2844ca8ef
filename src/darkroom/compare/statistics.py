"""The statistics of paired outcomes and of repeated runs, as plain functions of counts and values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# scipy.special and not scipy.stats: the same functions, without half a second of imports.
from scipy.special import bdtr, ndtri, stdtr, stdtrit

from darkroom.intervals import CONFIDENCE, Z

ALPHA = 1 - CONFIDENCE
POWER = 0.8
"""Chance to tell a difference that is there, for the numbers said to be needed."""


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (Psychometrika 12, 1947).

    If neither is better, an image that only one of the two gets right is as likely A's as B's: the binomial test of
    ``only_a`` in ``only_a + only_b`` with probability one half.
    """
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def paired_interval(only_a: int, only_b: int, images: int) -> tuple[float, float]:
    """Return the 95 % score interval of accuracy B - accuracy A on the same images.

    Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design",
    Statistics in Medicine 17 (1998), 891-908: the differences that a score test does not reject. Where A and B are
    right on the same images it is not a point, as a resampling's is: of few images little is known all the same.
    """
    # The least is the largest of A - B, turned round.
    return -_largest_difference(only_b, only_a, images), _largest_difference(only_a, only_b, images)


def _largest_difference(only_a: int, only_b: int, images: int) -> float:
    """Return the largest difference of B - A that the score test does not reject."""
    low, high = (only_b - only_a) / images, 1.0
    # Halved until floating point has no number between: the test rejects all above the limit and none below.
    while low < (middle := (low + high) / 2) < high:
        if only_b - only_a - images * middle >= -Z * math.sqrt(
            images * _variance(only_a, only_b, images, middle)
        ):
            low = middle
        else:
            high = middle
    return low


def _variance(only_a: int, only_b: int, images: int, difference: float) -> float:
    """Return the variance of an image's -1, 0 or 1 at this difference, the rest by maximum likelihood (Tango, 1998)."""
    b = (2 * images + only_a - only_b) * difference - only_a - only_b
    c = -only_a * difference * (1 - difference)
    share_a = (math.sqrt(b * b - 8 * images * c) - b) / (4 * images)
    return max(0.0, 2 * share_a + difference * (1 - difference))


def images_needed(only_a: int, only_b: int, images: int) -> int | None:
    """Return how many test images would tell this difference with :data:`POWER`; None where there is none.

    The unconditional sample size for McNemar's test of Connor, "Sample size for testing differences in proportions
    for the paired-sample design", Biometrics 43 (1987), with the shares observed.
    """
    if only_a == only_b:
        return None
    discordant = (only_a + only_b) / images
    difference = abs(only_a - only_b) / images
    root = Z * math.sqrt(discordant) + float(ndtri(POWER)) * math.sqrt(discordant - difference**2)
    return math.ceil((root / difference) ** 2)


@dataclass(frozen=True)
class Spread:
    """Repeated runs of one kind: how many, mean, standard deviation (of a sample), 95 % interval of the mean."""

    runs: int
    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Mean of B less mean of A, its 95 % interval, the two-sided p-value, and how it was found."""

    mean: float
    low: float
    high: float
    p: float
    method: str
    runs_needed: int | None


def spread(values: Sequence[float], overlap: float = 0.0) -> Spread:
    """Return mean, deviation and interval (Student's t) of two values or more; ``overlap`` as in :func:`paired`."""
    mean, sd, count = float(np.mean(values)), _sd(values), len(values)
    half = _t(count - 1) * sd * math.sqrt(1 / count + overlap)
    return Spread(count, mean, sd, mean - half, mean + half)


def paired(a: Sequence[float], b: Sequence[float], overlap: float = 0.0) -> Difference:
    """Return the difference of runs that belong together in pairs, as those with the same seed: the paired t-test.

    Parameters
    ----------
    a, b : sequence of float
    overlap : float
        Test images for each training image, where each pair has a random split of its own: such splits share images, so
        that their runs are not independent, and the variance of the mean is corrected by this ratio. The corrected
        resampled t-test of Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52 (2003).
    """
    differences = np.subtract(b, a)
    sd, count = _sd(differences), len(differences)
    method = "paired by seed and split" if overlap else "paired by seed"
    return _difference(float(differences.mean()), sd * math.sqrt(1 / count + overlap), count - 1, method, sd)


def welch(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Return the difference of two independent groups of runs with variances of their own (Welch, 1947)."""
    variances = _sd(a) ** 2 / len(a), _sd(b) ** 2 / len(b)
    error = math.sqrt(sum(variances))
    weight = variances[0] ** 2 / (len(a) - 1) + variances[1] ** 2 / (len(b) - 1)
    freedom = sum(variances) ** 2 / weight if weight > 0 else float(len(a) + len(b) - 2)
    together = math.sqrt(_sd(a) ** 2 + _sd(b) ** 2)
    return _difference(float(np.mean(b) - np.mean(a)), error, freedom, "Welch's t-test", together)


def _difference(mean: float, error: float, freedom: float, method: str, sd: float) -> Difference:
    half = _t(freedom) * error
    certain = 1.0 if mean == 0 else 0.0  # runs without any spread are equal, or they are not
    p = 2 * float(stdtr(freedom, -abs(mean) / error)) if error > 0 else certain
    # Normal approximation of the runs (pairs, or in each group) that tell this difference with POWER.
    needed = math.ceil(((Z + float(ndtri(POWER))) * sd / mean) ** 2) if mean else None
    return Difference(mean, mean - half, mean + half, p, method, needed)


def _t(freedom: float) -> float:
    return float(stdtrit(freedom, 1 - ALPHA / 2))


def _sd(values: Sequence[float] | np.ndarray) -> float:
    if np.ptp(values) == 0:  # the mean of equal values may differ from them in the last bit
        return 0.0
    return float(np.std(values, ddof=1))
