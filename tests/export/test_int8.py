"""Whole numbers throughout, the accuracy that is promised measured again by other means, and what is refused."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom import UserError, split_files
from darkroom.compare.statistics import paired_interval
from darkroom.images import Images
from tests.export.conftest import Project
from tests.export.test_command import refused, sketch  # noqa: F401  (a fixture)


def interpreted(path: Path, pixels: np.ndarray) -> tuple[np.ndarray, set[str]]:
    """Return the predicted classes in TensorFlow Lite alone, an image at a time, and the types of all tensors."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(str(path))
    kinds = {np.dtype(details["dtype"]).name for details in interpreter.get_tensor_details()}
    runner = interpreter.get_signature_runner()
    said = [runner(pixels=image[None])["probabilities"] for image in pixels]
    assert {one.dtype for one in said} == {np.dtype(np.uint8)}
    return np.concatenate(said).argmax(axis=1), kinds


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")
@pytest.mark.parametrize(
    "kind",
    [
        "digits",
        pytest.param("transfer", marks=pytest.mark.slow),
        *(pytest.param(kind, marks=[pytest.mark.slow, pytest.mark.weekly]) for kind in ("sigmoid", "photos")),
    ],
)
def test_the_certificate_is_what_the_runtime_says_of_the_test_images(
    project: Callable[[str], Project], tmp_path: Path, kind: str, tensorflow_started: None
) -> None:
    here = project(kind)
    path = tmp_path / "model.tflite"
    done = here.export("--to", "tflite", "--int8", "--output", path)
    assert (done.returncode, done.stderr) == (0, "")
    source = Images(here.folder / "data/images")
    test = split_files.rows_of(split_files.read_table(here.folder / "data/split"), "test")
    classes = source.description["classes"]
    actual = np.array([classes.index(label) for label in source.index["label"].iloc[test]])
    said, kinds = interpreted(path, source.take(test))
    assert kinds <= {"int8", "int32", "uint8"}
    here_right, there_right = said == actual, here.expected.argmax(axis=1) == actual
    lost, won = int((there_right & ~here_right).sum()), int((here_right & ~there_right).sum())
    low, high = paired_interval(lost, won, len(test))
    about = json.loads(zipfile.ZipFile(path).read("darkroom.json"))
    train = int((split_files.read_table(here.folder / "data/split")["split"] == "train").sum())
    assert about["quantization"] == {
        "dtype": "int8",
        "calibration_images": min(200, train),
        "test_images": len(test),
        "accuracy": here_right.mean(),
        "difference_from_keras": (won - lost) / len(test),
        "difference_low": low,
        "difference_high": high,
    }
    assert about["output"] == {
        "name": "probabilities", "dtype": "uint8", "shape": [None, len(classes)], "scale": 1 / 256
    }  # fmt: skip
    assert done.stdout.startswith(
        f"{path}: in whole numbers (int8), scaled on {min(200, train)} training images; of {len(test)} test images "
        f"{here_right.mean():.4f} are right, "
    )
    assert abs(won - lost) / len(test) < 0.1


@pytest.mark.slow
def test_two_exports_are_the_same_bytes(project: Callable[[str], Project], tmp_path: Path) -> None:
    here, made = project("photos"), []
    for number in (1, 2):
        path = tmp_path / f"{number}.tflite"
        done = here.export(
            "--to", "tflite", "--int8", "--output", path, PYTHONHASHSEED=str(number), LC_ALL="C"
        )
        assert done.returncode == 0, done.stderr
        made.append(path.read_bytes())
    assert made[0] == made[1]


def test_int8_is_for_tflite_and_for_images_whose_classes_are_known(sketch: Project) -> None:  # noqa: F811
    rest = "--int8 is for --to tflite, calibrated and checked on images of the pipeline, whose classes are known; "
    assert refused(sketch, "--to", "onnx", "--int8").startswith(f"--to onnx: {rest}")
    assert refused(sketch, "--to", "tflite", "--int8", "--images", "pictures").startswith(f"--images: {rest}")


def network(*layers: Any) -> Any:
    import keras

    keras.utils.set_random_seed(1)
    last = keras.layers.Dense(1, activation="sigmoid")
    return keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Flatten(), last])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_would_stay_in_floating_point_or_cannot_be_converted_is_refused(
    tensorflow_started: None, capfd: pytest.CaptureFixture[str]
) -> None:
    import keras

    from darkroom.export import int8

    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1)).astype(np.uint8)
    with pytest.raises(
        UserError, match=r"^--int8: .* \(.*Elu.* and others stay in float32\); leave --int8 out"
    ):
        int8.converted(network(keras.layers.Conv2D(2, 3, activation="elu")), pixels)
    rows = keras.layers.Reshape((8, 8))
    with pytest.raises(
        UserError, match=r"^--int8: .* \('tf\.TensorListReserve' op requires .*\); leave --int8 out"
    ):
        int8.converted(network(rows, keras.layers.LSTM(2)), pixels)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_network_surer_than_in_calibration_is_as_sure_in_whole_numbers(
    tensorflow_started: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """One sigmoid unit near a half in calibration must not be cut off there."""
    import tensorflow as tf

    from darkroom.export import int8

    dim = np.random.default_rng(0).integers(120, 136, (20, 8, 8, 1)).astype(np.uint8)
    model = network()
    model.layers[-1].set_weights(
        [np.full((64, 1), 0.002, np.float32), np.full(1, -0.002 * 64 * 128, np.float32)]
    )
    runner = tf.lite.Interpreter(model_content=int8.converted(model, dim)).get_signature_runner()
    bright, dark = np.full((1, 8, 8, 1), 180, np.uint8), np.full((1, 8, 8, 1), 70, np.uint8)
    assert runner(pixels=bright)["probabilities"].argmax() == 1
    assert runner(pixels=dark)["probabilities"].argmax() == 0
