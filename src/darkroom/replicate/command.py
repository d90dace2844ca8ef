"""The implementation of `darkroom replicate`, called by the command-line interface."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from ruamel.yaml import YAML

from darkroom import UserError
from darkroom.replicate import experiments, group, summary
from darkroom.replicate.summary import Summary

Form = Literal["text", "md", "json"]

RENDER = {"text": summary.render_text, "md": summary.render_md, "json": summary.render_json}


def run(
    seeds: int,
    start: int,
    settings: Sequence[str],
    name: str | None,
    say: Callable[[str], None],
    repo: Path = Path(),
    split_seeds: bool = False,
) -> Summary:
    """Run the pipeline with seeds ``start`` … ``start + seeds - 1`` and return what became of them.

    Parameters
    ----------
    seeds, start : int
        How many seeds of training (``seed`` in params.yaml), and the first.
    settings : sequence of str
        Other params of all runs, as for `dvc exp run -S`.
    name : str or None
        Of the group; by default the branch's, followed by the settings.
    say : callable
        Takes each line that shows progress.
    repo : Path
        The project's folder; nothing in it changes but DVC's experiments.
    split_seeds : bool
        Each run has another ``split.seed``, too: other training, validation and test images.

    Raises
    ------
    UserError
        The arguments, the project or DVC allow no run. A run that fails raises nothing: the others are still run.
    """
    varied = ("seed", "split.seed") if split_seeds else ("seed",)
    _check_arguments(seeds, start, settings, varied)
    group.check_project(repo)
    if not split_seeds:
        _check_seed_matters(repo, settings)
    called = group.checked_name(name, settings, repo, ["splits"] if split_seeds else [])
    runs = {seed: dict.fromkeys(varied, seed) for seed in range(start, start + seeds)}
    outcomes = []
    for outcome in group.run(runs, called, settings, repo, say):
        outcomes.append(outcome)
        if split_seeds and outcome.reference:
            _check_split_seed_matters(outcome.reference, repo)
    done = [outcome for outcome in outcomes if outcome.reference]
    metrics = {
        stage: summary.columns([experiments.figures(run.reference, path, repo) for run in done])
        for stage, path in summary.FILES.items()
    }
    predefined = experiments.predefined(done[0].reference, repo) if done else []
    drawn_tests = split_seeds and done and "test" not in predefined
    overlap = experiments.overlap(done[0].reference, repo) if drawn_tests else 0.0
    return Summary(called, outcomes, metrics, varied, overlap, predefined)


def _check_arguments(seeds: int, start: int, settings: Sequence[str], varied: Sequence[str]) -> None:
    """Raise a UserError if no group of runs can come of these."""
    if seeds < 2:
        raise UserError(
            f"--seeds: got {seeds}; expected 2 or more: how far runs spread cannot be told from one"
        )
    if start < 0:
        raise UserError(f"--start: got {start}; expected 0 or more")
    group.check_settings(
        settings, varied, "the seed is what runs differ in; choose it by --seeds and --start"
    )


def _check_seed_matters(repo: Path, settings: Sequence[str]) -> None:
    """Raise a UserError where every seed would give the same model: a head that is solved has no seed."""
    train = YAML(typ="safe").load((repo / "params.yaml").read_text(encoding="utf-8"))["train"]
    asked = {f"train.{name}": str(value) for name, value in train.items()}
    asked |= {
        group.parameter(key): value for key, _, value in (setting.partition("=") for setting in settings)
    }
    if asked.get("train.optimizer") == "lbfgs" and asked.get("train.fine_tune_epochs", "0") == "0":
        raise UserError(
            "train.optimizer: lbfgs solves the head, so that every seed gives the same model and there is no spread to "
            "measure; add --split-seeds for runs on other splits"
        )


def _check_split_seed_matters(reference: str, repo: Path) -> None:
    """Raise a UserError where the first run shows that every run would have the same split."""
    if {"validation", "test"} <= set(experiments.predefined(reference, repo)):
        raise UserError(
            "--split-seeds: the source brings validation and test images of its own, and split.predefined keeps them, "
            "so that every run has the same split; add -S split.predefined=ignore to have it drawn, or leave "
            "--split-seeds out"
        )


def render(result: Summary, form: Form) -> str:
    """Return the tables of a group; nothing where fewer than two runs succeeded."""
    return RENDER[form](result) if len(result.done) > 1 else ""


def complaint(result: Summary) -> str:
    """Return the message for the runs that failed."""
    lines = [f"{run.name} failed: {run.message}" for run in result.failed]
    runs = f"{len(result.failed)} of {len(result.outcomes)} runs failed"
    return "\n".join([f"{runs}; after the cure the same command runs only these", *lines])
