"""What is exported says what Keras says, in a process that has nothing but the format's own runtime."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.export.conftest import KINDS, SUFFIXES, Project

OTHERS = [
    pytest.param(kind, format, marks=pytest.mark.slow)
    for kind in KINDS
    if kind != "digits"
    for format in SUFFIXES
]


@pytest.mark.parametrize(("kind", "format"), [*(("digits", format) for format in SUFFIXES), *OTHERS])
def test_the_exported_model_says_what_keras_says(
    project: Callable[[str], Project], tmp_path: Path, kind: str, format: str
) -> None:
    here = project(kind)
    path = tmp_path / f"exported{SUFFIXES[format]}"
    done = here.export("--to", format, "--output", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{path}: checked against Keras on ")
    assert "the same class for all of them\n" in done.stdout
    assert "test images: at most " in done.stdout
    probabilities, about = here.run(format, path, tmp_path / "result.npz")
    expected = here.expected
    assert expected.std(axis=0).max() > 0.1  # images differ enough for a wrong one to show
    for name, count in (("alone", 1), ("seven", 7), ("all", len(expected))):
        assert probabilities[name].shape == (count, len(about["classes"]))
        assert probabilities[name].dtype == np.float32
        np.testing.assert_allclose(probabilities[name], expected[:count], atol=1e-5)
    described = json.loads((here.folder / "models" / "model.json").read_text())
    assert about["classes"] == described["classes"]
    assert about["preparation"] == described["preparation"]
    assert about["model"]["versions"] == described["versions"]
    assert about["input"]["shape"] == [None, *described["shape"]]
    assert about["export"]["versions"]["tensorflow"]
