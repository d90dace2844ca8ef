"""What a user is told to install is this project's own and pinned, and make finds a Python that fits."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from darkroom import how_to_install

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def texts() -> list[Path]:
    """Return every file whose text a user reads, on paper or in a message."""
    folders = [path for name in ("src", "docs", "recipes") for path in (ROOT / name).rglob("*")]
    pages = [path for path in folders if path.suffix in {".py", ".md", ".yaml", ".html", ".js"}]
    return [*pages, *ROOT.glob("*.md"), ROOT / "params.yaml", ROOT / "dvc.yaml"]


def test_no_text_names_a_package_that_is_not_ours():
    told = re.compile(r"pip3? install (?!--editable|--require-hashes)\S+|pipx install|uvx \S+|conda install")
    assert {path.name: told.findall(text) for path in texts() if told.search(text := path.read_text())} == {}


def test_every_extra_that_a_text_names_exists():
    named = {name for path in texts() for name in re.findall(r"make extra-(\w+)", path.read_text())}
    asked = {
        name
        for path in texts()
        for name in re.findall(r"how_to_install\(['\"](\w+)['\"]\)", path.read_text())
    }
    assert {"torch", "jax", "serve"} <= named | asked <= set(EXTRAS)
    assert how_to_install("torch") == "`make extra-torch`"


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {"dev"}))
def test_every_package_of_an_extra_is_pinned_with_hashes(extra):
    locked = (ROOT / "requirements.txt").read_text() + (ROOT / "requirements-extras.txt").read_text()
    for requirement in EXTRAS[extra]:
        name = re.match(r"[\w-]+", requirement)
        assert name
        assert re.search(rf"(?m)^{name[0]}==\S+( ;.*)? \\\n    --hash=sha256:", locked)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a folder with the project's Makefile, and programs that say they are Python 3.14."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        old(tmp_path / "bin" / name)
    return tmp_path


def old(path: Path) -> None:
    path.write_text('#!/bin/sh\ncase "$*" in *--version*) echo "Python 3.14.2"; exit 0;; esac\nexit 1\n')
    path.chmod(0o755)


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return subprocess.run(
        ["make", *arguments], cwd=folder, env={"PATH": path}, capture_output=True, text=True, check=False
    )


def test_make_without_a_python_that_fits_says_so_in_one_line(machine):
    done = make(machine, ".venv/.ready")
    assert done.returncode == 2
    first, second, *rest = done.stderr.splitlines()
    assert (
        "needs Python 3.11, 3.12 or 3.13, and python3 is Python 3.14.2; name another: make repro PYTHON="
        in first
    )
    assert second.startswith("make: ***")
    assert rest == []


def test_make_says_that_the_python_named_does_not_fit(machine):
    done = make(machine, ".venv/.ready", f"PYTHON={machine / 'bin/python3'}")
    assert f"{machine / 'bin/python3'} is Python 3.14.2" in done.stderr


def test_make_takes_the_first_python_that_fits(machine):
    (machine / "bin/python3.12").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    done = make(machine, "--dry-run", ".venv/.ready")
    assert '"python3.12" -m venv .venv' in done.stdout
