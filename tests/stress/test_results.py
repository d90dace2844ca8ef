"""What is said of counts: the first to cost accuracy, figures as metrics and as a table."""

import pytest

from darkroom.compare.statistics import paired_interval
from darkroom.stress.kinds import KINDS, Kind, named
from darkroom.stress.level import COLUMNS, Level
from darkroom.stress.results import Stress

NAMED = {kind.name: kind for kind in KINDS}


def levels(kind: Kind, *lost: int) -> list[Level]:
    """Return severities at which so many of 100 images are lost; 90 are right as they are, one more is won."""
    return [
        Level(100, 91 - some, some, 1, severity=number, amount=amount)
        for number, (amount, some) in enumerate(zip(kind.amounts, lost, strict=True), 1)
    ]


def stress(**lost: tuple[int, ...]) -> Stress:
    return Stress(100, 90, 400, {NAMED[name]: levels(NAMED[name], *some) for name, some in lost.items()})


def test_the_mildest_that_measurably_costs_is_named_and_of_two_the_dearer() -> None:
    result = stress(
        gaussian_noise=(1, 1, 2, 30, 60),
        jpeg=(1, 2, 15, 16, 20),
        scale=(1, 3, 20, 21, 22),
        pgd=(50, 90, 90, 90, 90),
    )
    low, high = (f"{100 * end:.1f}" for end in paired_interval(20, 1, 100))
    assert result.headline == "First to cost accuracy: scale, PGD"
    assert result.sentence.startswith(
        "First to cost accuracy: of disturbances scale at 1.35 (factor, larger or smaller), 0.710 right, "
        f"-19.0 points ({low} to {high}); of attacks PGD at 1 (epsilon, grey levels), 0.410 right, -49.0 points ("
    )


def test_where_nothing_can_be_told_it_says_so() -> None:
    result = stress(jpeg=(0, 1, 2, 3, 4))
    assert result.headline == "First to cost accuracy: nothing, as far as these images tell"
    assert result.sentence == "First to cost accuracy: of disturbances none, as far as these images tell"


def test_figures_are_metrics_by_kind_and_severity() -> None:
    content = stress(jpeg=(0, 1, 2, 3, 4)).to_json()
    assert content["images"] == 100
    assert content["clean"]["accuracy"] == 0.9
    assert list(content["jpeg"]) == ["mean_accuracy", "1", "2", "3", "4", "5"]
    assert content["jpeg"]["mean_accuracy"] == pytest.approx(0.89)
    assert content["jpeg"]["5"]["accuracy"] == 0.87
    assert content["jpeg"]["5"]["difference"] == -0.03
    assert list(content["jpeg"]["5"]) == list(COLUMNS[5:])


def test_the_table_begins_each_kind_with_the_images_as_they_are() -> None:
    rows = list(stress(jpeg=(0, 1, 2, 3, 4), fgsm=(1, 2, 3, 4, 5)).rows())
    assert len(rows) == 12
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert [row[:3] for row in rows[5:8]] == [["jpeg", 5, "5"], ["fgsm", 0, ""], ["fgsm", 1, "1"]]
    assert (rows[6][5], rows[6][8:]) == (0.9, [0.0, 0.0, 0.0])


def test_kinds_are_chosen_by_name_in_their_own_order() -> None:
    assert [kind.name for kind in named(["pgd", "jpeg"])] == ["jpeg", "pgd"]
    assert named([]) == list(KINDS)
    assert {len(kind.amounts) for kind in KINDS} == {5}
