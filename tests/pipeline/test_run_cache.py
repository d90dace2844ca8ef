"""DVC's run cache hears every parameter: another value is another run, never an old result under a new name."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.stage.cache import _get_cache_hash
from dvc_data.hashfile.meta import Meta
from ruamel.yaml import YAML

from darkroom import UserError
from darkroom.params import parse_params

ROOT = Path(__file__).parents[2]
LOCK: dict[str, Any] = YAML(typ="safe").load((ROOT / "dvc.lock").read_text())["stages"]
UNHEARD = {Meta.PARAM_SIZE, Meta.PARAM_NFILES}
"""Keys that DVC leaves out of what it compares, at any depth."""


def places(node: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every single value in ``node``; an empty list or mapping is a value too."""
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    below = [place for step, value in steps for place in places(value, *path, step)]
    yield from below or [path]


def changed(entry: dict[str, Any], place: tuple[Any, ...]) -> dict[str, Any]:
    """Return the entry of dvc.lock with another value at ``place``."""
    other = copy.deepcopy(entry)
    node = other
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = "another"
    return other


def key(entry: dict[str, Any]) -> str:
    """Return the name under which DVC keeps and looks for such a run."""
    return _get_cache_hash(copy.deepcopy(entry), key=True)


@pytest.mark.parametrize("stage", LOCK)
def test_another_value_of_any_parameter_is_another_run(stage):
    entry = LOCK[stage]
    params = list(places(entry["params"], "params"))
    assert params
    assert [place for place in params if key(changed(entry, place)) == key(entry)] == []


@pytest.mark.parametrize("stage", LOCK)
def test_another_dependency_is_another_run(stage):
    entry = LOCK[stage]
    hashes = [("deps", number, "md5") for number in range(len(entry["deps"]))]
    assert [place for place in hashes if key(changed(entry, place)) == key(entry)] == []


def test_no_parameter_is_called_like_what_dvc_leaves_out():
    names = {step for stage in LOCK.values() for place in places(stage["params"]) for step in place}
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    assert UNHEARD.isdisjoint(names | {step for place in places(params) for step in place})


@pytest.mark.parametrize("name", sorted(UNHEARD))
def test_label_called_like_what_dvc_leaves_out_is_no_key_of_the_map(name):
    text = (ROOT / "params.yaml").read_text().replace("  map: {} ", f"  map: {{{name}: large}} ")
    with pytest.raises(UserError, match=rf"labels\.map: .*{name}.*rename"):
        parse_params(text, Path("params.yaml"))
