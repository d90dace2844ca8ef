"""What is exported says what Keras says, in a process that has nothing but the format's own runtime."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.export.conftest import KINDS, SUFFIXES, Project, make

OFTEN = ("photos", "transfer")
"""The others differ from these and the digits in their heads alone, and wait for the week's end."""

OTHERS = [
    pytest.param(kind, format, marks=[pytest.mark.slow, *([] if kind in OFTEN else [pytest.mark.weekly])])
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
    if kind != "application":  # in two epochs its batch normalization hardly leaves where it started
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


@pytest.mark.slow
@pytest.mark.weekly
@pytest.mark.parametrize(("backend", "kind"), [("torch", "photos"), ("torch", "transfer"), ("jax", "photos")])
def test_a_model_trained_on_another_backend_says_what_it_said_there(
    tmp_path: Path, root: Path, backend: str, kind: str
) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    here = make(tmp_path, root, kind, backend=backend)
    done = here.export("--to", "tflite")
    assert (done.returncode, done.stderr) == (0, "")
    probabilities, about = here.run("tflite", here.folder / "model.tflite", tmp_path / "result.npz")
    assert about["model"]["backend"] == backend
    np.testing.assert_allclose(probabilities["all"], here.expected, atol=1e-5)


@pytest.mark.slow
def test_a_model_trained_elsewhere_needs_only_tensorflow(
    project: Callable[[str], Project], tmp_path: Path
) -> None:
    here = Project(tmp_path / "copy")
    shutil.copytree(project("digits").folder, here.folder)
    path = here.folder / "models" / "model.json"
    path.write_text(path.read_text().replace('"backend": "tensorflow"', '"backend": "jax"'))
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['jax'] = None\n")
    search = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = here.export("--to", "onnx", PYTHONPATH=search)
    assert (done.returncode, done.stderr) == (0, "")
