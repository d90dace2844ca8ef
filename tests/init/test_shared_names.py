"""File names that may tell patients are told; those that tell classes, cameras or nothing are not."""

import re

import pytest

from darkroom.init.shared_names import PATTERN, warning

CELLS = [
    f"cells/{label}/C{patient}P_IMG_{number}.png"
    for label in "ab"
    for patient in range(6)
    for number in range(4)
]


def labels(ids: list[str]) -> list[str]:
    return [id.split("/")[1] for id in ids]


def test_names_that_begin_alike_are_told_with_the_pattern_that_groups_them():
    (said,) = warning(CELLS, labels(CELLS))
    assert "the names of 48 pictures begin alike in 6 ways, 8 of them with C5P" in said
    pattern = re.search(r"split.group_by: '(.+)', or", said)[1]
    assert pattern == PATTERN
    assert {re.search(pattern, id)[1] for id in CELLS} == {f"C{patient}P" for patient in range(6)}


@pytest.mark.parametrize(
    "ids",
    [
        [f"d/{label}/IMG_{number}.jpg" for label in "ab" for number in range(40)],
        [f"d/{label}/{label}7_{number}.jpg" for label in ("x", "y") for number in range(40)],
        [f"d/{label}/{1000000 + number // 2}_{number}.jpg" for label in "ab" for number in range(40)],
        [f"d/{label}/p{number}_1.jpg" for label in "a" for number in range(40)],
        [f"d/{label}/{number}.jpg" for label in "ab" for number in range(40)],
    ],
    ids=["camera", "class", "numbers of a site", "each once", "no separator"],
)
def test_other_names_are_not(ids):
    assert warning(ids, labels(ids)) == []
