"""The metrics say how close the split came to the request."""

import numpy as np
import pytest

from darkroom.split import proportions


def test_the_metrics_of_a_small_split() -> None:
    parts = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    classes = np.array([0, 1, 0, 1, 0, 1, 0, 0])
    groups = np.array([0, 1, 1, 1, 4, 5, 0, 7])
    alike = np.array([0, 1, 1, 3, 4, 5, 0, 7])
    assert proportions.measure(parts, classes, groups, alike, (0.6, 0.2, 0.2)) == {
        "train": 4,
        "validation": 2,
        "test": 2,
        "groups": 2,
        "grouped_images": 5,
        "largest_group": 3,
        "leaked_images": 1,
        "near_duplicates_across_labels": 2,
        "balance_error": 0.375,  # test holds class 0 alone, whose share is 5 of 8
        "fraction_error": 0.1,
    }


def test_shares_are_given_to_six_decimals() -> None:
    # Two of three are in train, where a half was asked for; validation holds class 0 alone, which is two thirds of all.
    measured = proportions.measure(
        np.array([0, 0, 1]), np.array([0, 1, 0]), np.arange(3), np.arange(3), (0.5, 0.5, 0.0)
    )
    assert (measured["fraction_error"], measured["balance_error"]) == (0.166667, 0.333333)


def test_an_empty_part_does_not_count_against_the_balance() -> None:
    assert proportions.balance_error(np.array([0, 0, 2, 2]), np.array([0, 1, 0, 1])) == 0


def test_parts_that_came_with_the_source_have_no_fraction_to_miss() -> None:
    assert proportions.fraction_error(np.array([60, 20, 500]), (0.75, 0.25, 0.0)) == pytest.approx(0)
