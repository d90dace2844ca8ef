"""One DVC experiment per seed or fold: run in a checkout of its own, or reused if nothing has changed since."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML, YAMLError

from darkroom import UserError
from darkroom.compare import revisions, run_groups
from darkroom.split_files import PARTS

INBOX = "data/inbox"
WRITTEN = ("params.yaml", "dvc.lock", "metrics", "plots")
"""Left out when code is compared: params are compared by value, the rest is what a run writes."""

NEW = ".new"
"""Ends the name of an experiment until it takes the place of an older one."""

NOISE = re.compile(r"[IW]\d{4} [\d:.]+ +\d+ |WARNING: All log messages before absl|[IWE]0000 ")
PATIENCE = 30
"""Seconds a run has to end by itself once it is interrupted, before it is killed."""


@dataclass(frozen=True)
class Experiment:
    """A run that is wanted.

    Attributes
    ----------
    name, number
        Its name, and its seed or fold.
    varied : mapping
        The params in which it differs from the others of its group: ``seed``, ``split.fold`` and the like.
    settings : sequence of str
        Those of all of them, as for `dvc exp run -S`.
    """

    name: str
    number: int
    varied: Mapping[str, int]
    settings: Sequence[str]


@dataclass(frozen=True)
class Outcome:
    """What became of one run: the experiment's reference, or what went wrong.

    Attributes
    ----------
    name, number
        The experiment and its seed, or its fold.
    reference : str
        The full git reference; empty where the run failed.
    reused : bool
        The experiment was there already, with this code and these params.
    message : str
        What the failed run said last; empty where it did not fail.
    """

    name: str
    number: int
    reference: str
    reused: bool = False
    message: str = ""


class Refused(UserError):
    """DVC would not start the run, as it would not start any other of the group."""


def _existing(name: str, repo: Path) -> str:
    """Return the reference of experiment ``name`` of the current commit; empty where there is none."""
    head = git(repo, "rev-parse", "HEAD").strip()
    reference = f"refs/exps/{head[:2]}/{head[2:]}/{name}"
    return reference if git(repo, "for-each-ref", reference).strip() else ""


def _current(reference: str, wanted: Experiment, repo: Path) -> bool:
    """Return whether an experiment holds this code and the params wanted, so that it need not run again.

    Images in data/inbox that neither git nor DVC tracks may have changed without a trace: then never.
    """
    if untracked_inbox(repo) or _git_differs(reference, repo):
        return False
    try:
        expected = YAML(typ="safe").load((repo / revisions.PARAMS).read_text(encoding="utf-8"))
        values = dict(setting.split("=", 1) for setting in wanted.settings)
        set_params = {name: YAML(typ="safe").load(value) for name, value in values.items()}
    except (OSError, ValueError, YAMLError):
        return False  # DVC reads it, and says what it makes of it
    held = YAML(typ="safe").load(git(repo, "show", f"{reference}:./{revisions.PARAMS}"))
    return revisions.flat(held) == {**revisions.flat(expected), **revisions.flat(set_params), **wanted.varied}


def _git_differs(reference: str, repo: Path) -> bool:
    """Return whether a tracked file other than what a run writes is not as ``reference`` holds it."""
    kept = [f":(exclude){path}" for path in WRITTEN]
    done = subprocess.run(["git", "diff", "--quiet", reference, "--", ".", *kept], cwd=repo, check=False)
    return done.returncode != 0


def untracked_inbox(repo: Path) -> list[str]:
    """Return what lies in data/inbox and is tracked neither by git nor by DVC, so that no checkout brings it."""
    folder = repo / INBOX
    if not folder.is_dir():
        return []
    tracked = set(git(repo, "ls-files", "-z", "--", INBOX).split("\0"))
    names = sorted(path.name for path in folder.iterdir() if not path.name.endswith(".dvc"))
    ours = (name for name in names if not (folder / f"{name}.dvc").is_file())
    return [
        f"{INBOX}/{name}" for name in ours if not any(_is_in(path, f"{INBOX}/{name}") for path in tracked)
    ]


def _is_in(path: str, place: str) -> bool:
    """Return whether ``path`` is ``place`` or lies in it."""
    return path == place or path.startswith(f"{place}/")


def run(wanted: Experiment, repo: Path, say: Callable[[str], None]) -> Outcome:
    """Run the pipeline as an experiment of the current commit, or find it there already.

    It runs in a checkout of its own under .dvc/tmp (`dvc exp run --temp`), with the workspace's uncommitted edits of
    tracked files; the workspace stays as it is. An experiment of this name with other code or params is replaced
    when the new one is complete.

    Parameters
    ----------
    wanted : Experiment
        Its name and params.
    say : callable
        Takes each line that shows progress.

    Raises
    ------
    Refused
        DVC did not begin the run: the settings name no param, or the like.
    """
    name, number = wanted.name, wanted.number
    before = _existing(name, repo)
    if before and _current(before, wanted, repo):
        return Outcome(name, number, before, reused=True)
    if _existing(name + NEW, repo):  # left by a run that was killed
        dvc(repo, "exp", "remove", name + NEW)
    under = name + NEW if before else name
    code, lines = follow(_words(under, wanted, repo), repo, say)
    if code or not _existing(under, repo):
        if not any(line.startswith("Reproducing experiment") for line in lines):
            said = " ".join(" ".join(lines).removeprefix("ERROR: ").split())
            raise Refused(f"`dvc exp run` did not begin: {said or f'exit code {code}'}")
        kept = f"\n(the experiment {name} that there is has other code or params)" if before else ""
        return Outcome(name, number, "", message=_last_words(lines) + kept)
    if before:
        dvc(repo, "exp", "rename", "--force", under, name)
    return Outcome(name, number, _existing(name, repo))


def _words(name: str, wanted: Experiment, repo: Path) -> list[str]:
    words = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "--name", name]
    for setting in [*(f"{key}={value}" for key, value in wanted.varied.items()), *wanted.settings]:
        words += ["--set-param", setting]
    for path in untracked_inbox(repo):
        words += ["--copy-paths", path]
    return words


def follow(words: Sequence[str], repo: Path, say: Callable[[str], None]) -> tuple[int, list[str]]:
    """Run a command, hand on its lines of progress, and return its exit code and all it said.

    Interrupted, it interrupts the command and all that it started, and waits for their end.
    """
    process = subprocess.Popen(
        words,
        cwd=repo,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # so that one signal reaches dvc and the stage it runs, and nothing else
    )
    assert process.stdout is not None
    lines = []
    with interrupted(process):
        for line in process.stdout:
            if not NOISE.match(line) and line.strip():
                lines.append(line.rstrip())
                if line.startswith(("Running stage", "epoch ")) or "is cached" in line:
                    say(line.rstrip())
        return process.wait(), lines


@contextlib.contextmanager
def interrupted(process: subprocess.Popen[str]) -> Iterator[None]:
    """End ``process`` and its children, should the block be left by Ctrl-C or any other way."""
    try:
        yield
    finally:
        for stop, seconds in ((_interrupt, PATIENCE), (kill, None)):
            if process.poll() is not None:
                break
            stop(process.pid)
            try:
                process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                continue


def _interrupt(pid: int) -> None:
    if sys.platform != "win32":  # there no sessions are, and the console's Ctrl-C reached all of them
        os.killpg(pid, signal.SIGINT)


def kill(pid: int) -> None:
    """Kill a process and all that it started, on every system; what is gone by then is no matter."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in [*process.children(recursive=True), process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def _last_words(lines: Sequence[str]) -> str:
    """Return what a failed run said after it began its last command: the stage's message, or a bug's traceback."""
    begun = [number for number, line in enumerate(lines) if line.startswith("> ")]
    said = [line for line in lines[begun[-1] + 1 if begun else 0 :] if not line.startswith("epoch ")]
    own = [line for line in said if not line.startswith("ERROR: ")]
    return "\n".join(own[-20:] or said[-1:] or lines[-1:])


