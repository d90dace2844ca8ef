"""The model file: the same bytes every time, loaded by plain Keras, computing in float32."""

import json
import zipfile

import keras
import numpy as np
import pytest

from darkroom.train import model_file

# TensorFlow's variables do not know NumPy 2's `copy` keyword yet, and Keras reads them through it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def network(policy: str = "float32") -> keras.Model:
    """Return a small network, two of whose layers share an initializer: Keras gives that an id."""
    kernel = keras.initializers.GlorotUniform(seed=1)
    inputs = keras.Input((4, 4, 1), name="pixels", dtype="float32")
    x = keras.layers.Rescaling(1 / 255, name="rescale", dtype="float32")(inputs)
    x = keras.layers.Conv2D(2, 3, kernel_initializer=kernel, name="conv", dtype=policy)(x)
    x = keras.layers.Flatten(name="flatten", dtype=policy)(x)
    outputs = keras.layers.Dense(1, "sigmoid", kernel_initializer=kernel, name="head", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="small")


PIXELS = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), dtype=np.uint8)


def test_two_models_alike_are_saved_as_the_same_bytes(tmp_path):
    for name in ("a.keras", "b.keras"):
        keras.utils.clear_session()
        model_file.write_model(tmp_path / name, network())
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


def test_the_file_holds_no_date_and_no_memory_address(tmp_path):
    model_file.write_model(tmp_path / "model.keras", network())
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert json.loads(archive.read("metadata.json"))["date_saved"].startswith("1980-01-01")
        config = archive.read("config.json").decode()
    ids = [int(part.split("}")[0].split(",")[0]) for part in config.split('"shared_object_id": ')[1:]]
    assert ids, "nothing is shared; the test shows nothing"
    assert set(ids) == set(range(1, len(set(ids)) + 1))


def test_plain_keras_loads_the_file_and_predicts_alike(tmp_path):
    model = network()
    model_file.write_model(tmp_path / "model.keras", model)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(PIXELS, verbose=0), model.predict(PIXELS, verbose=0))


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_keras_makes_an_hdf5_file_of_it(tmp_path):
    model_file.write_model(tmp_path / "model.keras", network())
    model = keras.models.load_model(tmp_path / "model.keras")
    model.save(tmp_path / "model.h5")
    again = keras.models.load_model(tmp_path / "model.h5", compile=False)
    assert (again.predict(PIXELS, verbose=0) == model.predict(PIXELS, verbose=0)).all()


def test_a_model_trained_in_bfloat16_is_kept_in_float32():
    mixed = network("mixed_bfloat16")
    model = model_file.in_float32(mixed)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert mixed.get_layer("conv").compute_dtype == "bfloat16"
    np.testing.assert_allclose(model.predict(PIXELS, verbose=0), mixed.predict(PIXELS, verbose=0), atol=0.02)


def test_the_description_of_layers_adds_up():
    model = network()
    rows = model_file.describe(model)
    assert [row["name"] for row in rows] == ["pixels", "rescale", "conv", "flatten", "head"]
    assert rows[2] == {"name": "conv", "type": "Conv2D", "shape": [2, 2, 2], "parameters": 20}
    assert sum(row["parameters"] for row in rows) == model.count_params()


def test_versions_name_what_computes_the_bits_and_not_what_differs_between_pythons():
    assert set(model_file.versions("tensorflow")) == {"keras", "tensorflow", "opencv"}
