"""Real git, real dvc: a temporary repository that holds the project as it stands."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from ruamel.yaml import YAML

from tests.parameters import write_params


class Repository:
    """A temporary clone of the project, with the commands that a user types in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # `python` in dvc.yaml comes from PATH: the environment's own, as `make` and an activated shell have it.
        self.env = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_AUTHOR_NAME": "Test",
            "GIT_AUTHOR_EMAIL": "test@example.com",
            "GIT_COMMITTER_NAME": "Test",
            "GIT_COMMITTER_EMAIL": "test@example.com",
        }

    def run(self, *command: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the repository and return what it said; fail with that where its exit code is not 0."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env | env, text=True, capture_output=True, check=False
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def dvc(self, *arguments: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "dvc", *arguments, check=check, **env)

    def repro(self, *arguments: str, **env: str) -> list[str]:
        """Run `dvc repro` and return the stages it ran, in order."""
        return re.findall(
            r"^Running stage '(\w+)'", self.dvc("repro", *arguments, **env).stdout, re.MULTILINE
        )

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).stdout

    def stage(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run one stage as DVC would, whatever its exit code."""
        return self.run(sys.executable, "-m", f"stages.{name}", check=False)

    def params(self) -> dict[str, Any]:
        content: dict[str, Any] = YAML(typ="safe").load(self.path("params.yaml").read_text())
        return content

    def change(self, changes: Mapping[str, Any]) -> None:
        """Set params by dotted name."""
        write_params(self.path("params.yaml"), changes, self.path("params.yaml"))

    def metrics(self, stage: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.path(f"metrics/{stage}.json").read_text())
        return content

    def lock(self) -> dict[str, Any]:
        content: dict[str, Any] = YAML(typ="safe").load(self.path("dvc.lock").read_text())["stages"]
        return content

    def path(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture(scope="session")
def clone(root: Path) -> Callable[[Path], Repository]:
    """Return a function that puts the project, uncommitted edits included, into a new repository."""

    def make(folder: Path) -> Repository:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name)
        repository = Repository(folder)
        repository.git("init", "--quiet", "--initial-branch", "main")
        repository.git("add", "--all")
        repository.git("commit", "--quiet", "--message", "Start")
        return repository

    return make


@pytest.fixture
def repository(clone: Callable[[Path], Repository], tmp_path: Path) -> Repository:
    """Return a fresh clone, nothing run in it yet."""
    return clone(tmp_path / "project")


@pytest.fixture(scope="session")
def finished_once(
    clone: Callable[[Path], Repository], tmp_path_factory: pytest.TempPathFactory
) -> Repository:
    """Return one clone in which `dvc repro` ran on the bundled digits, for two epochs, and was committed.

    The first of xdist's workers to need it runs it, and the others wait for it and copy it.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(shared / "finished.lock"):
        if not (shared / "finished").is_dir():
            repository = clone(own / "unfinished" / "project")
            repository.change({"train.epochs": 2})
            repository.dvc("repro")
            repository.git("add", "--all")
            repository.git("commit", "--quiet", "--message", "Run")
            repository.folder.rename(shared / "finished")
    return Repository(shutil.copytree(shared / "finished", own / "finished-once", symlinks=True))


@pytest.fixture
def finished(finished_once: Repository, tmp_path: Path) -> Repository:
    """Return a copy of the finished run that a test may change as it likes."""
    shutil.copytree(finished_once.folder, tmp_path / "project", symlinks=True)
    return Repository(tmp_path / "project")
