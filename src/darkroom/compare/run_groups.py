"""Groups of runs prepared for comparison: no duplicate runs, the same classes, metrics on the same test images."""

from collections.abc import Mapping, Sequence
from typing import Any

from darkroom import UserError
from darkroom.compare import comparison, replicates, revisions
from darkroom.compare.replicates import HEADLINE, Replicates
from darkroom.compare.revisions import Run

Runs = tuple[Run, ...]
_SPLIT = ("split.seed", "split.fold")  # what draws a split of its own for each run
Columns = Mapping[str, Sequence[float]]


def compare(a: Runs, b: Runs) -> Replicates:
    """Compare two groups of runs, in pairs where they have the same seeds.

    Raises
    ------
    UserError
        The runs cannot be compared: a copy among them, other classes, or no test image that all of them have.
    """
    for runs, name in ((a, "A"), (b, "B")):
        _check_repeats(runs, name)
        for run in runs:
            comparison.check_columns(run.predictions, f"{name}, {run.name}")
            comparison.check_classes(a[0].predictions, run.predictions, (a[0].name, run.name))
    a, b = _in_order(a), _in_order(b)
    seeds = [[seed(run) for run in runs] for runs in (a, b)]
    same_seeds = seeds[0] == seeds[1] and len(set(seeds[0])) == len(seeds[0])
    if _tested_alike(a, b):
        return replicates.compare(metrics(a), metrics(b), same_seeds)
    if same_seeds and _paired_by_split(a, b):
        return replicates.compare(metrics(a), metrics(b), same_seeds, overlap(a[0].params))
    common = _common_images(a, b)
    return replicates.compare(accuracy(a, common), accuracy(b, common), same_seeds)


def _in_order(runs: Runs) -> Runs:
    """Return the runs in the order of their seeds."""
    return tuple(sorted(runs, key=lambda run: (seed(run), run.name)))


def seed(run: Run) -> str:
    """Return what a run is paired by, as text: its seed, and its fold where it is one of a cross-validation."""
    number = str(run.params.get("seed"))
    return number if run.params.get("split.folds") is None else f"{number}, fold {run.params['split.fold']}"


def metrics(runs: Runs) -> Columns:
    """Return the metrics that all runs have, each with its values in the order of ``runs``."""
    figures = [revisions.numbers(run.metrics) for run in runs]
    shared = [key for key in figures[0] if all(key in row for row in figures)]
    return {key: [row[key] for row in figures] for key in shared}


def accuracy(runs: Runs, ids: frozenset[str]) -> Columns:
    """Return the accuracy of each run on the images ``ids`` alone."""
    tables = (run.predictions[run.predictions["id"].isin(ids)] for run in runs)
    return {HEADLINE: [float((table["label"] == table["predicted"]).mean()) for table in tables]}


def _tested_alike(a: Runs, b: Runs) -> bool:
    """Return whether all runs were tested on the same images."""
    sets = {frozenset(run.predictions["id"]) for run in (*a, *b)}
    return len(sets) == 1


def _paired_by_split(a: Runs, b: Runs) -> bool:
    """Return whether the runs of A have other splits each, and their partners in B, by seed, the same test images."""
    if len({tuple(run.params.get(key) for key in _SPLIT) for run in a}) == 1:
        return False
    pairs = zip(_in_order(a), _in_order(b), strict=True) if len(a) == len(b) else ()
    alike = [set(one.predictions["id"]) == set(other.predictions["id"]) for one, other in pairs]
    return bool(alike) and all(alike)


def overlap(params: Mapping[str, Any]) -> float:
    """Return the test images for each training image that a random split gives, by params.yaml with dotted keys."""
    train, folds = float(params["split.train"]), params.get("split.folds")
    if folds is None:
        return float(params["split.test"]) / train
    # The other folds are shared by train and validation.
    return (train + float(params["split.validation"])) / (train * (folds - 1))


def _common_images(a: Runs, b: Runs) -> frozenset[str]:
    """Return the test images that all runs have.

    Raises
    ------
    UserError
        There are none.
    """
    common = frozenset.intersection(*(frozenset(run.predictions["id"]) for run in (*a, *b)))
    if not common:
        raise UserError(
            f"the {len(a) + len(b)} runs have no test image in common; runs can be compared when they are tested on the"
            f" same images: keep split.seed, or set split.predefined"
        )
    return common


def remarks(a: Runs, b: Runs) -> list[str]:
    """Return what a reader must know of the groups: runs that differ in more than their seed, or in their images."""
    lines = []
    by_split = not _tested_alike(a, b) and _paired_by_split(a, b)
    varied = ("seed", *_SPLIT) if by_split else ("seed",)
    for runs, name in ((a, "A"), (b, "B")):
        keys = {key: None for run in runs for key in run.params}
        mixed = [
            key for key in keys if len({repr(run.params.get(key)) for run in runs}) > 1 and key not in varied
        ]
        if mixed:
            lines.append(f"The runs of {name} differ in more than their seed: {', '.join(mixed)}.")
    if by_split:
        lines.append(
            "Each pair of runs has a split of its own, so that the test covers other test images too; its variance is"
            " corrected for what the splits share (Nadeau and Bengio 2003)."
        )
    elif not _tested_alike(a, b):
        count = len(_common_images(a, b))
        lines.append(
            f"Not all runs were tested on the same images: compared by accuracy on the {count:,} in common."
        )
    return lines


def _check_repeats(runs: Runs, name: str) -> None:
    """Raise a UserError if a run is in its group twice, or all made the same predictions: a copy is no repetition."""
    seeds = [seed(run) for run in runs]
    twice = [run for run in runs if seeds.count(seed(run)) > 1]
    for run in twice:
        if sum(run.metrics == other.metrics for other in twice) > 1:
            raise UserError(
                f"{name}: {run.name} and another run of the group have seed {run.params.get('seed')} and the same"
                f" metrics; expected runs that differ in `seed`, as one run twice says nothing about the spread"
            )
    if len(runs) > 1 and all(run.predictions.equals(runs[0].predictions) for run in runs):
        raise UserError(
            f"{name}: all {len(runs)} runs made the very same predictions: their seed decides nothing, as where"
            f" train.optimizer: lbfgs solves the head, and how far such runs spread says nothing; compare one of each,"
            f" as {runs[0].name}, or groups with other splits: darkroom replicate --split-seeds"
        )
