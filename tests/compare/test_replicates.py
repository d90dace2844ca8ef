"""Groups of runs are compared in pairs or apart, and equal groups are seldom called different."""

import numpy as np
import pytest

from darkroom import UserError
from darkroom.compare import replicates

A, B = [0.81, 0.84, 0.79, 0.83, 0.85], [0.86, 0.88, 0.84, 0.88, 0.91]


def test_pairs_tell_more_than_groups_apart() -> None:
    rows = {"accuracy": A, "loss": [0.3] * 5}, {"accuracy": B, "loss": [0.2] * 5}
    paired, apart = (replicates.compare(*rows, same_seeds) for same_seeds in (True, False))
    assert paired.metrics[0][3].p < apart.metrics[0][3].p
    assert paired.sentence.startswith("B is better: +5.0 points (")
    assert paired.sentence.endswith("5 and 5 runs, paired by seed")
    assert [row[0] for row in apart.metrics] == ["accuracy", "loss"]


def test_what_cannot_be_told_says_how_many_runs_it_would_take() -> None:
    rows = {"accuracy": A}, {"accuracy": [0.80, 0.86, 0.80, 0.83, 0.84]}
    assert replicates.compare(*rows, False).sentence.startswith(
        "no difference can be told with 5 and 5 runs (Welch's t-test); about "
    )


@pytest.mark.parametrize(
    ("a", "message"),
    [({"accuracy": [0.5]}, "A is a group of one run"), ({"loss": [0.5, 0.6]}, "no 'accuracy' in every run")],
)
def test_what_is_no_group_is_one_message(a: dict[str, list[float]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        replicates.compare(a, {"accuracy": B}, False)


@pytest.mark.parametrize("same_seeds", [True, False])
def test_equal_groups_are_called_different_in_at_most_six_of_a_hundred(same_seeds: bool) -> None:
    rng = np.random.default_rng(5)
    called = sum(
        "is better"
        in replicates.compare(
            {"accuracy": rng.normal(0.8, 0.02, 5)}, {"accuracy": rng.normal(0.8, 0.02, 5)}, same_seeds
        ).sentence
        for _ in range(2000)
    )
    assert 0 < called <= 0.06 * 2000
