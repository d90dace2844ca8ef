"""TensorFlow Lite, also called LiteRT: one file for phones and small devices."""

import json
import zipfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from darkroom.array_types import Pixels
from darkroom.evaluate.classifier import Probabilities
from darkroom.export.formats import Runtime
from darkroom.export.metadata import FILE
from darkroom.export.serving_function import INPUT, OUTPUT, Graph


def write(graph: Graph, path: Path, about: dict[str, Any]) -> None:
    """Write ``graph`` as one ``.tflite`` file, of built-in operations alone, so that every runtime has them.

    ``about`` is a file in a zip at its end, where the format keeps what belongs to a model: runtimes pass over it, and
    anything that opens zips reads it (https://ai.google.dev/edge/litert/models/metadata).
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.signature], graph)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    path.write_bytes(converter.convert())
    attach(about, path)


def attach(about: dict[str, Any], path: Path) -> None:
    """Append ``about`` to the file at ``path``."""
    with zipfile.ZipFile(path, "a") as archive:
        # ZipInfo's own date is 1980, and the same every time.
        archive.writestr(zipfile.ZipInfo(FILE), json.dumps(about, ensure_ascii=False, indent=2) + "\n")


def runtime(path: Path) -> Runtime:
    """Open the file with TensorFlow Lite's interpreter."""
    runner = tf.lite.Interpreter(str(path)).get_signature_runner()

    def classify(pixels: Pixels) -> Probabilities:
        return runner(**{INPUT: pixels})[OUTPUT]

    return classify
