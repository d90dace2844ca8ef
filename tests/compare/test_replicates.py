"""Groups of runs are compared in pairs or apart, and equal groups are seldom called different."""

import dataclasses
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from darkroom import UserError
from darkroom.compare import (
    comparison,
    group_names,
    replicates,
    revision_comparison,
    revisions,
    run_groups,
)
from darkroom.compare.revisions import Run

MakeRun = Callable[..., Run]

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


def test_a_gap_that_goes_against_b_is_told_of_a_and_equal_means_are_said_as_such() -> None:
    assert replicates.compare({"accuracy": B}, {"accuracy": A}, True).sentence.startswith("A is better: +5.0")
    same = replicates.compare({"accuracy": [0.5, 0.75]}, {"accuracy": [0.75, 0.5]}, False)
    assert same.sentence.endswith("with 2 and 2 runs (Welch's t-test): the means are the same")


def test_metrics_that_one_group_lacks_are_left_out_and_accuracy_is_found_wherever_it_stands() -> None:
    got = replicates.compare(
        {"loss": [1, 2], "f1": [1, 2], "accuracy": A}, {"accuracy": B, "loss": [1, 2]}, True
    )
    assert [row[0] for row in got.metrics] == ["loss", "accuracy"]
    assert got.sentence.startswith("B is better: +5.0")
    with pytest.raises(UserError, match="no 'accuracy' in every run"):
        replicates.compare({"accuracy": A}, {"loss": B}, False)
    with pytest.raises(UserError, match="B is a group of one run"):
        replicates.compare({"accuracy": A}, {"accuracy": [0.5]}, False)


def wrong(*rows: int, images: int = 20) -> list[bool]:
    return [row not in rows for row in range(images)]


def test_runs_with_the_same_seeds_are_paired_whatever_their_order(make_run: MakeRun) -> None:
    a = (
        make_run("a2", wrong(0, 1, 2, 3), 2),
        make_run("a1", wrong(0, 1, 2), 1),
        make_run("a3", wrong(5, 6), 3),
    )
    b = make_run("b1", wrong(0, 1), 1), make_run("b3", wrong(5), 3), make_run("b2", wrong(0), 2)
    (_, _, _, accuracy), (name, spread, _, loss) = run_groups.compare(a, b).metrics
    expected = scipy.stats.ttest_rel([0.9, 0.95, 0.95], [0.85, 0.8, 0.9])
    assert (accuracy.p, accuracy.method) == (pytest.approx(expected.pvalue), "paired by seed")
    assert (name, spread.mean, loss.p) == ("loss", pytest.approx(0.45), 1)


@pytest.mark.parametrize(("seeds_a", "seeds_b"), [((1, 2, 3), (1, 2, 4)), ((1, 2, 2), (1, 2, 2))])
def test_runs_with_other_seeds_or_one_seed_twice_are_compared_apart(
    make_run: MakeRun, seeds_a: tuple[int, ...], seeds_b: tuple[int, ...]
) -> None:
    a, b = (
        tuple(make_run(f"{row}", wrong(*rows[row]), seed) for row, seed in enumerate(seeds))
        for rows, seeds in (([(0,), (1, 2), (3, 4, 5)], seeds_a), ([(0, 1), (3, 2), (6,)], seeds_b))
    )
    accuracy = run_groups.compare(a, b).metrics[0][3]
    expected = scipy.stats.ttest_ind([0.9, 0.9, 0.95], [0.95, 0.9, 0.85], equal_var=False)
    assert (accuracy.p, accuracy.method) == (pytest.approx(expected.pvalue), "Welch's t-test")


def with_splits(make_run: MakeRun, name: str, rows: list[tuple[int, ...]]) -> tuple[Run, ...]:
    """Return runs each of whose splits has a test image more than the one before."""
    return tuple(
        make_run(f"{name}{seed}", wrong(*some), seed, first=seed, **{"split.seed": seed})
        for seed, some in enumerate(rows)
    )


def test_pairs_with_splits_of_their_own_are_corrected_as_nadeau_and_bengio_do(make_run: MakeRun) -> None:
    a = with_splits(make_run, "a", [(0, 1, 2), (3, 4), (5, 6, 7, 8)])
    b = with_splits(make_run, "b", [(0,), (3,), (5,)])
    accuracy = run_groups.compare(a, tuple(reversed(b))).metrics[0][3]
    gaps = np.array([0.1, 0.05, 0.15])
    # The paper's correction: the variance of the mean is (1/n + test/train) times that of the gaps, here 1/3 + 0.3/0.6.
    error = np.sqrt((1 / 3 + 0.5) * gaps.var(ddof=1))
    half = scipy.stats.t.ppf(0.975, 2) * error
    assert (accuracy.low, accuracy.high) == pytest.approx((0.1 - half, 0.1 + half))
    assert accuracy.p == pytest.approx(2 * scipy.stats.t.sf(0.1 / error, 2))
    assert accuracy.method == "paired by seed and split"
    (remark,) = run_groups.remarks(a, b)
    assert remark.startswith("Each pair of runs has a split of its own")
    halves = replicates.compare({"accuracy": [0.8, 0.9]}, {"accuracy": [0.8, 0.9]}, True, 0.5).metrics[0][1]
    assert halves.high - 0.85 == pytest.approx(scipy.stats.t.ppf(0.975, 1) * np.sqrt(0.005 * (1 / 2 + 0.5)))


