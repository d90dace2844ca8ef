"""The names of groups of experiments: ``main@`` stands for ``main@0``, ``main@1`` …, one run per seed."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path

from darkroom import UserError

MARK = "@"
"""Ends the name of a group, and stands between it and the seed in the name of a run."""


def is_group(name: str) -> bool:
    """Return whether ``name`` is that of a group."""
    return len(name) > 1 and name.endswith(MARK)


def run_name(group: str, seed: int) -> str:
    """Return the name of the experiment with ``seed`` in ``group``, which ends with the mark."""
    return f"{group}{seed}"


def members(group: str, repo: Path) -> dict[str, str]:
    """Return the experiments of ``group`` in the order of their seeds: name and full reference.

    Where several commits have experiments of these names, they are those of the commit that got the newest one.

    Raises
    ------
    UserError
        There are none, or ``repo`` is no git repository.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    newest: dict[str, int] = {}
    for date, reference in _references(group, repo):
        baseline, _, name = reference.rpartition("/")
        if re.fullmatch(r"\d+", name.removeprefix(group)):
            found[baseline][name] = reference
            newest[baseline] = max(date, newest.get(baseline, 0))
    if not found:
        raise UserError(
            f"{group}: no experiments called {run_name(group, 0)}, {run_name(group, 1)} …; `darkroom replicate --name"
            f" {group.removesuffix(MARK)}` runs them, `dvc exp list --all-commits` names those there are"
        )
    latest = found[max(newest, key=lambda baseline: (newest[baseline], baseline))]
    return dict(sorted(latest.items(), key=lambda item: int(item[0].removeprefix(group))))


def _references(group: str, repo: Path) -> list[tuple[int, str]]:
    """Return date and reference of every experiment whose name begins with ``group``."""
    form = "--format=%(committerdate:unix) %(refname)"
    words = ["git", "for-each-ref", form, f"refs/exps/*/*/{group}*"]
    done = subprocess.run(words, cwd=repo, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise UserError(f"{group}: {done.stderr.strip()}; run this in the project's folder")
    rows = (line.split(" ", 1) for line in done.stdout.splitlines())
    return [(int(date), reference) for date, reference in rows]
