"""What other systems lack or do otherwise, as far as it shows on this one: simulated, and told by the types."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from darkroom.replicate import experiments
from tests.conftest import ROOT
from tests.waiting import wait_until

WITHOUT = """
import importlib, os, pkgutil, signal, sys
from pathlib import Path

from typer.testing import CliRunner

import dvc.api, filelock, psutil, sklearn.metrics  # which look for themselves what there is

HEAVY = ("keras", "tensorflow")
sys.modules.update(dict.fromkeys(HEAVY))
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for module, name in [(os, "pread"), (os, "killpg"), (os, "sysconf"), (os, "O_DIRECTORY"), (os, "O_CLOEXEC"),
                     (os, "fork"), (signal, "SIGKILL")]:
    delattr(module, name)

import darkroom
from darkroom import cli

names = [found.name for found in pkgutil.walk_packages(darkroom.__path__, "darkroom.")]
for name in [*names, *(f"stages.{path.stem}" for path in Path("stages").glob("[a-z]*.py"))]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not error.name.startswith(HEAVY):
            raise

from darkroom.decode.archives import extents
Path(sys.argv[1]).write_bytes(bytes(range(9)))
assert extents.pread(sys.argv[1], 2, 3) == bytes([2, 3, 4])
assert CliRunner().invoke(cli.app, ["recipe", "list"]).exit_code == 0
"""


def test_every_module_can_be_imported_where_there_is_no_posix(tmp_path: Path) -> None:
    """Less what TensorFlow is imported for: of that the types tell, once a week."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path / "some")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_and_all_that_it_started_are_killed_without_sessions() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60"]) as process:
        wait_until(lambda: len(psutil.Process(process.pid).children()) == 2)
        children = psutil.Process(process.pid).children()
        experiments.kill(process.pid)
        psutil.wait_procs(children, timeout=60)
    assert not any(child.is_running() for child in children)
    experiments.kill(process.pid)  # it is gone: nothing is left to do


@pytest.mark.slow
@pytest.mark.weekly
@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_nothing_is_called_that_another_system_lacks(system: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--platform", system, "--cache-dir", str(tmp_path)]
    done = subprocess.run(
        # What is for one system alone cannot be reached on another.
        [*command, "--no-warn-unreachable", "src/darkroom", "stages"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_text_lies_on_the_disk_with_the_same_line_ends_on_every_system() -> None:
    """So that its MD5 in dvc.lock is the same everywhere."""
    words = [
        "git",
        "check-attr",
        "eol",
        "text",
        "--",
        "params.yaml",
        "plots/roc.csv",
        "src/darkroom/files.py",
    ]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.rpartition(": ")[2] for line in told] == ["lf", "auto"] * 3
    names = subprocess.run(["git", "ls-files", "--eol"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line for line in names.stdout.splitlines() if "i/crlf" in line or "i/mixed" in line] == []