def test_folds_are_pairs_whose_variance_is_corrected_by_what_they_share(make_run: MakeRun) -> None:
    def folds(name: str, rows: list[tuple[int, ...]]) -> tuple[Run, ...]:
        params = [
            {"split.folds": 3, "split.fold": fold, "split.validation": 0.3} for fold in range(len(rows))
        ]
        made = zip(rows, params, strict=True)
        return tuple(
            make_run(f"{name}{i}", wrong(*some), 0, 20 * i, **of) for i, (some, of) in enumerate(made)
        )

    a, b = folds("a", [(0, 1, 2), (3, 4), (5, 6, 7, 8)]), folds("b", [(0,), (3,), (5,)])
    accuracy = run_groups.compare(a, b).metrics[0][3]
    # Of three folds one is test; of the two others 0.6 of 0.9 train: 0.75 test images for each training image.
    error = np.sqrt((1 / 3 + 0.75) * np.var([0.1, 0.05, 0.15], ddof=1))
    assert accuracy.p == pytest.approx(2 * scipy.stats.t.sf(0.1 / error, 2))
    assert accuracy.method == "paired by seed and split"
    assert len(run_groups.remarks(a, b)) == 1


def test_runs_on_other_images_are_compared_by_accuracy_on_those_in_common(make_run: MakeRun) -> None:
    a = with_splits(make_run, "a", [(0, 1, 2, 3), (3, 4), (5, 6, 7)])
    # Their partners by seed have other test images: in common are those numbered 2 to 19.
    b = tuple(make_run(f"b{seed}", wrong(9, 10 + seed), seed) for seed in range(3))
    compared = run_groups.compare(a, b)
    ((name, spread, other, accuracy),) = compared.metrics
    assert name == "accuracy"
    assert (spread.mean, other.mean) == pytest.approx((np.mean([16, 16, 15]) / 18, 16 / 18))
    assert accuracy.method == "paired by seed"
    assert run_groups.remarks(a, b) == [
        "The runs of A differ in more than their seed: split.seed.",
        "Not all runs were tested on the same images: compared by accuracy on the 18 in common.",
    ]
    with pytest.raises(UserError, match="the 5 runs have no test image in common"):
        run_groups.compare(a, (make_run("c0", wrong(1), 0, first=900), make_run("c1", wrong(2), 1)))


def test_a_copy_among_the_runs_is_refused(make_run: MakeRun) -> None:
    good = make_run("1", wrong(1), 1), make_run("2", wrong(2), 2)
    with pytest.raises(UserError, match="B: 1 and another run of the group have seed 1 and the same metrics"):
        run_groups.compare(good, (good[0], good[1], good[0]))
    # The same seed alone is none, nor are the same metrics: other predictions were made.
    other = dataclasses.replace(make_run("3", wrong(3, 4), 1), metrics={"accuracy": 0.8})
    assert len(run_groups.compare((good[0], other), good).metrics) == 1
    still = make_run("1", wrong(1), 1), make_run("2", wrong(1), 2)
    with pytest.raises(
        UserError, match=r"A: all 2 runs made the very same predictions: .* one of each, as 1, or"
    ):
        run_groups.compare(still, good)
    odd = dataclasses.replace(good[1], predictions=good[1].predictions.rename(columns={"p_b": "p_c"}))
    with pytest.raises(UserError, match="1 and 2 tell different classes apart: only 1 'b', only 2 'c'"):
        run_groups.compare((good[0], odd), good)


def test_metrics_of_runs_are_the_finite_numbers_that_all_have(make_run: MakeRun) -> None:
    one, other = (make_run("1", wrong(1), seed) for seed in (1, 2))
    for metrics in ({"loss": float("nan")}, {"loss": "low"}, {"loss": True}, {"loss": None}, {}):
        runs = one, dataclasses.replace(other, metrics={"accuracy": 1, **metrics})
        assert run_groups.metrics(runs) == {"accuracy": [0.95, 1.0]}
    mixed = dataclasses.replace(other, params={**other.params, "model.depth": 3})
    assert run_groups.remarks((one, mixed), (one,)) == [
        "The runs of A differ in more than their seed: model.depth."
    ]


