"""A model comes with its preparation, or with one message that says what is wrong with it."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest

from darkroom import UserError, tf_logging
from darkroom.predict import model as predict_model

NETWORKS = """
import sys
from pathlib import Path
import keras
from keras import layers
class Own(layers.Layer):
    def call(self, x):
        return x
folder = Path(sys.argv[1])
pixels = keras.Input((12, 12, 1))
flat = layers.Flatten()(pixels)
head = lambda units, x: layers.Dense(units, activation="softmax")(x)
networks = {
    "lambda": keras.Model(pixels, head(3, layers.Lambda(lambda x: x * 2)(flat))),
    "own": keras.Model(pixels, head(3, Own()(flat))),
    "outputs": keras.Model(pixels, head(4, flat)),
    "two heads": keras.Model(pixels, [head(3, flat), head(3, flat)]),
    "size": keras.Sequential([keras.Input((20, 20, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")]),
}
for name, network in networks.items():
    network.save(folder / f"{name}.keras")
networks["outputs"].save(folder / "old.h5")
broken = keras.Model(pixels, head(3, flat))
broken.set_weights([weights * float("nan") for weights in broken.get_weights()])
broken.save(folder / "diverged.keras")
"""


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", NETWORKS, str(folder)], env=environment, check=True)
    return folder


@pytest.fixture
def copy(models, tmp_path):
    return shutil.copytree(models, tmp_path / "models")


def repacked(path, **changes):
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = changes.get(name.replace(".", "_"), source.read(name))
            if content is not None:
                target.writestr(name, content)
    return buffer.getvalue()


EVIL = json.dumps({"module": "builtins", "class_name": "eval", "config": {"source": "1"}}).encode()
FILES = {
    "a lambda": ("lambda.keras", "holds code of its own"),
    "a layer that is not Keras' own": ("own.keras", "Keras cannot load it"),
    "other outputs": (
        "outputs.keras",
        "the model has outputs of 4, its model.json (3 classes, head softmax) says 3",
    ),
    "two heads": ("two heads.keras", "the model has outputs of"),
    "another size": ("size.keras", "the model takes images of 20x20x1, its model.json"),
    "the older format": ("old.h5", "not a model in Keras' format"),
    "training that diverged": ("diverged.keras", "probabilities that are no numbers"),
}
DAMAGE = {
    "a text": (lambda path: b"weights", "not a model in Keras' format"),
    "nothing": (lambda path: b"", "not a model in Keras' format"),
    "half": (lambda path: path.read_bytes()[: path.stat().st_size // 2], "not a model in Keras' format"),
    "no configuration": (lambda path: repacked(path, config_json=None), "Keras cannot load it"),
    "no weights": (lambda path: repacked(path, model_weights_h5=None), "Keras cannot load it"),
    "weights that are none": (
        lambda path: repacked(path, model_weights_h5=b"0" * 99),
        "Keras cannot load it",
    ),
    "a function for a layer": (lambda path: repacked(path, config_json=EVIL), "Keras cannot load it"),
}


def refused(darkroom, folder, pictures):
    done = darkroom(pictures, "predict", "--model", folder, "1.png", "-o", "out.csv")
    assert done.code == 1
    assert "Traceback" not in done.error
    assert not (pictures / "out.csv").exists()
    message, *rest = done.error.splitlines()
    assert not rest
    return message


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_not_the_model_described_is_one_message(darkroom, copy, pictures, networks, what):
    name, message = FILES[what]
    shutil.copy(networks / name, copy / "model.keras")
    assert message in refused(darkroom, copy, pictures)


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_model_is_one_message(darkroom, copy, pictures, what):
    spoil, message = DAMAGE[what]
    (copy / "model.keras").write_bytes(spoil(copy / "model.keras"))
    assert f"model.keras: {message}" in refused(darkroom, copy, pictures)


DESCRIPTIONS = {
    "no JSON": ("{", "does not describe a model"),
    "a list": ("[]", "does not describe a model: "),
    "no classes": ({"classes": None}, "expected classes, a list"),
    "no preparation": ({"preparation": None}, "preparation: does not say how a picture is prepared"),
    "a preparation of something else": (
        {"preparation": {"resolution": [12, 12]}},
        "does not say how a picture is",
    ),
    "a preparation of another size": ({"shape": [9, 9, 1]}, "but preparation makes images of [12, 12, 1]"),
    "a backend nobody knows": ({"backend": "theano"}, "backend: got 'theano', expected one of tensorflow"),
}


@pytest.mark.parametrize("what", DESCRIPTIONS)
def test_a_description_that_is_none_is_one_message(darkroom, copy, pictures, what):
    content, message = DESCRIPTIONS[what]
    about = copy / "model.json"
    if isinstance(content, dict):
        content = json.dumps(json.loads(about.read_text()) | content)
    about.write_text(content)
    assert message in refused(darkroom, copy, pictures)


@pytest.mark.skipif(find_spec("jax") is not None, reason="jax is installed")
def test_without_the_backend_of_training_the_message_names_another(darkroom, copy, pictures):
    about = copy / "model.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"backend": "jax"}))
    message = refused(darkroom, copy, pictures)
    assert "make extra-jax" in message
    assert "--backend tensorflow" in message
    done = darkroom(pictures, "predict", "--model", copy, "1.png", "--backend", "tensorflow")
    assert done.code == 0, done.error


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_another_backend_gives_the_same_probabilities(workspace, backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    tables = []
    for name in ("tensorflow", backend):
        program = "from darkroom.cli import app; app()"
        arguments = ["predict", "data/inbox", "--backend", name]
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=workspace,
            capture_output=True,
            text=True,
            check=True,
        )
        tables.append([line.rsplit(",", 3)[1:] for line in done.stdout.splitlines()[1:]])
    np.testing.assert_allclose(*(np.array(table, np.float64) for table in tables), atol=1e-4)


def test_a_model_that_is_not_there_is_told_before_keras_is_imported(tmp_path):
    with pytest.raises(UserError, match=r"model\.json: no such file"):
        predict_model.load(tmp_path, 8)


def test_only_tensorflows_own_lines_are_kept_off_stderr(capfd):
    with tf_logging.quiet():
        os.write(
            2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        )
        os.write(2, b"I0000 00:00:1795248592.694518   12571 cudart_stub.cc:31] Could not find cuda drivers\n")
        os.write(2, b"E0000 00:00:1795248592.694518   12571 something.cc:1] is wrong\n")
        os.write(2, b"Illegal instruction\n")
    said = capfd.readouterr().err
    assert "cuda drivers" not in said
    assert said.splitlines() == [
        "E0000 00:00:1795248592.694518   12571 something.cc:1] is wrong",
        "Illegal instruction",
    ]
