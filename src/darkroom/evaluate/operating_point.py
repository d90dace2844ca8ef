"""The operating point: one class against the rest, at the threshold at which mistakes cost least on validation."""

import math

import numpy as np
from scipy.special import betaincinv

from darkroom import UserError, intervals
from darkroom.array_types import ClassNumbers, Doubles
from darkroom.evaluate.classifier import Probabilities
from darkroom.evaluate.threshold import best_threshold
from darkroom.params.evaluate import OperatingPointParams

STEPS = 200
"""Quantiles of each share, of whose pairs the interval of a predictive value is made."""


def check(point: OperatingPointParams | None, classes: list[str], validation: ClassNumbers) -> None:
    """Raise a UserError where the class is none of ``classes``, or validation does not hold both kinds of images."""
    if point is None:
        return
    if point.positive not in classes:
        raise UserError(
            f"params.yaml: evaluate.operating_point: positive: got {point.positive!r}; expected one of the classes "
            f"{', '.join(classes)}"
        )
    images, positives = len(validation), int((validation == classes.index(point.positive)).sum())
    if positives in (0, images):
        raise UserError(
            f"params.yaml: evaluate.operating_point: {positives:,} of {images:,} validation images are of "
            f"{point.positive!r}: a threshold takes some of both kinds; hold out more by split.validation"
        )


def figures(
    point: OperatingPointParams | None,
    classes: list[str],
    validation: tuple[ClassNumbers, Probabilities],
    test: tuple[ClassNumbers, Probabilities],
) -> dict[str, float]:
    """Return ``operating_threshold``, found on validation, and what it does on test, each with its 95 % interval.

    ``sensitivity`` is the share of positive images that are called so, ``specificity`` that of the others that are not;
    with a prevalence, ``positive_predictive_value`` and ``negative_predictive_value`` are the shares of such calls
    that are right where so many are positive. What test has no images for is not there; nothing without a ``point``.
    """
    if point is None:
        return {}
    number = classes.index(point.positive)
    costs = point.false_positive, point.false_negative
    least = best_threshold(validation[0] == number, validation[1][:, number], *costs, point.prevalence)
    called, actual = test[1][:, number] >= least, test[0] == number
    found = {"operating_threshold": least}
    hits, positives = int((called & actual).sum()), int(actual.sum())
    passed, negatives = int((~called & ~actual).sum()), int((~actual).sum())
    for name, right, images in (("sensitivity", hits, positives), ("specificity", passed, negatives)):
        if images:
            found |= _with_interval(name, right / images, *intervals.wilson(right, images))
    if point.prevalence is not None and positives and negatives:
        counts = (hits, positives), (passed, negatives)
        found |= _with_interval("positive_predictive_value", *predictive_value(*counts, point.prevalence))
        found |= _with_interval(
            "negative_predictive_value", *predictive_value(*counts[::-1], 1 - point.prevalence)
        )
    return found


def predictive_value(
    called: tuple[int, int], passed: tuple[int, int], prevalence: float
) -> tuple[float, float, float]:
    """Return a predictive value, by Bayes' rule, and its 95 % interval.

    The interval is that of the posterior with Jeffreys' prior on both shares (Brown, Cai and DasGupta, "Interval
    estimation for a binomial proportion", Statistical Science 16, 2001), at :data:`STEPS` quantiles of each.

    Parameters
    ----------
    called, passed : pairs of int
        How many are right, and how many there are, of the images of the kind that is called, and of the others.
    prevalence : float
        Of the kind that is called.
    """

    def value(share: Doubles, other: Doubles) -> Doubles:
        right = share * prevalence
        return right / (right + (1 - other) * (1 - prevalence))

    (right, images), (others_right, others) = called, passed
    quantiles = (np.arange(STEPS) + 0.5) / STEPS
    shares = betaincinv(right + 0.5, images - right + 0.5, quantiles)
    rest = betaincinv(others_right + 0.5, others - others_right + 0.5, quantiles)
    low, high = np.quantile(
        value(shares[:, None], rest), [(1 - intervals.CONFIDENCE) / 2, (1 + intervals.CONFIDENCE) / 2]
    )
    if not right and others_right == others:
        return math.nan, float(low), float(high)
    found = float(value(np.array(right / images), np.array(others_right / others)))
    # A value of 0 or 1 lies outside.
    return found, min(float(low), found), max(float(high), found)


def _with_interval(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}
