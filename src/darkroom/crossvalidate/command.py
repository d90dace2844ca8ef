"""The implementation of `darkroom crossvalidate`, called by the command-line interface."""

from collections.abc import Callable, Sequence
from pathlib import Path

from darkroom import UserError, files
from darkroom.compare import as_text, revisions
from darkroom.crossvalidate import pooling
from darkroom.crossvalidate.pooling import Pooled
from darkroom.replicate import group

TABLE = Path("data/out_of_fold.csv")
METRICS = Path("metrics/crossvalidate.json")

_VARIED = ("split.folds", "split.fold")


def run(
    folds: int,
    settings: Sequence[str],
    name: str | None,
    say: Callable[[str], None],
    repo: Path = Path(),
) -> Pooled:
    """Run the pipeline once for each fold and pool what was predicted of the images of each.

    Parameters
    ----------
    folds : int
        How many, 2 or more.
    settings : sequence of str
        Other params of all runs, as for `dvc exp run -S`.
    name : str or None
        Of the group of runs; by default the branch's, followed by the settings and the number of folds.
    say : callable
        Takes each line that shows progress.
    repo : Path
        The project's folder; :data:`TABLE` and :data:`METRICS` are written there, when all folds are done.

    Raises
    ------
    UserError
        The arguments, the project or DVC allow no run, or one fails: the folds before it are kept, and those after
        it not begun, as without it not every image is tested.
    """
    if folds < 2:
        raise UserError(
            f"--folds: got {folds}; expected 2 or more: each fold is tested by what the others train"
        )
    group.check_settings(settings, _VARIED, "the fold is what runs differ in; choose how many by --folds")
    group.check_project(repo)
    called = group.checked_name(name, settings, repo, [f"{folds}-folds"])
    tested = []
    for outcome in group.run(
        {fold: {"split.folds": folds, "split.fold": fold} for fold in range(folds)},
        called,
        settings,
        repo,
        say,
    ):
        if not outcome.reference:
            raise UserError(
                f"{outcome.name} failed: {outcome.message}\nafter the cure the same command goes on from this fold"
            )
        run = revisions.read(outcome.name, repo, outcome.reference)
        tested.append(pooling.of_fold(run, outcome.number, revisions.groups(outcome.reference, repo)))
    pooled = pooling.pool(called, tested)
    with files.whole(repo / TABLE) as part:
        # As many decimals as the predictions of each fold have.
        pooled.table.to_csv(part, index=False, float_format="%.6f", lineterminator="\n", encoding="utf-8")
    files.write_json(repo / METRICS, pooled.to_json())
    return pooled


def render(pooled: Pooled) -> str:
    """Return what a terminal shows."""
    return (
        "\n".join(
            [
                pooled.headline,
                pooled.covered,
                "",
                *as_text.lines(pooled.by_fold),
                "",
                *as_text.lines(pooled.by_class),
                "",
                f"{TABLE} has the prediction of every image, {METRICS} the figures.",
            ]
        )
        + "\n"
    )
