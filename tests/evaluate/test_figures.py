"""Scores, curves, calibration, threshold and groups, against fixed tables and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from darkroom import intervals
from darkroom.evaluate import calibration_curve, curves, generalization, scores
from darkroom.evaluate.group_accuracy import by_group
from darkroom.evaluate.stage import _at_threshold
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
    for k in (2, 3):
        if classes > k:
            expected = sk.top_k_accuracy_score(actual, probabilities, k=k, labels=range(classes))
            assert ours[f"top_{k}"] == pytest.approx(expected)
    assert ours["roc_auc"] == pytest.approx(
        sk.roc_auc_score(actual, probabilities[:, 1])
        if classes == 2
        else sk.roc_auc_score(actual, probabilities, multi_class="ovr", labels=range(classes))
    )
    assert ours["loss"] == pytest.approx(sk.log_loss(actual, probabilities, labels=range(classes)))
    assert ours["matthews"] == pytest.approx(sk.matthews_corrcoef(actual, predicted))
    assert (ours["accuracy_low"], ours["accuracy_high"]) == intervals.wilson(
        int((predicted == actual).sum()), 3000
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_figures_of_a_class_are_scikit_learns_of_it_against_the_rest(classes):
    actual, probabilities = draw(500, classes)
    predicted, names = probabilities.argmax(axis=1), list("abc")[:classes]
    ours = scores.by_class(actual, probabilities, names)
    assert len(ours) == 6 * classes
    for column, name in enumerate(names):
        positive, score = actual == column, probabilities[:, column]
        assert ours[f"support_{name}"] == positive.sum()
        for figure, expected in (
            ("precision", sk.precision_score(positive, predicted == column)),
            ("recall", sk.recall_score(positive, predicted == column)),
            ("f1", sk.f1_score(positive, predicted == column)),
            ("roc_auc", sk.roc_auc_score(positive, score)),
            ("average_precision", sk.average_precision_score(positive, score)),
        ):
            assert ours[f"{figure}_{name}"] == pytest.approx(expected), figure


def test_a_class_that_is_never_predicted_has_a_precision_of_zero():
    # b is never the likeliest: precision 0; a: 2 of 3, c: 1 of 1.
    probabilities = np.float32([[0.5, 0.4, 0.1], [0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7]])
    actual = np.array([0, 0, 1, 2])
    assert scores.by_class(actual, probabilities, list("abc"))["precision_b"] == 0
    assert scores.overall(actual, probabilities)["precision"] == pytest.approx((2 / 3 + 0 + 1) / 3)


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


@pytest.mark.parametrize("classes", [2, 3])
def test_curves_at_each_step_are_the_best_of_all_thresholds(classes):
    actual, probabilities = draw(60, classes)
    # Scores that many images share.
    probabilities = (probabilities * 20).round() / 20
    roc, recalls = (
        curve(actual, probabilities, list("abc")[:classes]) for curve in (curves.roc, curves.precision_recall)
    )
    steps = np.arange(101) / 100
    assert roc["false_positive_rate"].to_numpy() == pytest.approx(steps)
    assert recalls["recall"].to_numpy() == pytest.approx(steps)
    columns = range(classes) if classes > 2 else [1]
    assert list(roc)[1:] == [*("abc"[column] for column in columns), *["macro"] * (classes > 2)]
    for column in columns:
        positive, score = actual == column, probabilities[:, column]
        # The rates at each threshold, the strictest first: nothing is found.
        found = np.array(
            [
                [0, 0],
                *(
                    [(score[kind] >= at).sum() for kind in (~positive, positive)]
                    for at in sorted(set(score), reverse=True)
                ),
            ]
        )
        false, true = found[:, 0] / (~positive).sum(), found[:, 1] / positive.sum()
        precision = found[1:, 1] / found[1:].sum(axis=1)
        name = "abc"[column]
        for step, rate, best in zip(steps, roc[name], recalls[name], strict=True):
            last = np.flatnonzero(false <= step)[-1]
            slope = (true[last + 1] - true[last]) / (false[last + 1] - false[last]) if step < 1 else 0
            assert rate == pytest.approx(true[last] + slope * (step - false[last]))
            assert best == pytest.approx(precision[true[1:] >= step - 1e-9].max())
    if classes > 2:
        assert roc["macro"].to_numpy() == pytest.approx(roc[list("abc")].mean(axis=1).to_numpy())


def test_the_confusion_lists_the_pairs_that_occur_and_the_whole_diagonal():
    table = curves.confusion(np.array([0, 0, 0, 2, 2]), np.array([0, 0, 1, 0, 2]), ["x", "y", "z"])
    assert table.to_numpy().tolist() == [
        ["x", "x", 2],
        ["x", "y", 1],
        ["y", "y", 0],
        ["z", "x", 1],
        ["z", "z", 1],
    ]


def test_a_class_called_like_a_column_keeps_a_column_of_its_own():
    actual, probabilities = draw(100, 3)
    table = curves.precision_recall(actual, probabilities, ["macro", "recall", "x"])
    assert list(table) == ["recall", "class macro", "class recall", "x", "macro"]


def test_the_calibration_error_of_a_fixed_table():
    right = np.array([True, False, True, True])
    table = calibration_curve.reliability(right, np.float32([0.55, 0.55, 0.95, 1.0]), 10)
    assert table["images"].tolist() == [2, 2]
    assert table["accuracy"].tolist() == [0.5, 1.0]
    assert calibration_curve.expected_calibration_error(table) == pytest.approx(0.5 * 0.05 + 0.5 * 0.025)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1, width=32)), min_size=2, max_size=40))
def test_no_threshold_is_better_on_validation_than_the_chosen_one(images):
    actual = np.array([int(positive) for positive, _ in images])
    score = np.array([value for _, value in images], np.float32)
    chosen = best_threshold(actual == 1, score)
    rivals = np.linspace(0, 1, 201)
    best = max((actual == (score >= rival)).sum() for rival in rivals)
    assert (actual == (score >= chosen)).sum() >= best


def test_the_threshold_stays_at_one_half_where_nothing_is_better():
    assert best_threshold(np.array([0, 0, 1, 1], bool), np.float32([0.1, 0.2, 0.7, 0.9])) == 0.5
    assert best_threshold(np.array([0, 0, 1, 1], bool), np.float32([0.1, 0.6, 0.8, 0.9])) == pytest.approx(
        0.7
    )


@pytest.mark.parametrize(
    ("actual", "score", "expected"),
    [
        # Midway between 0 and the lowest score, and between the highest and 1.
        ([1, 1], [0.25, 0.375], 0.125),
        ([0, 0], [0.625, 0.75], 0.875),
        # At 0.3125 and at 0.75 three of four are right, at 0.5 two: the former is nearer to a half.
        ([0, 1, 0, 1], [0.25, 0.375, 0.625, 0.875], 0.3125),
        ([0, 1, 0, 1], [0.125, 0.375, 0.625, 0.75], 0.6875),
        # An image with the very score of the threshold is of class 1.
        ([1, 1], [0.5, 0.75], 0.5),
    ],
)
def test_the_threshold_is_the_nearest_to_one_half_of_the_best(actual, score, expected):
    assert best_threshold(np.array(actual, bool), np.float32(score)) == expected


def test_the_accuracy_at_the_threshold_of_validation_is_that_of_test():
    def two(scored):
        return np.column_stack([1 - np.float32(scored), np.float32(scored)])

    # On validation 0.6875 is best; of test an image with that very score is of class 1: three of four are right.
    validation = two([0.125, 0.375, 0.625, 0.75])
    got = _at_threshold(
        np.array([0, 1, 0, 1]), validation, np.array([1, 0, 1, 0]), two([0.6875, 0.5, 0.25, 0])
    )
    assert got == {"threshold": 0.6875, "accuracy_at_threshold": 0.75}
    # Of one class alone there is nothing to choose by, nor is there a threshold of three.
    assert _at_threshold(np.array([1, 1, 1, 1]), validation, np.array([1]), two([0.5])) == {}
    three = np.full((3, 3), 1 / 3, np.float32)
    assert _at_threshold(np.array([0, 1, 2]), three, np.array([0, 1, 2]), three) == {}


def test_groups_count_once_each_and_small_ones_are_never_the_worst():
    right = np.array([True] * 9 + [False] + [True] * 5 + [False] * 2)
    figures = by_group(right, ["a"] * 10 + ["b"] * 5 + ["c"] * 2)
    assert figures["group_accuracy"] == pytest.approx((0.9 + 1 + 0) / 3)
    assert figures["group_accuracy_worst"] == pytest.approx(0.9)
    assert figures["groups"] == 3
    assert by_group(right, [str(number) for number in range(17)]) == {}


def test_the_worst_group_has_five_images_or_more():
    # a: none of four right; b: two of five; c: five of six.
    right = np.array([False] * 4 + [True] * 2 + [False] * 3 + [True] * 5 + [False])
    figures = by_group(right, ["a"] * 4 + ["b"] * 5 + ["c"] * 6)
    assert figures["group_accuracy_worst"] == pytest.approx(2 / 5)


def test_the_interval_over_many_groups_is_the_normal_one_of_their_shares():
    # Pairs that are both right or both wrong: the accuracy of a resample is the mean of so many flags.
    bounds = []
    for groups in range(1000, 2001, 200):
        right = np.repeat(np.arange(groups) % 2 == 0, 2)
        figures = by_group(right, np.repeat(np.arange(groups), 2).astype(str).tolist())
        sides = (figures["accuracy_low_by_group"], figures["accuracy_high_by_group"])
        bounds.append([(side - 0.5) / np.sqrt(0.25 / groups) for side in sides])
    # A percentile of 2,000 draws is off by 0.06 or so, the mean of six by half of that; the 3.5th lies 0.15 away.
    assert np.mean(bounds, axis=0) == pytest.approx([-1.96, 1.96], abs=0.06)


def test_the_interval_of_a_difference_is_the_published_example():
    # Newcombe, Statistics in Medicine 17 (1998), table II, example (a), method 10.
    assert intervals.newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    low, high = intervals.newcombe(10, 10, 10, 10)
    assert (low, high) == (-high, high)
    assert high > 0.2


def test_training_images_are_drawn_evenly_and_their_gap_to_test_told():
    rows = np.arange(100, 200)
    assert list(generalization.sample(rows, 4)) == [100, 133, 166, 199]
    assert list(generalization.sample(rows, 100)) == list(rows)
    assert list(generalization.sample(rows, 0)) == []
    sure, half = np.tile([[0.9, 0.1]], (40, 1)), np.tile([[0.9, 0.1], [0.1, 0.9]], (20, 1))
    zeros = np.zeros(40, np.int64)
    figures = generalization.gap((zeros, sure), (zeros, half))
    low, high = intervals.newcombe(40, 40, 20, 40)
    assert figures == {
        "train_accuracy": 1.0,
        "train_images": 40,
        "train_gap": 0.5,
        "train_gap_low": low,
        "train_gap_high": high,
    }
    assert low > 0
    assert generalization.gap((zeros[:0], sure[:0]), (zeros, half)) == {}


def test_the_interval_over_groups_is_wider_than_wilsons_where_groups_err_together():
    right = np.repeat([True, True, True, False], 25)
    low, high = intervals.wilson(75, 100)
    figures = by_group(right, np.repeat(list("abcd"), 25).tolist())
    assert figures["accuracy_low_by_group"] < low
    assert figures["accuracy_high_by_group"] > high
