"""Quotas hold, no group is parted, and who goes where depends on the seed and hardly on the others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.split import assignment

FRACTIONS = (0.7, 0.1, 0.2)


def alone(count: int, seed: int = 0, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return the strata of images that each stand alone, and their draws."""
    return np.arange(count) % classes, assignment.draws(seed, (f"{row}.png" for row in range(count)))


@st.composite
def grouped(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw strata, groups named by their first member, and the groups' draws."""
    count = draw(st.integers(6, 120))
    strata = np.array(draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)))
    _, strata = np.unique(strata, return_inverse=True)
    names = draw(st.lists(st.integers(0, count // 2), min_size=count, max_size=count))
    _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    groups = first[inverse]
    drawn = assignment.draws(draw(st.integers(0, 1000)), [str(row) for row in groups])
    return strata, groups, drawn


def test_draws_depend_on_seed_and_name_alone() -> None:
    first = assignment.draws(0, ["a", "b", "c"])
    assert assignment.draws(0, ["c", "a"]).tolist() == [first[2], first[0]]
    assert (assignment.draws(1, ["a", "b", "c"]) != first).all()
    # The same on every machine.
    assert first.tolist() == [
        0.7417194198289921,
        0.38296226762766417,
        0.3010089156040856,
    ]


def test_draws_are_even() -> None:
    drawn = assignment.draws(0, (str(row) for row in range(10_000)))
    counts = np.histogram(drawn, bins=10, range=(0, 1))[0]
    assert abs(counts - 1000).max() < 130  # more than four standard deviations


@pytest.mark.parametrize(
    ("count", "fractions", "expected"),
    [
        (10, FRACTIONS, [7, 1, 2]),
        (3670, (0.8, 0.2, 0.0), [2936, 734, 0]),
        (100, (0.57, 0.29, 0.14), [57, 29, 14]),  # 0.57 * 100 is 56.99999999999999
        (5, FRACTIONS, [3, 1, 1]),
        (3, (0.98, 0.01, 0.01), [1, 1, 1]),
        (2, FRACTIONS, [1, 0, 1]),
        (0, FRACTIONS, [0, 0, 0]),
    ],
)
def test_quotas_are_whole_and_leave_no_part_empty(
    count: int, fractions: tuple[float, ...], expected: list[int]
) -> None:
    assert assignment.quotas(count, fractions).tolist() == expected


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10_000), st.tuples(*[st.floats(0.01, 1)] * 3))
def test_quotas_are_within_one_of_the_exact_share(count: int, weights: tuple[float, float, float]) -> None:
    shares = np.array(weights) / sum(weights)
    got = assignment.quotas(count, weights)
    assert got.sum() == count
    if (count * shares >= 1).all():
        assert (abs(got - count * shares) < 1 + 1e-6).all()


def test_images_that_stand_alone_meet_every_quota_to_the_image() -> None:
    strata, drawn = alone(1001)
    parts = assignment.assign(strata, np.arange(1001), drawn, FRACTIONS)
    for stratum in range(3):
        counts = np.bincount(parts[strata == stratum], minlength=3)
        assert counts.tolist() == assignment.quotas((strata == stratum).sum(), FRACTIONS).tolist()


@settings(derandomize=True, deadline=None)
@given(grouped())
def test_no_group_is_parted(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    strata, groups, drawn = case
    parts = assignment.assign(strata, groups, drawn, FRACTIONS)
    assert (parts >= 0).all()
    assert (parts == parts[groups]).all()


@settings(derandomize=True, deadline=None)
@given(grouped())
def test_cover_parts_no_group_and_leaves_nothing_asked_for_empty(
    case: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    strata, groups, drawn = case
    parts = assignment.assign(strata, groups, drawn, FRACTIONS)
    stuck = assignment.cover(parts, strata, groups, drawn, [0, 1, 2])
    assert (parts == parts[groups]).all()
    table = np.zeros((strata.max() + 1, 3), int)
    np.add.at(table, (strata, parts), 1)
    assert (table > 0).all() or (stuck is not None and table[stuck] == 0)


def told_plainly(
    strata: np.ndarray, groups: np.ndarray, drawn: np.ndarray, fractions: tuple[float, ...]
) -> np.ndarray:
    """Assign as the docstrings say, a group at a time; what a move is worth is seen by making it."""
    total = np.bincount(strata)
    missing = np.array([assignment.quotas(count, fractions) for count in total])
    members = {first: np.flatnonzero(groups == first) for first in np.unique(groups).tolist()}
    several = [first for first, rows in members.items() if len(rows) > 1]
    several.sort(key=lambda first: (-len(members[first]).bit_length(), drawn[first], first))
    parts = np.full(len(strata), -1)
    for first in several:
        counts = np.bincount(strata[members[first]], minlength=len(total))
        edges = np.cumsum([fractions[assignment.TEST], fractions[assignment.VALIDATION]])
        part = 2 - int(np.searchsorted(edges, drawn[first], side="right"))
        if ((counts > missing[:, part]) & (counts > 0)).any():
            part = int(np.argmax([(counts / total * missing[:, other]).sum() for other in range(3)]))
        parts[members[first]] = part
        missing[:, part] -= counts
    for stratum in range(len(total)):
        alone = sorted(np.flatnonzero((strata == stratum) & (parts == -1)), key=lambda row: drawn[row])
        room = missing[stratum].clip(0)
        if room.sum() != len(alone):
            room = assignment.quotas(len(alone), room) if room.any() else np.array([len(alone), 0, 0])
        for part in (assignment.TEST, assignment.VALIDATION, assignment.TRAIN):
            parts[alone[: room[part]]] = part
            alone = alone[room[part] :]
        missing[stratum] -= room

    def unevenness(left: np.ndarray) -> float:
        return float(((left / total[:, None]) ** 2).sum())

    before = np.inf
    while 0 < abs(missing).sum() < 0.9 * before:
        before = abs(missing).sum()
        for first in several:
            counts = np.bincount(strata[members[first]], minlength=len(total))
            moved = {}
            for part in np.flatnonzero(fractions):
                left = missing.copy()
                left[:, parts[first]] += counts
                left[:, part] -= counts
                moved[part] = left
            best = min(moved, key=lambda part: unevenness(moved[part]))
            if unevenness(moved[best]) < unevenness(missing) - 1e-12:
                parts[members[first]] = best
                missing = moved[best]
    return parts


@pytest.mark.parametrize("fractions", [FRACTIONS, (0.6, 0.4, 0.0), (0.5, 0.0, 0.5)])
@pytest.mark.parametrize("seed", range(8))
def test_assign_does_what_its_docstring_says(seed: int, fractions: tuple[float, ...]) -> None:
    rng = np.random.default_rng(seed)
    # Some images alone, or none; groups of up to thirteen, mostly of one stratum.
    sizes = rng.permutation([*rng.integers(2, 14, 25), *[1] * (0, 20, 90)[seed % 3]])
    groups = np.repeat(np.cumsum(sizes) - sizes, sizes)
    strata = np.repeat(rng.integers(0, 3, len(sizes)), sizes)
    strata = np.where(rng.random(len(strata)) < 0.2, rng.integers(0, 3, len(strata)), strata)
    drawn = rng.random(len(strata))[groups]
    got = assignment.assign(strata, groups, drawn, fractions)
    assert got.tolist() == told_plainly(strata, groups, drawn, fractions).tolist()


def test_cover_moves_the_smallest_group_of_the_lowest_draw_and_no_more() -> None:
    groups = np.array([0, 0, 0, 3, 3, 5, 6, 7])
    drawn = np.array([0.1, 0.1, 0.1, 0.2, 0.2, 0.9, 0.5, 0.7])
    parts, strata = np.zeros(8, int), np.zeros(8, int)
    assert assignment.cover(parts, strata, groups, drawn, [0, 2]) is None
    assert parts.tolist() == [0, 0, 0, 0, 0, 0, 2, 0]


def test_cover_takes_no_last_image_and_says_what_it_could_not_fill() -> None:
    # Row 0 is alone in train, so that one of the others goes to test, though its draw is the lowest.
    parts, drawn = np.array([0, 1, 1]), np.array([0.1, 0.3, 0.2])
    assert assignment.cover(parts, np.zeros(3, int), np.arange(3), drawn, [0, 1, 2]) is None
    assert parts.tolist() == [0, 1, 2]
    # Of the second stratum there is one group, and of the first there are two.
    parts, strata, groups = np.array([0, 0, 0, 0]), np.array([0, 0, 1, 1]), np.array([0, 1, 2, 2])
    assert assignment.cover(parts, strata, groups, np.zeros(4), [0, 2]) == (1, 2)
    assert parts.tolist() == [2, 0, 0, 0]


def test_groups_of_one_class_leave_the_quotas_by_less_than_a_group() -> None:
    groups = np.arange(3000) // 10 * 10
    parts = assignment.assign(
        np.zeros(3000, int), groups, assignment.draws(0, (str(row) for row in groups)), FRACTIONS
    )
    assert (abs(np.bincount(parts) - [2100, 300, 600]) < 10).all()


def test_patients_of_all_sizes_with_both_classes_keep_the_balance() -> None:
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(200), rng.integers(20, 260, 200))
    strata = (rng.random(len(patient)) < rng.beta(1, 1, 200)[patient]).astype(int)
    first = np.flatnonzero(np.diff(patient, prepend=-1))[patient]
    parts = assignment.assign(strata, first, assignment.draws(0, (str(row) for row in first)), FRACTIONS)
    shares = np.bincount(parts) / len(parts)
    assert abs(shares - FRACTIONS).max() < 0.002
    table = np.zeros((3, 2))
    np.add.at(table, (parts, strata), 1)
    assert abs(table[:, 1] / table.sum(axis=1) - strata.mean()).max() < 0.01
    large = np.bincount(patient)[patient] > 200
    assert (np.bincount(parts[large], minlength=3) > 0).all()  # large groups are not all put into train


def test_a_group_larger_than_validation_and_test_goes_to_train() -> None:
    groups = np.array([0] * 60 + list(range(60, 100)))
    for seed in range(20):
        parts = assignment.assign(
            np.zeros(100, int), groups, assignment.draws(seed, map(str, groups)), FRACTIONS
        )
        assert parts[0] == assignment.TRAIN
        assert np.bincount(parts).tolist() == [70, 10, 20]


def test_another_seed_is_another_assignment_of_images_and_of_groups() -> None:
    for groups in (np.arange(600), np.arange(600) // 6 * 6):
        assigned = [
            assignment.assign(np.zeros(600, int), groups, assignment.draws(seed, map(str, groups)), FRACTIONS)
            for seed in (0, 1)
        ]
        # Two independent draws agree in 0.7² + 0.1² + 0.2² = 0.54 of the images.
        assert 0.35 < (assigned[0] == assigned[1]).mean() < 0.75


@pytest.mark.parametrize("size", [1, 5])
def test_one_image_more_moves_hardly_any_other(size: int) -> None:
    names = [f"{row // size * size}" for row in range(600)]
    groups = np.arange(600) // size * size
    before = assignment.assign(np.zeros(600, int), groups, assignment.draws(0, names), FRACTIONS)
    for extra in range(25):
        drawn = assignment.draws(0, [*names, f"new {extra}"])
        after = assignment.assign(np.zeros(601, int), np.append(groups, 600), drawn, FRACTIONS)
        assert (after[:600] != before).sum() <= 2 * size


def test_one_image_more_moves_hardly_any_patient() -> None:
    rng = np.random.default_rng(8)
    patient = np.repeat(np.arange(120), rng.integers(2, 40, 120))
    strata = (rng.random(len(patient)) < rng.beta(1, 1, 120)[patient]).astype(int)
    first = np.flatnonzero(np.diff(patient, prepend=-1))[patient]
    names = [f"{row}" for row in first]
    before = assignment.assign(strata, first, assignment.draws(0, names), FRACTIONS)
    moved = []
    for extra in range(20):
        groups = np.append(first, len(first))
        drawn = assignment.draws(0, [*names, f"new {extra}"])
        after = assignment.assign(np.append(strata, extra % 2), groups, drawn, FRACTIONS)
        moved.append((after[:-1] != before).mean())
    # 46 of 100 would move if everybody were drawn anew.
    assert np.mean(moved) < 0.1
