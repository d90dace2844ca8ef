"""Scores, curves, calibration, threshold and groups, against fixed tables and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from darkroom import intervals
from darkroom.evaluate import calibration, curves, scores
from darkroom.evaluate.group_accuracy import by_group
from darkroom.evaluate.threshold import best_threshold


def draw(images, classes, seed=0):
    generator = np.random.default_rng(seed)
    actual = generator.integers(classes, size=images)
    logits = generator.normal(size=(images, classes)) + 1.5 * np.eye(classes)[actual]
    probabilities = np.exp(logits)
    return actual, (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)


def test_wilson_bounds_are_those_of_the_published_formula():
    # n = 100, 95 right, z = 1.959964: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    assert intervals.wilson(95, 100) == pytest.approx((0.888248, 0.978457), abs=1e-5)
    low, high = intervals.wilson(10, 10)
    assert high == 1
    assert low == pytest.approx(0.722467, abs=1e-5)


@pytest.mark.parametrize("classes", [2, 3, 100])
def test_macro_figures_are_scikit_learns(classes):
    actual, probabilities = draw(3000, classes)
    predicted = probabilities.argmax(axis=1)
    ours = scores.overall(actual, probabilities)
    assert ours["precision"] == pytest.approx(sk.precision_score(actual, predicted, average="macro"))
    assert ours["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(actual, predicted))
    expected = sk.average_precision_score(np.eye(classes)[actual], probabilities, average="macro")
    assert ours["average_precision"] == pytest.approx(expected)
    assert ("top_2" in ours, "top_3" in ours) == (classes > 2, classes > 3)


def test_a_class_absent_from_test_has_a_support_of_zero_and_counts_in_no_average():
    actual, probabilities = draw(300, 3)
    actual[actual == 2] = 0
    ours = scores.by_class(actual, probabilities, ["a", "b", "c"])
    assert ours["support_c"] == 0
    assert not [name for name in ours if name.endswith("_c") and name != "support_c"]
    assert scores.overall(actual, probabilities)["recall"] == pytest.approx(
        np.mean([ours["recall_a"], ours["recall_b"]])
    )
    assert list(curves.roc(actual, probabilities, ["a", "b", "c"])) == [
        "false_positive_rate",
        "a",
        "b",
        "macro",
    ]


def test_one_class_alone_in_test_leaves_areas_and_kappa_undefined():
    ours = scores.overall(np.zeros(4, int), np.tile(np.float32([0.9, 0.1]), (4, 1)))
    assert ours["accuracy"] == 1
    assert np.isnan([ours["roc_auc"], ours["average_precision"], ours["cohen_kappa"], ours["matthews"]]).all()


def test_the_area_under_the_gridded_roc_is_close_to_the_exact_one():
    actual, probabilities = draw(2000, 4)
    table = curves.roc(actual, probabilities, list("abcd"))
    for column, name in enumerate("abcd"):
        exact = sk.roc_auc_score(actual == column, probabilities[:, column])
        assert sk.auc(table["false_positive_rate"], table[name]) == pytest.approx(exact, abs=3e-3)


def test_precision_at_a_recall_is_the_best_that_reaches_it():
    actual, scored = np.array([1, 0, 1, 1, 0]), np.float32([0.9, 0.8, 0.7, 0.6, 0.1])
    table = curves.precision_recall(actual, np.column_stack([1 - scored, scored]), ["no", "yes"])
    at = dict(zip(table["recall"].round(2), table["yes"], strict=True))
    assert (at[0.0], at[0.33], at[0.34], at[1.0]) == (1.0, 1.0, 0.75, 0.75)


def test_a_class_called_like_a_column_keeps_a_column_of_its_own():
    actual, probabilities = draw(100, 3)
    table = curves.precision_recall(actual, probabilities, ["macro", "recall", "x"])
    assert list(table) == ["recall", "class macro", "class recall", "x", "macro"]


def test_the_calibration_error_of_a_fixed_table():
    right = np.array([True, False, True, True])
    table = calibration.reliability(right, np.float32([0.55, 0.55, 0.95, 1.0]), 10)
    assert table["images"].tolist() == [2, 2]
    assert table["accuracy"].tolist() == [0.5, 1.0]
    assert calibration.expected_calibration_error(table) == pytest.approx(0.5 * 0.05 + 0.5 * 0.025)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1, width=32)), min_size=2, max_size=40))
def test_no_threshold_is_better_on_validation_than_the_chosen_one(images):
    actual = np.array([int(positive) for positive, _ in images])
    score = np.array([value for _, value in images], np.float32)
    chosen = best_threshold(actual, score)
    rivals = np.linspace(0, 1, 201)
    best = max((actual == (score >= rival)).sum() for rival in rivals)
    assert (actual == (score >= chosen)).sum() >= best


def test_the_threshold_stays_at_one_half_where_nothing_is_better():
    assert best_threshold(np.array([0, 0, 1, 1]), np.float32([0.1, 0.2, 0.7, 0.9])) == 0.5
    assert best_threshold(np.array([0, 0, 1, 1]), np.float32([0.1, 0.6, 0.8, 0.9])) == pytest.approx(0.7)


def test_groups_count_once_each_and_small_ones_are_never_the_worst():
    right = np.array([True] * 9 + [False] + [True] * 5 + [False] * 2)
    figures = by_group(right, ["a"] * 10 + ["b"] * 5 + ["c"] * 2)
    assert figures["group_accuracy"] == pytest.approx((0.9 + 1 + 0) / 3)
    assert figures["group_accuracy_worst"] == pytest.approx(0.9)
    assert by_group(right, [str(number) for number in range(17)]) == {}


def test_the_interval_over_groups_is_wider_than_wilsons_where_groups_err_together():
    right = np.repeat([True, True, True, False], 25)
    low, high = intervals.wilson(75, 100)
    figures = by_group(right, np.repeat(list("abcd"), 25).tolist())
    assert figures["accuracy_low_by_group"] < low
    assert figures["accuracy_high_by_group"] > high
