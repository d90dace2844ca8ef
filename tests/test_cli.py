"""`darkroom` in a shell: from any folder of the project, and completed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom import project

DARKROOM = Path(sys.executable).with_name("darkroom")


def run(folder: Path, *words: object, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_commands_of_the_project_work_from_any_folder_in_it(root):
    at_the_top = run(root, DARKROOM, "recipe", "list")
    assert at_the_top.returncode == 0
    assert run(root / "docs/cluster", DARKROOM, "recipe", "list").stdout == at_the_top.stdout


def test_models_are_those_of_the_project_where_the_working_folder_has_none(tmp_path, monkeypatch):
    (tmp_path / "project" / ".dvc").mkdir(parents=True)
    (tmp_path / "project" / "dvc.yaml").write_text("stages: {}\n")
    inside = tmp_path / "project" / "data" / "inbox"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert project.located(Path("models")) == tmp_path / "project" / "models"
    (inside / "models").mkdir()
    assert project.located(Path("models")) == Path("models")
    project.enter()
    assert Path.cwd() == tmp_path / "project"
    monkeypatch.chdir(tmp_path)
    assert project.root() is None
    assert project.located(Path("models")) == Path("models")
    project.enter()
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("line", "completed"),
    [("darkroom rec", "recipe"), ("darkroom recipe use transfer-t", "transfer-tuned")],
)
def test_bash_completes_commands_and_recipes(root, tmp_path, line, completed):
    path = f"{DARKROOM.parent}{os.pathsep}{os.environ['PATH']}"
    # Typer asks which shell runs it, and takes the one named only where it is told not to: `make` runs no bash.
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    installed = run(root, DARKROOM, "--install-completion", "bash", HOME=str(tmp_path), **named)
    assert installed.returncode == 0, installed.stderr
    words = line.split()
    script = (
        f"source {tmp_path}/.bashrc; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
        'eval "$(complete -p darkroom | sed -E "s/.*-F (\\w+) .*/\\1/") darkroom"; echo "${COMPREPLY[@]}"'
    )
    done = run(root / "docs", "bash", "-c", script, HOME=str(tmp_path), PATH=path)
    assert done.stdout.split() == [completed], done.stderr
