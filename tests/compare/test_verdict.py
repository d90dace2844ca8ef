"""Numbers are set as a reader expects them."""

import pytest

from darkroom.compare import verdict


@pytest.mark.parametrize(
    ("count", "text"),
    [(7, "7"), (23, "23"), (101, "110"), (2381, "2,400"), (2400, "2,400"), (99_500, "100,000")],
)
def test_about_rounds_up_to_two_digits(count: int, text: str) -> None:
    assert verdict.about(count) == text


@pytest.mark.parametrize(
    ("difference", "text"),
    [(0.021, "+2.1"), (-0.021, "-2.1"), (0.0004, "+0.04"), (0.0, "+0.0"), (0.001, "+0.1")],
)
def test_points_keep_a_digit_that_says_something(difference: float, text: str) -> None:
    assert verdict.points(difference, sign=True) == text


def test_a_better_a_is_seen_from_a() -> None:
    expected = "A is better: +2.1 points (0.6 to 3.6), p = 0.007"
    assert verdict.decided("A", -0.021, -0.036, -0.006, 0.0068) == expected
    assert verdict.decided("B", 0.021, 0.006, 0.036, 0.0002).endswith("p < 0.001")
