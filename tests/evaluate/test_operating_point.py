"""One class against the rest: the threshold of the least cost, and the intervals of what it does."""

import numpy as np
import pytest

from darkroom import UserError, intervals
from darkroom.evaluate import operating_point
from darkroom.evaluate.threshold import best_threshold
from darkroom.params.evaluate import OperatingPointParams

CLASSES = ["healthy", "ill", "unclear"]


def point(**more: float) -> OperatingPointParams:
    return OperatingPointParams(positive="ill", **more)


def drawn(images: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw true classes, and probabilities that can be taken at their word."""
    probabilities = generator.dirichlet([1, 0.3, 0.5], images).astype(np.float32)
    actual = (generator.random(images)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return actual, probabilities


@pytest.mark.parametrize("costs", [(1, 1), (1, 10), (5, 1)])
@pytest.mark.parametrize("prevalence", [None, 0.02])
def test_no_other_threshold_costs_less(costs: tuple[float, float], prevalence: float | None):
    actual, probabilities = drawn(300, np.random.default_rng(0))
    positive, scores = actual == 1, probabilities[:, 1]
    share = positive.mean() if prevalence is None else prevalence

    def cost(threshold: float) -> float:
        called = scores >= threshold
        alarms, missed = called[~positive].mean(), 1 - called[positive].mean()
        return costs[0] * (1 - share) * alarms + costs[1] * share * missed

    found = best_threshold(positive, scores, *costs, prevalence)
    assert cost(found) <= min(map(cost, np.linspace(0, 1, 2001))) + 1e-12


def test_where_probabilities_are_right_the_threshold_is_the_one_that_decision_theory_asks_for():
    actual, probabilities = drawn(100_000, np.random.default_rng(0))
    found = best_threshold(actual == 1, probabilities[:, 1], 1, 9)
    assert found == pytest.approx(0.1, abs=0.03)


def test_figures_are_those_of_a_table_made_by_hand():
    # Between 0.5 and 0.6 validation has no mistake.
    validation = np.array([0, 0, 0, 0, 1, 1]), np.float32([[1 - p, p] for p in (0, 0.1, 0.2, 0.5, 0.6, 1)])
    test = (
        np.array([0, 0, 0, 0, 1, 1, 1]),
        np.float32([[1 - p, p] for p in (0.1, 0.2, 0.3, 0.9, 0.6, 0.8, 0.1)]),
    )
    figures = operating_point.figures(point(prevalence=0.1), CLASSES[:2], validation, test)
    assert 0.5 < figures["operating_threshold"] < 0.6
    assert figures["sensitivity"] == 2 / 3
    assert figures["specificity"] == 3 / 4
    assert (figures["sensitivity_low"], figures["sensitivity_high"]) == intervals.wilson(2, 3)
    # Bayes' rule.
    assert figures["positive_predictive_value"] == pytest.approx(2 / 3 * 0.1 / (2 / 3 * 0.1 + 0.25 * 0.9))
    assert figures["negative_predictive_value"] == pytest.approx(0.75 * 0.9 / (0.75 * 0.9 + 1 / 3 * 0.1))
    assert operating_point.figures(None, CLASSES, validation, test) == {}


def test_what_test_has_no_images_for_is_not_there():
    validation = np.array([0, 1]), np.float32([[0.9, 0.1], [0.1, 0.9]])
    only_ill = np.array([1, 1]), np.float32([[0.9, 0.1], [0.1, 0.9]])
    figures = operating_point.figures(point(prevalence=0.1), CLASSES[:2], validation, only_ill)
    assert set(figures) == {"operating_threshold", *(f"sensitivity{end}" for end in ("", "_low", "_high"))}


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "prevalence"),
    [(0.9, 0.8, 0.2), (0.98, 0.95, 0.05), (0.7, 0.99, 0.5), (0.95, 0.999, 0.01)],
)
def test_intervals_of_predictive_values_hold_in_most_draws(
    sensitivity: float, specificity: float, prevalence: float
):
    generator = np.random.default_rng(0)
    draws, positives, negatives = 400, 60, 150
    truth = sensitivity * prevalence / (sensitivity * prevalence + (1 - specificity) * (1 - prevalence))
    held = 0
    for _ in range(draws):
        hits, passed = generator.binomial(positives, sensitivity), generator.binomial(negatives, specificity)
        value, low, high = operating_point.predictive_value(
            (int(hits), positives), (int(passed), negatives), prevalence
        )
        assert low <= value <= high
        held += low <= truth <= high
    assert held >= 0.93 * draws


def test_what_cannot_be_is_one_message():
    both = np.array([0, 1])
    with pytest.raises(
        UserError, match="positive: got 'sick'; expected one of the classes healthy, ill, unclear"
    ):
        operating_point.check(OperatingPointParams(positive="sick"), CLASSES, both)
    for actual in (np.array([0, 2]), np.array([1, 1])):
        with pytest.raises(UserError, match=rf"{(actual == 1).sum()} of 2 validation images are of 'ill'"):
            operating_point.check(point(), CLASSES, actual)
    operating_point.check(point(), CLASSES, both)
    operating_point.check(None, CLASSES, both)
