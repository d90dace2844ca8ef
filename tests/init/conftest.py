"""A project with an inbox, to begin in."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository that holds the recipes, a committed params.yaml and an empty inbox; work there."""
    (tmp_path / "recipes").symlink_to(root / "recipes")
    (tmp_path / "params.yaml").write_text("seed: 0\n")
    (tmp_path / "data" / "inbox").mkdir(parents=True)
    for command in (["init", "-q"], ["add", "params.yaml"], ["commit", "-q", "-m", "Start"]):
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
