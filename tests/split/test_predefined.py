"""A split that came with the source is kept, repaired or ignored, and what it leaks is counted."""

import numpy as np

from darkroom.split import predefined

CAME = ["train", "train", "validation", "test", "test", ""]
GROUPS = np.array([0, 1, 0, 1, 4, 5])


def test_what_came_stays_and_the_rest_is_train() -> None:
    assert predefined.kept(CAME, GROUPS, "keep").tolist() == [0, 0, 1, 2, 2, 0]


def test_a_missing_part_is_yet_to_be_drawn_from_the_rest() -> None:
    came = ["train", "", "test"]
    assert predefined.kept(came, np.arange(3), "keep").tolist() == [-1, -1, 2]


def test_ignoring_pools_everything() -> None:
    assert predefined.kept(CAME, GROUPS, "ignore").tolist() == [-1] * 6


def test_repair_moves_whole_groups_to_train_and_draws_what_that_empties() -> None:
    # The validation image shares a group with train, so no validation is left: it is drawn from the rest.
    assert predefined.kept(CAME, GROUPS, "repair").tolist() == [-1, -1, -1, -1, 2, -1]
    assert predefined.kept(
        ["validation", "test", "validation", "test"], np.array([0, 0, 2, 3]), "repair"
    ).tolist() == [
        0,
        0,
        1,
        2,
    ]


def test_fractions_of_what_came_are_left_out_and_the_others_scaled() -> None:
    fractions = (0.6, 0.2, 0.2)
    assert predefined.rescaled(fractions, np.array([-1, 2])) == (0.6 / 0.8, 0.2 / 0.8, 0)
    assert predefined.rescaled(fractions, np.array([-1, 1])) == (0.6 / 0.8, 0, 0.2 / 0.8)
    assert predefined.rescaled(fractions, np.array([0, 1, 2])) == (1, 0, 0)
    assert predefined.rescaled(fractions, np.array([-1])) == fractions


def test_leaks_are_counted_in_validation_and_test() -> None:
    parts = np.array([0, 1, 2, 2, 1, 2])
    assert predefined.leaked(parts, np.array([0, 0, 0, 3, 4, 4])) == 4  # the last two, one from the other


def test_twins_of_what_came_are_not_drawn_into_what_is_missing() -> None:
    came, groups = ["train"] * 4 + ["test"] * 2, np.array([0, 1, 2, 2, 0, 5])
    assert predefined.kept(came, groups, "keep").tolist() == [0, -1, -1, -1, 2, 2]
