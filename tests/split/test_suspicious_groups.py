"""Groups of look-alikes that may be wrong are named with their pictures, the largest first."""

import numpy as np
import pytest

from darkroom.split import suspicious_groups

IDS = [f"{row}.png" for row in range(2000)]


def test_small_groups_of_one_label_are_no_news() -> None:
    alike = np.arange(2000)
    alike[1:10] = 0
    assert suspicious_groups.warnings(IDS, ["a"] * 2000, alike) == []


def test_a_group_over_a_hundredth_of_its_class_is_named() -> None:
    alike = np.arange(2000)
    alike[100:125] = 100
    labels = ["a"] * 1000 + ["b"] * 1000
    (warning,) = suspicious_groups.warnings(IDS, labels, alike)
    assert warning.startswith(
        "25 images look alike and stay in one part: 100.png, 101.png, 102.png and 22 more;"
    )
    assert "split.near_duplicates" in warning
    alike = np.arange(2000)
    alike[100:120] = 100
    assert suspicious_groups.warnings(IDS, ["a"] * 2000, alike) == []


@pytest.mark.parametrize(("members", "named"), [(10, 0), (11, 1)])
def test_in_a_small_class_more_than_ten_are_named(members: int, named: int) -> None:
    alike = np.arange(50)
    alike[:members] = 0
    assert len(suspicious_groups.warnings(IDS[:50], ["a"] * 50, alike)) == named


def test_groups_of_several_labels_are_named_and_the_others_counted() -> None:
    alike = np.arange(2000) // 2 * 2
    labels = ["a", "b"] * 5 + ["a"] * 1990
    alike[4] = alike[5] = 0
    warnings = suspicious_groups.warnings(IDS, labels, alike)
    assert warnings[0].startswith(
        "4 images look alike under several labels: 0.png, 1.png, 4.png and 1 more; "
    )
    assert warnings[1].startswith("2 images look alike under several labels: 2.png, 3.png; ")
    assert warnings[3].startswith("1 more groups look alike under several labels")
