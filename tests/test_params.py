"""params.yaml is read as DVC reads it, and every mistake in it is named."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from darkroom import UserError
from darkroom.params import SECTIONS, Params, Section


class Train(Section):
    epochs: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    optimizer: Literal["adam", "sgd"]
    warm: list[int]


GOOD = "seed: 3\ntrain:\n  epochs: 2\n  learning_rate: 1e-4\n  optimizer: adam\n  warm: [1]\n"


def write(folder: Path, text: str) -> Params:
    path = folder / "params.yaml"
    path.write_text(text)
    return Params(path)


def test_section_is_typed_and_cannot_be_changed(tmp_path):
    train = write(tmp_path, GOOD).section("train", Train)
    assert train == Train(epochs=2, learning_rate=0.0001, optimizer="adam", warm=[1])
    with pytest.raises(ValueError, match="frozen"):
        train.epochs = 3


def test_single_value_is_a_section_too(tmp_path):
    assert write(tmp_path, GOOD).section("seed", int) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs: 2", "epochs: 0", "train.epochs: got 0; expected greater than or equal to 1"),
        ("epochs: 2", "epochs: '2'", "train.epochs: got '2'; expected a valid integer"),
        ("epochs: 2", "epochs: 2.5", "train.epochs: got 2.5; expected a valid integer"),
        ("epochs: 2", "epochs: true", "train.epochs: got True; expected a valid integer"),
        ("epochs: 2", "epoch: 2", "train.epochs: missing parameter"),
        ("epochs: 2", "epochs: 2\n  x: 1", "train.x: unknown parameter; allowed are epochs, learning_rate"),
        ("adam", "no", "train.optimizer: got 'no'; expected 'adam' or 'sgd'"),
        ("[1]", "[1, a]", "train.warm.1: got 'a'; expected a valid integer"),
        ("seed: 3", "seeds: 3", "unknown section 'seeds'; allowed are seed, source"),
    ],
)
def test_mistake_is_named(tmp_path, old, new, message):
    with pytest.raises(UserError) as error:
        write(tmp_path, GOOD.replace(old, new)).section("train", Train)
    assert f"{tmp_path / 'params.yaml'}: {message}" in str(error.value)


@pytest.mark.parametrize("text", ["", "- 1\n", "seed"])
def test_text_that_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(UserError, match="expected sections"):
        write(tmp_path, text)


def test_yaml_that_does_not_parse_is_told_with_its_line(tmp_path):
    with pytest.raises(UserError, match=r"not valid YAML.*line 3"):
        write(tmp_path, "seed: 0\ntrain: [\n")


def test_key_given_twice_is_refused(tmp_path):
    with pytest.raises(UserError, match="duplicate key"):
        write(tmp_path, "seed: 0\nseed: 1\n")


def test_missing_section_is_named(tmp_path):
    with pytest.raises(UserError, match="section 'split' is missing"):
        write(tmp_path, GOOD).section("split", Train)


def test_sections_are_those_of_the_projects_own_file(root):
    assert tuple(Params(root / "params.yaml")._sections) == SECTIONS
