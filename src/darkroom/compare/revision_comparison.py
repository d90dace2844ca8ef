"""The comparison of two revisions (predictions, metrics, changed params) or of two groups of runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom import UserError
from darkroom.compare import comparison, group_names, revisions, run_groups
from darkroom.compare.comparison import Comparison
from darkroom.compare.replicates import Replicates
from darkroom.compare.revisions import Run

Change = tuple[str, Any, Any]


@dataclass(frozen=True)
class Report:
    """Two runs, or two groups of runs, compared.

    Attributes
    ----------
    a, b : tuple of Run
        One run each, or the groups.
    result : Comparison or Replicates
        Of two runs the former, of two groups the latter.
    params : tuple of (key, A, B)
        What differs in params.yaml; for groups, what differs between their first runs except ``seed``.
    metrics : tuple of (key, A, B)
        All metrics of two runs; empty for groups, whose result holds them.
    remarks : tuple of str
        What a reader must know of the runs themselves: that params changed since, that a group is mixed.
    """

    a: tuple[Run, ...]
    b: tuple[Run, ...]
    result: Comparison | Replicates
    params: tuple[Change, ...]
    metrics: tuple[Change, ...]
    remarks: tuple[str, ...]

    @property
    def names(self) -> tuple[str, str]:
        """What A and B are called."""
        return ", ".join(run.name for run in self.a), ", ".join(run.name for run in self.b)


def compare(a: str = "HEAD", b: str = revisions.WORKSPACE, repo: Path = Path()) -> Report:
    """Compare run ``b`` with run ``a``; two comma-separated lists are compared as groups of runs.

    Parameters
    ----------
    a, b : str
        A branch, tag, commit or experiment, or ``workspace``; or several, separated by commas; ``main@`` is the
        group of the experiments main@0, main@1 ….
    repo : Path
        The project's folder; nothing in it changes.

    Raises
    ------
    UserError
        A revision is unknown or holds no run, or the two cannot be compared.
    """
    runs_a, runs_b = (tuple(read(names(text), repo)) for text in (a, b))
    if len(runs_a) == len(runs_b) == 1:
        one, other = runs_a[0], runs_b[0]
        result = comparison.compare(one.predictions, other.predictions)
        metrics = tuple(
            (key, one.metrics.get(key), other.metrics.get(key)) for key in {**one.metrics, **other.metrics}
        )
        changed = changes(one.params, other.params)
        return Report(runs_a, runs_b, result, changed, metrics, tuple(_outdated(one, other)))
    changed = tuple(row for row in changes(runs_a[0].params, runs_b[0].params) if row[0] != "seed")
    over = run_groups.compare(runs_a, runs_b)
    remarks = (*run_groups.remarks(runs_a, runs_b), *_exchanged(runs_a, runs_b), *_outdated(*runs_a, *runs_b))
    return Report(runs_a, runs_b, over, changed, (), remarks)


def _exchanged(runs_a: Sequence[Run], runs_b: Sequence[Run]) -> Iterator[str]:
    """Yield a remark where test images of one name are other files in A than in B."""
    common = comparison.in_common(runs_a[0].predictions, runs_b[0].predictions)
    count = int(comparison.replaced(common).sum())
    if count:
        yield (
            f"A and B were not tested on the same images: {count:,} of one name are other files, so that the"
            f" difference is that of the images as well."
        )


def _outdated(*runs: Run) -> Iterator[str]:
    """Yield a remark on each run whose params.yaml is not the one it ran with."""
    for run in runs:
        if run.edited:
            yield f"{run.name}: params.yaml has changed since it ran ({', '.join(run.edited)}); `dvc repro` runs it."


def names(text: str) -> list[str]:
    """Return the revisions of a comma-separated list.

    Raises
    ------
    UserError
        There is none.
    """
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise UserError(
            f"got {text!r} as a revision; expected a branch, tag, commit or experiment, or 'workspace'"
        )
    return found


def read(names: Iterable[str], repo: Path) -> Iterator[Run]:
    """Yield the runs of ``names``, those of a group in the order of their seeds."""
    for name in names:
        if group_names.is_group(name):
            for member, reference in group_names.members(name, repo).items():
                yield revisions.read(member, repo, reference)
        else:
            yield revisions.read(name, repo)


def changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the keys whose values differ, in the order of ``a``, then those that only ``b`` has."""
    keys = {**a, **b}
    return tuple((key, a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key))
