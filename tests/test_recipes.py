"""Recipes are complete params.yaml files with an honest header; `darkroom recipe` hands them out."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from darkroom import UserError, recipes
from darkroom.decode.params import DecodeParams, ImageParams, LabelsParams
from darkroom.evaluate.params import EvaluateParams
from darkroom.fetch.params import SourceParams
from darkroom.params import SECTIONS, Params
from darkroom.plot.params import PlotParams
from darkroom.split.params import NormalizeParams, SplitParams
from darkroom.train.params import AugmentParams, ModelParams, TrainParams

MODELS: dict[str, Any] = {
    "seed": int,
    "source": SourceParams,
    "labels": LabelsParams,
    "image": ImageParams,
    "decode": DecodeParams,
    "split": SplitParams,
    "normalize": NormalizeParams,
    "model": ModelParams,
    "augment": AugmentParams,
    "train": TrainParams,
    "evaluate": EvaluateParams,
    "plot": PlotParams,
}
NAMES = [path.stem for path in sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))]


def test_all_published_systems_and_our_own_are_there():
    assert set(NAMES) >= {
        "digits",
        "fast",
        "fast-small",
        "cats-dogs-rgb64",
        "dogs-vs-cats-torch",
        "ox",
        "dogs-vs-cats-gray80",
        "flowers",
        "flowers-augmented",
        "malaria",
    }


@pytest.mark.parametrize("name", NAMES)
def test_recipe_is_complete_and_valid(root, name):
    params = Params(root / "recipes" / f"{name}.yaml")
    for section in SECTIONS:
        params.section(section, MODELS[section])


@pytest.mark.parametrize("name", NAMES)
def test_recipe_header_says_all_there_is_to_expect(root, name):
    header = recipes.read(root / "recipes", name).header
    assert set(header) == set(recipes.FIELDS)
    assert all(header.values())
    assert f"darkroom recipe use {name}" in header["Command"]


@pytest.mark.parametrize("name", NAMES)
def test_recipe_keeps_the_comments_of_params(root, name):
    def comments(path: Path) -> list[str]:
        return [line.split("#", 1)[1].strip() for line in path.read_text().splitlines() if "  #" in line]

    assert comments(root / "recipes" / f"{name}.yaml") == comments(root / "params.yaml")


def test_digits_is_the_default(root):
    def values(path: Path) -> Any:
        return YAML(typ="safe").load(path.read_text())

    assert values(root / "recipes" / "digits.yaml") == values(root / "params.yaml")


@pytest.fixture
def project(root, tmp_path):
    """Return a small git repository that holds the recipes and a committed params.yaml."""
    (tmp_path / "recipes").symlink_to(root / "recipes")
    (tmp_path / "params.yaml").write_text("seed: 0\n")
    for command in (["init", "-q"], ["add", "params.yaml"], ["commit", "-q", "-m", "Start"]):
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    return tmp_path


def darkroom(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from darkroom.cli import app; app()", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )


def test_use_writes_the_recipe(root, project):
    assert darkroom(project, "recipe", "use", "ox").returncode == 0
    assert (project / "params.yaml").read_text() == (root / "recipes" / "ox.yaml").read_text()


def test_use_takes_images_from_the_inbox_and_changes_nothing_else(root, project):
    assert darkroom(project, "recipe", "use", "flowers", "--inbox", "my photos").returncode == 0
    ours = (project / "params.yaml").read_text().splitlines()
    theirs = (root / "recipes" / "flowers.yaml").read_text().splitlines()
    changed = [line.split("#")[0].strip() for line, other in zip(ours, theirs, strict=True) if line != other]
    assert changed == ["kind: local", "path: 'my photos'"]
    assert Params(project / "params.yaml").section("source", SourceParams).path == "my photos"


def test_use_refuses_to_overwrite_uncommitted_edits_unless_forced(project):
    (project / "params.yaml").write_text("seed: 1\n")
    refused = darkroom(project, "recipe", "use", "ox")
    assert refused.returncode == 1
    assert "uncommitted edits" in refused.stderr
    assert "--force" in refused.stderr
    assert (project / "params.yaml").read_text() == "seed: 1\n"
    assert darkroom(project, "recipe", "use", "ox", "--force").returncode == 0


def test_unknown_recipe_is_answered_with_those_there_are(project):
    done = darkroom(project, "recipe", "show", "flower")
    assert done.returncode == 1
    assert "flowers-augmented" in done.stderr
    assert "Traceback" not in done.stderr


def test_list_shows_every_recipe(project):
    shown = darkroom(project, "recipe", "list").stdout
    assert [name for name in NAMES if f"{name}\n" not in shown] == []


def test_folder_without_recipes_is_told(tmp_path):
    with pytest.raises(UserError, match="no recipes here"):
        recipes.read_all(tmp_path / "recipes")


def test_use_training_only_keeps_the_images_and_how_they_are_split(root, project):
    darkroom(project, "recipe", "use", "dogs-vs-cats-gray80", "--inbox", "photos")
    assert darkroom(project, "recipe", "use", "ox", "--training-only", "--force").returncode == 0
    found, kept, trained = (
        YAML(typ="safe").load(path.read_text())
        for path in (
            project / "params.yaml",
            root / "recipes" / "dogs-vs-cats-gray80.yaml",
            root / "recipes" / "ox.yaml",
        )
    )
    kept["source"] |= {"kind": "local", "path": "photos"}
    assert found == kept | {section: trained[section] for section in recipes.TRAINING}
    comments = [
        line.split("  #", 1)[1]
        for line in (project / "params.yaml").read_text().splitlines()
        if "  #" in line
    ]
    assert len(comments) == sum("  #" in line for line in (root / "params.yaml").read_text().splitlines())


def test_use_training_only_cannot_change_the_images(project):
    refused = darkroom(project, "recipe", "use", "ox", "--training-only", "--inbox", "photos")
    assert refused.returncode == 1
    assert "choose one" in refused.stderr
    assert (project / "params.yaml").read_text() == "seed: 0\n"