def test_what_changed_is_told_of_the_first_runs_without_their_seeds() -> None:
    a, b = {"seed": 0, "x": 1, "y": None, "z": 3}, {"seed": 1, "x": 2, "z": 3, "new": 4}
    assert revision_comparison.changes(a, b) == (("seed", 0, 1), ("x", 1, 2), ("new", None, 4))
    assert revision_comparison.names(" a,, b ,") == ["a", "b"]
    with pytest.raises(UserError, match="got ',' as a revision"):
        revision_comparison.names(",")


def test_names_stand_for_one_run_or_for_a_group(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {
        "a": make_run("a", wrong(1, 2), 1, depth=3),
        "b": make_run("b", wrong(3), 2, depth=4),
        "c": make_run("c", wrong(4, 5, 6), 2, depth=3),
        "d": make_run("d", wrong(7), 1, depth=4),
    }
    for name, hashes in {"a": "0" * 20, "b": "0" * 17 + "1" * 3, "c": "2" * 20, "d": "0" * 20}.items():
        runs[name].predictions["sha256"] = list(hashes)
    runs["b"] = dataclasses.replace(
        runs["b"], metrics={"f1": 0.5, **runs["b"].metrics}, edited=("depth", "width")
    )
    monkeypatch.setattr(revisions, "read", lambda name, repo, reference=None: runs[name])
    edited = "b: params.yaml has changed since it ran (depth, width); `dvc repro` runs it."

    two = revision_comparison.compare("a", "b")
    assert two.names == ("a", "b")
    assert isinstance(two.result, comparison.Comparison)
    # The last three are other files in b.
    assert (two.result.images, two.result.a.right, two.result.b.right, two.result.replaced) == (17, 15, 16, 3)
    assert two.params == (("seed", 1, 2), ("depth", 3, 4))
    assert two.metrics == (("accuracy", 0.9, 0.95), ("loss", 0.35, 0.45), ("f1", None, 0.5))
    assert two.remarks == (edited,)

    groups = revision_comparison.compare("a, c", "b,d")
    assert groups.names == ("a, c", "b, d")
    assert isinstance(groups.result, replicates.Replicates)
    assert (groups.params, groups.metrics) == ((("depth", 3, 4),), ())
    # The first of each are looked at.
    images = "A and B were not tested on the same images: 3 of one name are other files,"
    assert groups.remarks[0].startswith(images)
    assert groups.remarks[1:] == (edited,)
    assert revision_comparison.compare("a,c", "d,c").remarks == (
        "The runs of B differ in more than their seed: depth.",
    )

    for pair, alone in ((("a", "b,d"), "A"), (("a,c", "b"), "B")):
        with pytest.raises(UserError, match=f"{alone} is a group of one run"):
            revision_comparison.compare(*pair)


def test_the_members_of_a_group_stand_in_the_order_of_their_seeds(tmp_path: Path) -> None:
    def git(*words: str, date: int = 0) -> str:
        who = {
            f"GIT_{who}_{what}": "x@example.com"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        dates = {"GIT_COMMITTER_DATE": f"{date + 10**9} +0000", "GIT_AUTHOR_DATE": f"{10**9} +0000"}
        done = subprocess.run(
            ["git", *words],
            cwd=tmp_path,
            env=os.environ | who | dates,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    with pytest.raises(UserError, match=r"main@: fatal: not a git repository"):
        group_names.members("main@", tmp_path)
    git("init", "--quiet")
    tree = git("write-tree")
    # Of two commits with such experiments the one that got the newest: the last of the second is older.
    for baseline, name, date in [
        ("aa/a", "main@10", 5),
        ("aa/a", "main@9", 9),
        ("aa/a", "main@late", 50),
        ("bb/b", "main@1", 7),
        ("bb/b", "main@2", 8),
    ]:
        commit = git("commit-tree", tree, "-m", name, date=date)
        git("update-ref", f"refs/exps/{baseline}/{name}", commit)
    assert group_names.members("main@", tmp_path) == {
        "main@9": "refs/exps/aa/a/main@9",
        "main@10": "refs/exps/aa/a/main@10",
    }
    with pytest.raises(
        UserError, match=r"other@: no experiments called other@0, other@1 …; .* --name other`"
    ):
        group_names.members("other@", tmp_path)


@pytest.mark.parametrize(("name", "group"), [("main@", True), ("m@", True), ("main", False), ("@", False)])
def test_a_mark_at_the_end_makes_a_name_that_of_a_group(name: str, group: bool) -> None:
    assert group_names.is_group(name) == group