def environment() -> dict[str, str]:
    """Return the environment for commands: `python` in dvc.yaml is the one that runs this."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1"}


def dvc(repo: Path, *words: str) -> str:
    """Run a DVC command that must not fail, and return what it printed."""
    return _checked([sys.executable, "-m", "dvc", *words], repo)


def git(repo: Path, *words: str) -> str:
    """Run a git command that must not fail, and return what it printed."""
    return _checked(["git", *words], repo)


def _checked(words: Sequence[str], repo: Path) -> str:
    done = subprocess.run(
        words, cwd=repo, env=environment(), capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise UserError(f"`{' '.join(words)}` ended with exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def overlap(reference: str, repo: Path) -> float:
    """Return the test images for each training image that a random split gives, by the params of an experiment."""
    params = revisions.flat(YAML(typ="safe").load(git(repo, "show", f"{reference}:./{revisions.PARAMS}")))
    return run_groups.overlap(params)


def predefined(reference: str, repo: Path) -> list[str]:
    """Return the parts of the split that came with an experiment's source: validation, test."""
    split = figures(reference, "metrics/split.json", repo)
    return [part for part in PARTS if split.get(f"predefined_{part}")]


def figures(reference: str, path: str, repo: Path) -> dict[str, float]:
    """Return the finite numbers of a metrics file of an experiment, which git holds; those of each class with it."""
    content: dict[str, Any] = json.loads(git(repo, "show", f"{reference}:./{path}"))
    # Runs of version 0.1 have them in the first file.
    if path == revisions.METRICS and git(repo, "ls-tree", reference, "--", revisions.BY_CLASS):
        content |= json.loads(git(repo, "show", f"{reference}:./{revisions.BY_CLASS}"))
    return revisions.numbers(revisions.flat(content))
