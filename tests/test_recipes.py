"""Recipes are complete params.yaml files with an honest header; `darkroom recipe` hands them out."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from darkroom import UserError, recipes
from darkroom.params import read_params

ROOT = Path(__file__).parents[1]
NAMES = recipes.names(ROOT / "recipes")


def values(text: str) -> Any:
    return YAML(typ="safe").load(text)


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
def test_recipe_sets_what_its_file_says_and_leaves_the_rest_at_its_default(root, name):
    recipe = recipes.read(root / "recipes", name)
    recipe.params()
    complete, defaults = values(recipe.text), values(recipe.defaults)
    own = values((root / "recipes" / f"{name}.yaml").read_text())
    for section, default in defaults.items():
        expected = default | own.get(section, {}) if isinstance(default, dict) else own.get(section, default)
        assert complete[section] == expected
    said = [(s, k) for s, section in own.items() for k in section]
    assert [place for place in said if complete[place[0]][place[1]] == defaults[place[0]][place[1]]] == []


def test_defaults_are_those_that_the_comments_name(root):
    text = (root / "recipes" / "defaults.yaml").read_text()
    stated = re.findall(r"(?m)^  (\w+): +(\S.*?) +# .*?\bdefault (\S.*)$", text)
    above = re.findall(r"(?m)^  # .*?\bdefault (\S.*)\n  (\w+): +(\S.*)$", text)
    assert len(above) == 5
    stated += [(key, value, default) for default, key, value in above]
    assert len(stated) > 90
    wrong = {key: (value, default) for key, value, default in stated if values(value) != values(default)}
    # Its comment describes the default, which is the value itself.
    del wrong["pattern"]
    assert wrong == {}


@pytest.mark.parametrize("name", NAMES)
def test_recipe_header_says_all_there_is_to_expect(root, name):
    header = recipes.read(root / "recipes", name).header
    assert set(header) == set(recipes.FIELDS)
    assert all(header.values())
    assert f"darkroom recipe use {name}" in header["Command"]


def body(text: str) -> list[str]:
    return text[text.index("# Everything a user tunes") :].splitlines()


def test_params_is_the_recipe_digits(root):
    assert body((root / "params.yaml").read_text()) == body(recipes.read(root / "recipes", "digits").text)


def test_recipe_that_sets_what_does_not_exist_is_refused(root, tmp_path):
    (tmp_path / "defaults.yaml").write_text((root / "recipes" / "defaults.yaml").read_text())
    (tmp_path / "mine.yaml").write_text("# mine\n\ntrain:\n  epocs: 3\n")
    with pytest.raises(UserError, match=r"mine\.yaml: train\.epocs: unknown"):
        _ = recipes.read(tmp_path, "mine").text


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
    assert (project / "params.yaml").read_text() == recipes.read(root / "recipes", "ox").text


def test_use_takes_images_from_the_inbox_and_changes_nothing_else(root, project):
    assert darkroom(project, "recipe", "use", "flowers", "--inbox", "my photos").returncode == 0
    ours = body((project / "params.yaml").read_text())
    theirs = body(recipes.read(root / "recipes", "flowers").text)
    changed = [line.split("#")[0].strip() for line, other in zip(ours, theirs, strict=True) if line != other]
    # What its own source needed is gone too.
    assert changed == ["kind: local", "path: 'my photos'", "urls: []"]
    assert read_params(project / "params.yaml").source.path == "my photos"
    assert (
        "\n# Data: my photos, of your own; what follows was measured on TensorFlow flower_photos.tgz, 3,670 "
        in (project / "params.yaml").read_text()
    )


def test_use_says_what_it_changes(project):
    darkroom(project, "recipe", "use", "flowers")
    said = darkroom(project, "recipe", "use", "flowers", "--inbox", "pets", "--force").stdout.splitlines()
    assert [line.split(" → ")[1] for line in said[1:-1]] == ["local", "pets", "[]"]
    assert said[1] == "    source.kind: http → local"


def test_use_refuses_to_overwrite_uncommitted_edits_unless_forced(project):
    (project / "params.yaml").write_text("seed: 1\n")
    refused = darkroom(project, "recipe", "use", "ox")
    assert refused.returncode == 1
    assert "uncommitted edits" in refused.stderr
    assert "--force" in refused.stderr
    assert (project / "params.yaml").read_text() == "seed: 1\n"
    assert darkroom(project, "recipe", "use", "ox", "--force").returncode == 0


def test_what_a_recipe_wrote_is_no_edit_and_what_holds_of_the_images_stays(project):
    (project / ".dvc").mkdir(exist_ok=True)
    darkroom(project, "recipe", "use", "fast", "--inbox", "pets")
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("  group_by: null", "  group_by: '(.*)_'"))
    assert darkroom(project, "recipe", "use", "transfer", "--inbox", "pets").returncode == 1
    subprocess.run(["git", "commit", "--quiet", "--all", "--message", "Group"], cwd=project, check=True)
    for name in ("transfer", "fast"):
        said = darkroom(project, "recipe", "use", name, "--inbox", "pets")
        assert (said.returncode, said.stderr) == (0, "")
        assert '    split.group_by: "(.*)_" stays, for the same images' in said.stdout
    assert '  group_by: "(.*)_"' in params.read_text()
    assert "stays" not in darkroom(project, "recipe", "use", "fast", "--inbox", "plants").stdout
    assert "  group_by: null" in params.read_text()


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
    found = values((project / "params.yaml").read_text())
    gray80 = recipes.read(root / "recipes", "dogs-vs-cats-gray80")
    kept = values(gray80.with_local_source("photos").text)
    trained = values(recipes.read(root / "recipes", "ox").text)
    assert kept["source"]["competition"] is None
    assert found == kept | {section: trained[section] for section in recipes.TRAINING}
    comments = [
        [line.split(" # ", 1)[1] for line in path.read_text().splitlines() if " # " in line]
        for path in (project / "params.yaml", root / "params.yaml")
    ]
    assert comments[0] == comments[1]


def test_use_training_only_cannot_change_the_images(project):
    refused = darkroom(project, "recipe", "use", "ox", "--training-only", "--inbox", "photos")
    assert refused.returncode == 1
    assert "choose one" in refused.stderr
    assert (project / "params.yaml").read_text() == "seed: 0\n"


def test_use_training_only_leaves_evaluate_and_plot_as_they_were(root, project):
    darkroom(project, "recipe", "use", "ox", "--force")
    params = project / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("occlusion: 6 ", "occlusion: 1 ").replace("samples: 25 ", "samples: 9 "))
    assert darkroom(project, "recipe", "use", "transfer", "--training-only", "--force").returncode == 0
    found, transfer = values(params.read_text()), values(recipes.read(root / "recipes", "transfer").text)
    assert (found["evaluate"]["occlusion"], found["plot"]["samples"]) == (1, 9)
    assert [found[name] == transfer[name] for name in recipes.TRAINING] == [True] * 4
