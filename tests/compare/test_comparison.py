"""Two prediction tables are paired on their common images, and the verdict keeps its error rate."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from darkroom import UserError
from darkroom.compare.comparison import Discordant, compare

Table = Callable[..., pd.DataFrame]


def counts(
    table: Table, both: int, only_a: int, only_b: int, neither: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    a = [True] * (both + only_a) + [False] * (only_b + neither)
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return table(a), table(b)


def test_a_difference_that_is_told(table: Table) -> None:
    a, b = counts(table, 480, 4, 18, 100)
    got = compare(a, b)
    assert (got.images, got.a.right, got.b.right) == (602, 484, 498)
    assert got.difference == pytest.approx(14 / 602)
    assert got.better == "B"
    assert got.sentence.startswith("B is better: +2.3 points (")
    assert got.sentence.endswith("), p = 0.004")
    mirrored = compare(b, a)
    assert (mirrored.better, mirrored.difference) == ("A", -got.difference)
    assert mirrored.sentence.startswith("A is better: +2.3 points (")


def test_a_difference_that_cannot_be_told_says_what_it_would_take(table: Table) -> None:
    got = compare(*counts(table, 460, 40, 50, 52))
    assert got.better is None
    assert (
        got.sentence == "no difference can be told with 602 images; about 4,300 would be needed for this gap"
    )
    assert got.needed == pytest.approx(4250, abs=50)


def test_equal_counts_and_equal_answers_are_said_as_such(table: Table) -> None:
    assert compare(*counts(table, 90, 5, 5, 0)).sentence.endswith("A and B are right on equally many")
    same = compare(*counts(table, 90, 0, 0, 10))
    assert same.sentence == "A and B are right and wrong on the same images, all 100 of them"
    assert (same.low, same.high, same.p) == (
        pytest.approx(-0.037, abs=1e-4),
        pytest.approx(0.037, abs=1e-4),
        1,
    )


def test_the_order_of_rows_does_not_matter(table: Table) -> None:
    a, b = counts(table, 60, 9, 20, 11)
    assert compare(a.sample(frac=1, random_state=1), b.sample(frac=1, random_state=2)) == compare(a, b)


def test_discordant_images_and_classes_are_listed(table: Table) -> None:
    got = compare(table([True, False, True, True]), table([True, True, False, False]))
    assert got.only_b == (Discordant("000001.png", "b", "a", "b"),)
    assert [row.id for row in got.only_a] == ["000002.png", "000003.png"]
    assert [(row.label, row.images, row.a, row.b) for row in got.classes] == [
        ("a", 2, 1.0, 0.5),
        ("b", 2, 0.5, 0.5),
    ]


def test_discordant_images_come_from_each_class_in_turn(table: Table) -> None:
    got = compare(table([False] * 6), table([True, True, True, False, True, True]))
    assert [row.id[5] for row in got.only_b] == ["0", "1", "2", "5", "4"]


def test_only_common_images_with_one_true_label_are_compared(table: Table) -> None:
    a, b = table([True] * 10), table([True] * 10, first=4)
    b.loc[0, ["label", "predicted"]] = "b"
    got = compare(a, b)
    assert (got.images, got.images_a, got.images_b, got.relabelled) == (5, 10, 10, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda b: b.assign(id=b["id"] + "x"),
            r"no test image in common \(4 and 4 images, such as '000000\.png' and",
        ),
        (lambda b: b.rename(columns={"p_b": "p_c"}), r"only A 'b', only B 'c'"),
        (lambda b: b.drop(columns="predicted"), r"B: data/predictions/test\.csv has no column 'predicted'"),
        (lambda b: b.assign(id="x"), r"B: data/predictions/test\.csv names 'x' twice"),
        (lambda b: b.assign(label="z"), r"4 test images in common, and none of them has the same true label"),
        (lambda b: b.head(0), r"no test image in common \(4 and 0 images\)"),
    ],
)
def test_what_cannot_be_compared_is_one_message(
    table: Table, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        compare(table([True] * 4), change(table([True] * 4)))


def test_a_hundred_times_the_images_take_less_than_a_hundred_times_as_long(table: Table) -> None:
    rng = np.random.default_rng(0)
    seconds = []
    for images in (100, 10_000):
        a, b = (table((rng.random(images) < 0.9).tolist()) for _ in range(2))
        compare(a, b)
        start = time.perf_counter()
        compare(a, b)
        seconds.append(time.perf_counter() - start)
    assert seconds[1] < 100 * seconds[0]


@pytest.mark.slow
@pytest.mark.parametrize("images", [60, pytest.param(602, marks=pytest.mark.weekly)])
def test_equal_models_are_called_better_in_at_most_six_of_a_hundred(table: Table, images: int) -> None:
    rng = np.random.default_rng(2024)
    called = 0
    for _ in range(1000):
        hard = rng.random(images) < 0.3  # both models err where images are hard, each on its own draw
        a, b = (rng.random(images) < np.where(hard, 0.5, 0.95) for _ in range(2))
        called += compare(table(a.tolist()), table(b.tolist())).better is not None
    assert called <= 0.06 * 1000
    assert called > 0  # a verdict that is never given would hold its error rate too


def test_another_file_of_the_same_name_is_another_image(table: Table) -> None:
    a, b = (
        table(right).assign(sha256=hashes)
        for right, hashes in (([True, True, False], ["0", "1", ""]), ([True, False, True], ["0", "9", "2"]))
    )
    got = compare(a, b)
    assert (got.images, got.replaced, got.relabelled) == (2, 1, 0)
    with pytest.raises(
        UserError, match=r"3 test images of the same names, and none of them is the same file"
    ):
        compare(a.assign(sha256="0"), b.assign(sha256="1"))
