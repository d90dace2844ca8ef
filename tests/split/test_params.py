"""The sections `split` and `normalize` say what is allowed when they are given something else."""

import re
from pathlib import Path
from typing import Any

import pytest

from darkroom import UserError
from darkroom.params import SplitParams, read_params

GOOD = {
    "train": 0.7,
    "validation": 0.1,
    "test": 0.2,
    "seed": 0,
    "stratified": "true",
    "predefined": "keep",
    "near_duplicates": 8,
    "group_by": "null",
    "folds": "null",
    "fold": 0,
}


PARAMS = Path(__file__).parents[2] / "params.yaml"


def read(folder: Path, **changes: Any) -> SplitParams:
    section = "split:\n" + "".join(f"  {key}: {value}\n" for key, value in {**GOOD, **changes}.items())
    text = re.sub(r"(?m)^split:\n(  .*\n)*", lambda _: section, PARAMS.read_text())
    (folder / "params.yaml").write_text(text)
    return read_params(folder / "params.yaml").split


def test_the_params_in_the_repository_are_valid() -> None:
    assert sum(read_params(PARAMS).split.fractions) == pytest.approx(1)


def test_fractions_with_no_exact_binary_form_add_up(tmp_path: Path) -> None:
    assert 0.7 + 0.2 + 0.1 != 1
    assert read(tmp_path, validation=0.2, test=0.1).fractions == (0.7, 0.2, 0.1)


def test_whole_numbers_are_fractions_too(tmp_path: Path) -> None:
    assert read(tmp_path, train=1, validation=0, test=0).fractions == (1, 0, 0)


@pytest.mark.parametrize(
    ("changes", "key", "allowed"),
    [
        ({"train": 0.8}, "split", "add up to 1.1"),
        ({"test": 0.2000001}, "split", "add up to 1.0000001"),
        ({"train": 0, "test": 0.9}, "split.train", "more than 0"),
        ({"test": -0.1}, "split.test", "at least 0"),
        ({"test": ".nan"}, "split.test", "got nan; expected"),
        ({"seed": -1}, "split.seed", "at least 0"),
        ({"seed": 1.5}, "split.seed", "whole number"),
        ({"stratified": "1"}, "split.stratified", "true or false"),
        ({"predefined": "mend"}, "split.predefined", "'keep', 'repair' or 'ignore'"),
        ({"near_duplicates": 9}, "split.near_duplicates", "at most 8"),
        ({"group_by": "'(C\\d+'"}, "split.group_by", "a regular expression or null"),
        ({"folds": 1}, "split.folds", "at least 2"),
        ({"fold": -1}, "split.fold", "at least 0"),
        ({"folds": 5, "fold": 5}, "split", "split.fold: 0 to 4; got 5 with split.folds: 5"),
        ({"fold": 1}, "split", "split.fold: 0 where split.folds is null; got 1"),
        ({"shuffle": "true"}, "split.shuffle", "unknown parameter"),
    ],
)
def test_a_wrong_value_is_answered_with_what_is_allowed(
    tmp_path: Path, changes: dict[str, Any], key: str, allowed: str
) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, **changes)
    assert f"{tmp_path / 'params.yaml'}: {key}: " in str(error.value)
    assert allowed in str(error.value)


def test_an_unknown_normalization_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS.read_text().replace("method: rescale ", "method: whiten "))
    with pytest.raises(UserError, match=r"normalize\.method: got 'whiten'; expected .*'zca'"):
        read_params(tmp_path / "params.yaml")
