"""A trained model with its preprocessing: bytes of a file in, probabilities out, as in training."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from darkroom import UserError, backends, how_to_install, tf_logging
from darkroom.array_types import Pixels
from darkroom.decode.pictures.preparation import Preparation
from darkroom.evaluate.classifier import Classifier, Probabilities, described
from darkroom.predict.bfloat16 import Precision, in_bfloat16


class Model:
    """A trained model, ready to use.

    Attributes
    ----------
    classes : list of str
        In the order of the columns of :meth:`probabilities`.
    shape : (height, width, channels)
        Of a prepared picture.
    preparation : Preparation
        What is done to every picture, as in training.
    head : "sigmoid" or "softmax"
        A sigmoid head has one output, the probability of the second of two classes.
    description : dict
        The content of ``model.json``.
    path : Path
        The model's file.
    network : keras.Model
        Raw pixels in, the outputs of the head out.
    classifier : Classifier
        What predicts.
    """

    def __init__(self, classifier: Classifier, preparation: Preparation, path: Path) -> None:
        self.classifier = classifier
        self.path = path
        self.preparation = preparation
        self.description: dict[str, Any] = classifier.description
        self.classes: list[str] = classifier.classes
        self.shape: tuple[int, int, int] = classifier.shape
        self.head: str = classifier.description["head"]
        self.network: Any = classifier.network

    def prepare(self, data: bytes) -> Pixels:
        """Return the picture in the bytes of one file as the model takes it: uint8, (height, width, channels).

        Safe from any number of threads at once.

        Raises
        ------
        darkroom.decode.rejections.Rejected
            The file cannot be used.
        """
        return self.preparation.prepare(data).pixels

    def probabilities(self, pixels: Pixels) -> Probabilities:
        """Return the probability of each class: float32, (images, classes), rows that sum to 1.

        Parameters
        ----------
        pixels : uint8, (images, height, width, channels)
            Prepared pictures, any number of them.
        """
        return self.classifier.probabilities(pixels)


def load(path: Path, batch_size: int, backend: str | None = None, precision: Precision = "float32") -> Model:
    """Load a model; imports Keras and its backend, which takes seconds.

    Parameters
    ----------
    path : Path
        A folder with ``model.keras`` and ``model.json``, or the model's file, ``model.json`` beside it.
    batch_size : int
        Images in a step.
    backend : "tensorflow", "torch" or "jax", optional
        Where to compute; by default where the model was trained. A process has one backend for all its life.
    precision : "float32" or "bfloat16"
        In which the layers compute, whatever training computed in.

    Raises
    ------
    UserError
        There is no such model, the file is none, the model holds code, ``model.json`` describes another one, or the
        backend is not installed.
    """
    file, description = described(path)
    about = file.with_name("model.json")
    preparation = _preparation(about, description)
    if description["preparation"].get("boxes"):
        print(
            "darkroom: the model was trained on boxes cut out of their pictures (image.boxes), and sees whole pictures "
            "here; cut them out first",
            file=sys.stderr,
        )
    if backend is None:
        _check_installed(about, description["backend"])
    # What TensorFlow says while the model is loaded is dropped as well as that of its start.
    with tf_logging.quiet():
        classifier = Classifier(path, batch_size, backend)
        if precision == "bfloat16":
            classifier.network = in_bfloat16(classifier.network)
    return Model(classifier, preparation, file)


def _preparation(about: Path, description: dict[str, Any]) -> Preparation:
    try:
        preparation = Preparation.from_json(description["preparation"])
        shape = preparation.shape
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{about}: preparation: does not say how a picture is prepared ({type(error).__name__}: {error}); "
            "`dvc repro train` writes it"
        ) from None
    if list(shape) != description["shape"]:
        raise UserError(
            f"{about}: shape is {description['shape']}, but preparation makes images of {list(shape)}; "
            "`dvc repro train` writes both again"
        )
    return preparation


def _check_installed(about: Path, wanted: str) -> None:
    if wanted not in backends.NAMES:
        raise UserError(f"{about}: backend: got {wanted!r}, expected one of {', '.join(backends.NAMES)}")
    if importlib.util.find_spec(wanted) is not None:
        return
    others = [name for name in backends.NAMES if importlib.util.find_spec(name) is not None]
    instead = f", or predict on what is installed: --backend {' or '.join(others)}" if others else ""
    raise UserError(
        f"{about}: the model was trained on {wanted}, which is not installed; "
        f"{how_to_install(wanted)}{instead}"
    )
