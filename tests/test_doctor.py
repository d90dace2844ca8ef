"""`darkroom doctor` finds what would fail, and says how to fix it."""

import os
from pathlib import Path

import pytest

from darkroom import doctor
from tests.project import Project


@pytest.fixture
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project of git and DVC with params.yaml and a lock, all in order; work there."""
    project = Project(tmp_path)
    lock = (root / "requirements.txt").read_text()
    project.begin({"params.yaml": (root / "params.yaml").read_text(), "requirements.txt": lock})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", project.env["PATH"])
    return project


def said(level: str) -> list[str]:
    return [one.text for one in doctor.examine(Path()) if one.level == level]


def test_nothing_fails_where_all_is_in_order(project):
    assert said("fails") == []
    found = said("ok")
    assert [text.split()[0] for text in found if text.startswith(doctor.PACKAGES)] == list(doctor.PACKAGES)
    assert "DVC remote: none: nothing is kept but here (docs/sharing.md)" in found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: bundled ", "kind: local ", "params.yaml: source.path: 'nowhere' is not there"),
        ("seed: 0\n", "seed: 0\nseed: 0\n", "params.yaml: the section seed stands 2 times"),
        ("epochs: 25 ", "epochs: none ", "params.yaml: train.epochs: got 'none'"),
    ],
)
def test_params_that_end_a_run_are_told(project, old, new, message):
    project.set("path: null ", "path: nowhere ")
    project.set(old, new)
    assert [text[: len(message)] for text in said("fails")] == [message]


def test_another_python_than_that_of_the_environment_is_told(project, monkeypatch):
    (project.folder / "bin").mkdir()
    other = project.folder / "bin" / "python"
    other.symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{other.parent}{os.pathsep}{os.environ['PATH']}")
    (text,) = said("fails")
    assert text.startswith(f"the stages would run {other} and not ")
    assert text.endswith("`source .venv/bin/activate`")


def test_a_version_that_is_not_the_pinned_one_is_told(project):
    lock = project.folder / "requirements.txt"
    lock.write_text(lock.read_text().replace("keras==", "keras==9"))
    assert [text for text in said("warning") if "requirements.txt pins 9" in text]


def test_a_cache_that_copies_is_told_and_one_that_links_is_not(project):
    (project.folder / "data").mkdir()
    (project.folder / "data" / "x").write_text("x")
    project.run("dvc", "add", "--quiet", "data/x")
    project.run("dvc", "config", "cache.type", "copy")
    assert [text for text in said("warning") if text.startswith("DVC cache: copy wanted")]
    project.run("dvc", "config", "cache.type", "symlink")
    assert [text for text in said("ok") if text.startswith("DVC cache: symlink wanted")]


def test_room_is_estimated_from_the_files_of_the_source(project):
    folder = project.folder / "data" / "inbox" / "pets"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(bytes(10**6))
    project.set("kind: bundled ", "kind: local ")
    project.set("path: null ", "path: pets ")
    project.set("resolution: 16 ", "resolution: 4096 ")
    (disk,) = (text for text in said("ok") if text.startswith("disk: "))
    # Twice three megabytes and 3 x 4096 x 4096 bytes of pixels.
    assert disk.startswith("disk: some 0.1 GB of ")
    assert disk.endswith("estimated for 3 images of source.path")


def test_outside_a_project_that_is_what_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert any("run this in a clone of the project" in text for text in said("fails"))
