"""A group of runs: its name, the project it is of, and one experiment after another."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from darkroom import UserError
from darkroom.compare import group_names
from darkroom.replicate import experiments
from darkroom.replicate.experiments import Experiment, Outcome


def run(
    runs: Mapping[int, Mapping[str, int]],
    group: str,
    settings: Sequence[str],
    repo: Path,
    say: Callable[[str], None],
) -> Iterator[Outcome]:
    """Run the pipeline as one experiment after another, saying how it goes; yield what became of each.

    Parameters
    ----------
    runs : mapping
        The number of each run, its seed or its fold, which ends its name, and the params in which it differs.
    group : str
        The name of them all, as :func:`checked_name` returns it.
    settings : sequence of str
        The other params, as for `dvc exp run -S`.
    """
    _announce(repo, say)
    try:
        with _terminated_as_interrupted():
            for count, (number, varied) in enumerate(runs.items(), 1):
                name = group_names.run_name(group, number)
                say(f"{name} ({count} of {len(runs)})")
                outcome = experiments.run(
                    Experiment(name, number, varied, settings), repo, lambda line: say(f"  {line}")
                )
                if outcome.reused:
                    say("  already run, with this code and these params")
                if not outcome.reference:
                    say("  failed")
                yield outcome
    except KeyboardInterrupt:
        say("interrupted; the runs that are done are kept, and the same command goes on from there")
        raise


def check_settings(settings: Sequence[str], varied: Sequence[str], what: str) -> None:
    """Raise a UserError if a setting of all runs is none, or one of ``varied``, of which ``what`` is said."""
    for setting in settings:
        key, equals, _ = setting.partition("=")
        if not equals:
            raise UserError(f"-S {setting}: expected key=value, as in -S train.epochs=40")
        if parameter(key) in varied:
            raise UserError(f"-S {setting}: {what}")


def parameter(key: str) -> str:
    """Return the parameter that ``key`` of a setting names: DVC also takes params.yaml:seed and +seed."""
    return key.rpartition(":")[2].lstrip("+")


def check_project(repo: Path) -> None:
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


def checked_name(name: str | None, settings: Sequence[str], repo: Path, kind: Sequence[str] = ()) -> str:
    """Return the group's name, with its mark; by default the branch's, the settings and the words of ``kind``."""
    if name is None:
        branch = _git_branch(repo)
        words = [branch, *settings, *kind]
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
