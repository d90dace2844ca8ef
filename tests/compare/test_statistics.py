"""The statistics agree with scipy on fixed tables and hold what they promise."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom import intervals
from darkroom.compare import statistics

TABLES = [(0, 0), (0, 1), (1, 0), (5, 5), (12, 2), (2, 12), (101, 59), (33, 57), (400, 401), (3000, 2800)]


@pytest.mark.parametrize(("only_a", "only_b"), TABLES)
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    expected = scipy.stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert statistics.mcnemar(only_a, only_b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (121, 59, 0.000004),
        (70, 59, 0.378688),
        (80, 59, 0.089452),
        (30, 60, 0.00206),
        (10, 30, 0.002221),
        (10, 10, 1.0),
    ],
)
def test_mcnemar_is_statsmodels(only_a: int, only_b: int, p: float) -> None:
    # The values that statsmodels' own tests hold its `mcnemar(exact=True)` to, from VassarStats' calculator.
    assert statistics.mcnemar(only_a, only_b) == pytest.approx(p, abs=5e-7)


def test_mcnemar_gives_the_published_value() -> None:
    # Armitage and Berry (1994), p. 127: 12 and 2 discordant pairs; exact two-sided P = 0.0129.
    assert statistics.mcnemar(12, 2) == pytest.approx(0.0129, abs=5e-5)


@pytest.mark.parametrize(("right", "images"), [(0, 5), (5, 5), (1, 3), (507, 602), (9999, 10000)])
def test_wilson_is_scipys(right: int, images: int) -> None:
    expected = scipy.stats.binomtest(right, images).proportion_ci(method="wilson")
    assert intervals.wilson(right, images) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("only_a", "only_b", "images", "low", "high"),
    [
        # Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014): airways before and after a transplantation.
        (7, 1, 21, -0.517, -0.026),
        # None discordant: what is left of the score is Wilson's for none of 256, z² / (n + z²).
        (0, 0, 256, -0.014784, 0.014784),
    ],
)
def test_the_paired_interval_is_the_published_one(
    only_a: int, only_b: int, images: int, low: float, high: float
) -> None:
    assert statistics.paired_interval(only_a, only_b, images) == pytest.approx((low, high), abs=5e-4)


@pytest.mark.parametrize(
    ("only_a", "only_b", "images"), [(20, 41, 602), (101, 59, 1600), (3, 9, 60), (0, 4, 9)]
)
def test_at_the_ends_of_the_paired_interval_the_score_is_just_not_rejected(
    only_a: int, only_b: int, images: int
) -> None:
    for end in statistics.paired_interval(only_a, only_b, images):
        # The likelihood itself, maximized over the share that only A gets right.
        def misfit(only: float, end: float = end) -> float:
            other = only + end
            counts, shares = (only_a, only_b, images - only_a - only_b), (only, other, 1 - only - other)
            return -sum(
                scipy.special.xlogy(count, max(share, 1e-300))
                for count, share in zip(counts, shares, strict=True)
            )

        found = scipy.optimize.minimize_scalar(
            misfit, bounds=(max(0, -end), (1 - end) / 2), options={"xatol": 1e-12}
        )
        variance = images * (2 * found.x + end - end**2)
        assert abs(only_b - only_a - images * end) / np.sqrt(variance) == pytest.approx(intervals.Z, rel=1e-4)


def test_the_paired_interval_of_many_images_is_the_normal_one() -> None:
    # Each of 20,000 images adds -1, 0 or 1 with the mean 1/8 and the variance 1/2 - 1/64.
    low, high = statistics.paired_interval(3750, 6250, 20_000)
    error = np.sqrt((1 / 2 - 1 / 64) / 20_000)
    assert [(low - 1 / 8) / error, (high - 1 / 8) / error] == pytest.approx([-1.96, 1.96], abs=0.01)


def test_connors_sample_size_is_the_published_calculators() -> None:
    # The discordant shares 0.45 and 0.05 at alpha 0.05 and power 0.8 take 23 pairs.
    assert statistics.images_needed(45, 5, 100) == 23
    assert statistics.images_needed(5, 45, 100) == 23
    assert statistics.images_needed(7, 7, 100) is None


def test_the_images_needed_tell_the_difference_four_times_of_five() -> None:
    needed = statistics.images_needed(30, 50, 1000)
    assert needed is not None
    rng = np.random.default_rng(0)
    draws = rng.multinomial(needed, [0.03, 0.05, 0.92], size=2000)
    told = np.mean([statistics.mcnemar(int(a), int(b)) < 0.05 for a, b, _ in draws])
    assert 0.76 < told < 0.84  # the exact test is a little weaker than the formula's


A, B = [0.81, 0.84, 0.79, 0.83, 0.85], [0.86, 0.85, 0.83, 0.88, 0.86]


def test_welch_is_scipys() -> None:
    expected = scipy.stats.ttest_ind(B, A, equal_var=False)
    interval = expected.confidence_interval()
    got = statistics.welch(A, B)
    assert (got.p, got.low, got.high) == pytest.approx((expected.pvalue, interval.low, interval.high))


@pytest.mark.parametrize(("first", "second"), [(A[:2], B), (A, B[1:4]), ([0.5, 0.75, 0.5, 0.25], B)])
def test_groups_of_other_sizes_and_spreads_have_welchs_degrees_of_freedom(
    first: list[float], second: list[float]
) -> None:
    expected = scipy.stats.ttest_ind(second, first, equal_var=False)
    interval = expected.confidence_interval()
    got = statistics.welch(first, second)
    assert (got.p, got.low, got.high) == pytest.approx((expected.pvalue, interval.low, interval.high))
    assert got.mean == pytest.approx(np.mean(second) - np.mean(first))


def test_the_runs_needed_are_those_of_the_normal_approximation() -> None:
    # (1.96 + 0.8416)² = 7.849 times the variance over the gap squared. Gaps of 2, 4 and 9: mean 5, variance 13: 4.08.
    assert statistics.paired([0, 0, 0], [2, 4, 9]).runs_needed == 5
    # Variances 13 and 1, means 5 and 2 apart by 3: 7.849 * 14 / 9 = 12.2.
    assert statistics.welch([1, 2, 3], [2, 4, 9]).runs_needed == 13


def test_paired_is_scipys() -> None:
    expected = scipy.stats.ttest_rel(B, A)
    interval = expected.confidence_interval()
    got = statistics.paired(A, B)
    assert (got.p, got.low, got.high) == pytest.approx((expected.pvalue, interval.low, interval.high))
    assert got.runs_needed is not None


def test_spread_is_students_interval() -> None:
    got = statistics.spread(A)
    expected = scipy.stats.t.interval(0.95, 4, loc=np.mean(A), scale=scipy.stats.sem(A))
    assert (got.low, got.high) == pytest.approx(expected)
    assert (got.runs, got.sd) == (5, pytest.approx(np.std(A, ddof=1)))


@pytest.mark.parametrize("test", [statistics.paired, statistics.welch])
def test_runs_without_spread_are_equal_or_they_are_not(test: type) -> None:
    same, other = test([0.1] * 3, [0.1] * 3), test([0.1] * 3, [0.2] * 3)
    assert (same.p, same.mean, same.runs_needed) == (1, 0, None)
    assert (other.p, other.low) == (0, pytest.approx(0.1))


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 3000))
def test_swapping_the_two_mirrors_everything(only_a: int, only_b: int, both: int) -> None:
    images = only_a + only_b + both
    assert statistics.mcnemar(only_a, only_b) == statistics.mcnemar(only_b, only_a)
    assert 0 <= statistics.mcnemar(only_a, only_b) <= 1
    low, high = statistics.paired_interval(only_a, only_b, images)
    assert -1 <= low <= (only_b - only_a) / images <= high <= 1
    assert statistics.paired_interval(only_b, only_a, images) == (-high, -low)
