"""TensorFlow Lite in whole numbers: every layer computes in int8, for small devices and accelerators.

Each tensor gets a scale from the values that it takes on training images (Jacob et al., "Quantization and training of
neural networks for efficient integer-arithmetic-only inference", 2018). That rounds, so that what is promised is no
largest difference of a probability, but how many test images are right, beside Keras.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError

from darkroom import UserError, logits, pipeline_images
from darkroom.array_types import ClassNumbers, Pixels, Rows
from darkroom.compare.paired import Paired, counts
from darkroom.evaluate import generalization
from darkroom.evaluate.stage import check_fits, numbers
from darkroom.export import metadata, tflite_file
from darkroom.export.formats import Format, Runtime
from darkroom.export.parity_images import BATCH
from darkroom.export.serving_function import INPUT, Graph
from darkroom.images import Images
from darkroom.predict.model import Model

SCALE = 1 / 256
"""Of the probabilities: 256 is 1."""

CALIBRATION = 200
"""Training images that the scales are taken from, at most: evenly spread, and so of every class."""


def write(model: Model, format: Format, path: Path, project: Path) -> tuple[Paired, int]:
    """Write the model, certify it on all test images of the pipeline in ``project``, and note that in the file.

    Returns
    -------
    Paired
        The file in its own runtime, beside Keras.
    int
        Training images of the calibration.

    Raises
    ------
    UserError
        The pipeline has no such images or others than the model's, or the converter cannot convert the network.
    """
    source, train = pipeline_images.of_part(project, "train", "to calibrate with")
    _, test = pipeline_images.of_part(project, "test", "to check on")
    check_fits(model.classifier, source, model.path.parent, source.folder)
    calibration = source.take(generalization.sample(train, CALIBRATION))
    path.write_bytes(converted(model.network, calibration))
    certificate = _certificate(model, tflite_file.runtime(path), source, test)
    about = metadata.about(model, format)
    about["output"] |= {"dtype": "uint8", "scale": SCALE}
    low, high = certificate.difference_interval
    about["quantization"] = {
        "dtype": "int8",
        "calibration_images": len(calibration),
        "test_images": certificate.images,
        "accuracy": certificate.accuracy,
        "difference_from_keras": certificate.difference,
        "difference_low": low,
        "difference_high": high,
    }
    tflite_file.attach(about, path)
    return certificate, len(calibration)


def converted(network: Any, calibration: Pixels) -> bytes:
    """Return the content of a ``.tflite`` file that takes uint8 and gives uint8, and computes in nothing else."""
    # From logits: a softmax has the scale 1/256, whatever was met in calibration; what follows a sigmoid has not.
    logits_of = logits.of(network, "to be quantized")
    graph = Graph(network, "float32", lambda pixels: tf.nn.softmax(logits_of(pixels)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.signature], graph)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _spanning(calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    try:
        content: bytes = converter.convert()
    except (ConverterError, RuntimeError, ValueError) as error:
        said = re.search(r"error: (.+)", str(error))
        words = said[1] if said else str(error).strip().split("\n")[0]
        raise UserError(_REFUSAL.format(words[:200])) from error
    _check(tf.lite.Interpreter(model_content=content))
    return content


_REFUSAL = (
    "--int8: TensorFlow's converter has no form in whole numbers for this network ({}); leave --int8 out, or train one "
    "of other layers"
)


def _check(interpreter: Any) -> None:
    """Raise a UserError where the converter has left something in floating point, which it does without a word."""
    left = [tensor["name"] for tensor in interpreter.get_tensor_details() if tensor["dtype"] == np.float32]
    if left:
        raise UserError(_REFUSAL.format(f"{left[-1].split(';')[0]} and others stay in float32"))
    for details, expected in (
        (interpreter.get_input_details(), (1.0, 0)),
        (interpreter.get_output_details(), (SCALE, 0)),
    ):
        if details[0]["quantization"] != expected:
            raise RuntimeError(f"expected the scale and zero {expected}, got {details[0]['quantization']}")


def _spanning(calibration: Pixels) -> Iterator[dict[str, Any]]:
    """Yield the images one by one; the first has a black and a white pixel, so that the scale of pixels is 1."""
    for number, image in enumerate(calibration.astype(np.float32)):
        if number == 0:
            image[0, 0], image[-1, -1] = 0, 255
        yield {INPUT: image[None]}


def _certificate(model: Model, runtime: Runtime, source: Images, rows: Rows) -> Paired:
    """Return how many of the images at ``rows`` are right in ``runtime``, beside Keras."""
    actual = numbers(source, rows, model.classes)
    said: list[list[ClassNumbers]] = [
        [classify(pixels).argmax(axis=1) for classify in (runtime, model.probabilities)]
        for pixels in source.chunks(rows, BATCH)
    ]
    here, there = (np.concatenate(one) == actual for one in zip(*said, strict=True))
    return Paired(*counts(here, there))
