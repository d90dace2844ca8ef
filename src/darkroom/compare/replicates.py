"""The comparison of two groups of runs that differ in their seed: means, spreads, and whether they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkroom import UserError
from darkroom.compare import statistics, verdict
from darkroom.compare.statistics import Difference, Spread

HEADLINE = "accuracy"


@dataclass(frozen=True)
class Replicates:
    """Two groups of runs, metric by metric: (name, A, B, difference)."""

    metrics: tuple[tuple[str, Spread, Spread, Difference], ...]

    @property
    def sentence(self) -> str:
        """What the accuracy says, in one plain sentence."""
        _, a, b, difference = next(row for row in self.metrics if row[0] == HEADLINE)
        if difference.p < statistics.ALPHA:
            better = "B" if difference.mean > 0 else "A"
            told = verdict.decided(better, difference.mean, difference.low, difference.high, difference.p)
            return f"{told}, {a.runs} and {b.runs} runs, {difference.method}"
        undecided = f"no difference can be told with {a.runs} and {b.runs} runs ({difference.method})"
        if difference.runs_needed is None:
            return f"{undecided}: the means are the same"
        return (
            f"{undecided}; about {verdict.about(difference.runs_needed)} of each would be needed for this gap"
        )


def compare(
    a: Mapping[str, Sequence[float]],
    b: Mapping[str, Sequence[float]],
    same_seeds: bool,
    overlap: float = 0.0,
) -> Replicates:
    """Compare two groups of runs by each metric that all of them have.

    Parameters
    ----------
    a, b : mapping
        Metric to its values, one a run, all in the same order of runs; where ``same_seeds``, in the order of seeds.
    same_seeds : bool
        The runs of A and B have the same seeds and are compared in pairs; otherwise by Welch's t-test.
    overlap : float
        Where each pair has a split of its own: test images for each training image; see :func:`statistics.paired`.

    Raises
    ------
    UserError
        A group has fewer than two runs, or the runs have no accuracy.
    """
    if HEADLINE not in a or HEADLINE not in b:
        raise UserError(
            f"metrics/evaluate.json: no {HEADLINE!r} in every run; run `dvc repro` in each of them and commit"
        )
    for name, group in (("A", a), ("B", b)):
        if len(group[HEADLINE]) < 2:
            raise UserError(
                f"{name} is a group of one run; expected two or more, with other seeds: how far runs spread"
                f" cannot be told from one"
            )
    names = [name for name in a if name in b]
    rows = (
        (
            name,
            statistics.spread(a[name], overlap),
            statistics.spread(b[name], overlap),
            statistics.paired(a[name], b[name], overlap)
            if same_seeds
            else statistics.welch(a[name], b[name]),
        )
        for name in names
    )
    return Replicates(tuple(rows))
