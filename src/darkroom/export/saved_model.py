"""TensorFlow SavedModel export: a folder for TensorFlow, TensorFlow Serving and converters that read it."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import fingerprint_pb2

from darkroom import files
from darkroom.array_types import Pixels
from darkroom.evaluate.classifier import Probabilities
from darkroom.export.formats import Runtime
from darkroom.export.metadata import FILE
from darkroom.export.serving_function import INPUT, OUTPUT, Graph


def write(graph: Graph, path: Path, about: dict[str, Any]) -> None:
    """Write ``graph`` as a folder; ``about`` is ``assets.extra/darkroom.json`` in it, where the format keeps such."""
    tf.saved_model.save(graph, str(path), signatures={"serving_default": graph.signature})
    files.write_json(path / "assets.extra" / FILE, about)
    _fix_fingerprint(path)


def runtime(path: Path) -> Runtime:
    """Open the folder with TensorFlow alone."""
    classifier = tf.saved_model.load(str(path)).signatures["serving_default"]

    def classify(pixels: Pixels) -> Probabilities:
        return np.asarray(classifier(**{INPUT: tf.constant(pixels)})[OUTPUT])

    return classify


def _fix_fingerprint(path: Path) -> None:
    """Replace the random number in ``fingerprint.pb``, by which two savings are told apart, by one of the content."""
    file = path / "fingerprint.pb"
    fingerprint = fingerprint_pb2.FingerprintDef.FromString(file.read_bytes())
    digest = hashlib.sha256((path / "saved_model.pb").read_bytes()).digest()
    fingerprint.uuid = str(int.from_bytes(digest[:8], "little"))
    file.write_bytes(fingerprint.SerializeToString(deterministic=True))
