"""The implementation of `darkroom replicate`, called by the command-line interface."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Literal, NoReturn

from ruamel.yaml import YAML

from darkroom import UserError
from darkroom.compare import group_names
from darkroom.replicate import experiments, summary
from darkroom.replicate.experiments import Outcome
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
    _check_project(repo)
    if not split_seeds:
        _check_seed_matters(repo, settings)
    group = _group_name(name, settings, repo, varied)
    _announce(repo, say)
    outcomes = []
    try:
        with _terminated_as_interrupted():
            for count, seed in enumerate(range(start, start + seeds), 1):
                drawn = dict.fromkeys(varied, seed)
                outcomes.append(one(group, drawn, f"{count} of {seeds}", settings, repo, say))
                if split_seeds and outcomes[-1].reference:
                    _check_split_seed_matters(outcomes[-1].reference, repo)
    except KeyboardInterrupt:
        say("interrupted; the seeds that are done are kept, and the same command goes on from there")
        raise
    done = [outcome for outcome in outcomes if outcome.reference]
    metrics = {
        stage: summary.columns([experiments.figures(run.reference, path, repo) for run in done])
        for stage, path in summary.FILES.items()
    }
    predefined = experiments.predefined(done[0].reference, repo) if done else []
    drawn_tests = split_seeds and done and "test" not in predefined
    overlap = experiments.overlap(done[0].reference, repo) if drawn_tests else 0.0
    return Summary(group, outcomes, metrics, varied, overlap, predefined)


def one(
    group: str,
    drawn: dict[str, int],
    count: str,
    settings: Sequence[str],
    repo: Path,
    say: Callable[[str], None],
) -> Outcome:
    """Run one seed, saying how it goes."""
    name = group_names.run_name(group, drawn["seed"])
    say(f"{name} ({count})")
    outcome = experiments.run(name, drawn, settings, repo, lambda line: say(f"  {line}"))
    if outcome.reused:
        say("  already run, with this code and these params")
    if not outcome.reference:
        say("  failed")
    return outcome


def _check_arguments(seeds: int, start: int, settings: Sequence[str], varied: Sequence[str]) -> None:
    """Raise a UserError if no group of runs can come of these."""
    if seeds < 2:
        raise UserError(
            f"--seeds: got {seeds}; expected 2 or more: how far runs spread cannot be told from one"
        )
    if start < 0:
        raise UserError(f"--start: got {start}; expected 0 or more")
    for setting in settings:
        key, equals, _ = setting.partition("=")
        if not equals:
            raise UserError(f"-S {setting}: expected key=value, as in -S train.epochs=40")
        if _param(key) in varied:
            raise UserError(
                f"-S {setting}: the seed is what runs differ in; choose it by --seeds and --start"
            )


def _param(key: str) -> str:
    """Return the parameter that ``key`` of a setting names: DVC also takes params.yaml:seed and +seed."""
    return key.rpartition(":")[2].lstrip("+")


def _check_project(repo: Path) -> None:
    """Raise a UserError if ``repo`` is no project with a commit to run."""
    if not (repo / "dvc.yaml").is_file() or not (repo / "params.yaml").is_file():
        raise UserError(
            "no dvc.yaml and params.yaml here; run this from the project's folder, which holds both"
        )
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "HEAD"], cwd=repo, capture_output=True, check=False
    )
    if done.returncode:
        raise UserError("no git commit here; experiments belong to one: `git init`, `git commit`, then again")


def _check_seed_matters(repo: Path, settings: Sequence[str]) -> None:
    """Raise a UserError where every seed would give the same model: a head that is solved has no seed."""
    train = YAML(typ="safe").load((repo / "params.yaml").read_text(encoding="utf-8"))["train"]
    asked = {f"train.{name}": str(value) for name, value in train.items()}
    asked |= {_param(key): value for key, _, value in (setting.partition("=") for setting in settings)}
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


def _group_name(name: str | None, settings: Sequence[str], repo: Path, varied: Sequence[str]) -> str:
    """Return the group's name, with the mark that `darkroom compare` knows it by."""
    if name is None:
        branch = _git_branch(repo)
        words = [branch, *settings, *(["splits"] if "split.seed" in varied else [])]
        name = re.sub(r"[^\w.=+-]+", "-", "+".join(words)).strip("-.")
    words = ["git", "check-ref-format", f"refs/exps/{group_names.run_name(name + group_names.MARK, 0)}"]
    valid = re.fullmatch(r"\w[\w.=+-]*", name) and not subprocess.run(words, check=False).returncode
    if not valid:
        raise UserError(f"--name: got {name!r}; expected letters, digits and any of . = + - _ between them")
    return name + group_names.MARK


def _git_branch(repo: Path) -> str:
    """Return the name of the branch, or the commit's short one where none is checked out."""
    branch = experiments.git(repo, "rev-parse", "--abbrev-ref", "HEAD").strip()
    return branch if branch != "HEAD" else experiments.git(repo, "rev-parse", "--short", "HEAD").strip()


def _announce(repo: Path, say: Callable[[str], None]) -> None:
    """Say what of the workspace goes into the runs, as that is easily taken for granted."""
    edited = experiments.git(repo, "diff", "--name-only", "HEAD", "--", ".", ":(exclude)dvc.lock").split("\n")
    names = [name for name in edited if name]
    if names:
        some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        say(f"uncommitted edits are part of each run, as with `dvc exp run`: {some}")
    untracked = experiments.untracked_inbox(repo)
    if untracked:
        say(
            f"copied into each run, as neither git nor DVC tracks it: {', '.join(untracked)}"
            f" (`dvc add {untracked[0]}` spares the copy)"
        )


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that no run is left behind."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def render(result: Summary, form: Form) -> str:
    """Return the tables of a group; nothing where fewer than two runs succeeded."""
    return RENDER[form](result) if len(result.done) > 1 else ""


def complaint(result: Summary) -> str:
    """Return the message for the runs that failed."""
    lines = [f"{run.name} failed: {run.message}" for run in result.failed]
    runs = f"{len(result.failed)} of {len(result.outcomes)} runs failed"
    return "\n".join([f"{runs}; after the cure the same command runs only these", *lines])
