"""The trained model, loaded with the backend and threads of its training: pixels in, probabilities out."""

import functools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from darkroom import UserError, backends, compiled_network, features, files
from darkroom.array_types import Pixels

Probabilities = npt.NDArray[np.float32]

_KINDS: dict[str, tuple[type, str]] = {
    "classes": (list, "a list"),
    "shape": (list, "a list"),
    "head": (str, "text"),
    "backend": (str, "text"),
    "threads": (int, "a whole number"),
    "deterministic": (bool, "true or false"),
    "params": (dict, "an object"),
}


class Classifier:
    """A model of ``models/``, ready to predict.

    Importing Keras takes seconds, and the backend can be chosen only once in a process: nothing is imported
    before an object of this class is made.

    Parameters
    ----------
    models : Path
        The folder with ``model.keras`` and ``model.json``, or the model's file itself, ``model.json`` beside it.
    batch_size : int
        Images in a step.
    backend : "tensorflow", "torch" or "jax", optional
        Where to compute; by default where it was trained.
    keep_features : bool
        Behind a frozen network: take its features from the cache that training fills, and put what is new there.

    Attributes
    ----------
    classes : list of str
        In the order of the columns of :meth:`probabilities`.
    shape : (height, width, channels)
        Of the images it takes.
    description : dict
        The content of ``model.json``.
    network : keras.Model
        Float32 or uint8 pixels in, the outputs of the head out.
    extractor : darkroom.features.Extractor or None
        What takes the features from the cache, where they are kept.

    Raises
    ------
    UserError
        One of the two files is missing or no such file, the two disagree, the model holds code, or the backend is
        not installed.
    """

    def __init__(
        self, models: Path, batch_size: int, backend: str | None = None, keep_features: bool = False
    ) -> None:
        path, self.description = described(models)
        self.classes: list[str] = self.description["classes"]
        self.shape: tuple[int, int, int] = tuple(self.description["shape"])
        self.batch_size = batch_size
        start_backend(
            self.description,
            backend or self.description["backend"],
            self.description["params"].get("train", {}).get("device", "auto"),
            f"{path.with_name('model.json')}: backend" if backend is None else f"--backend {backend}",
        )
        self.network = _loaded(path)
        self.extractor: features.Extractor | None = None
        if keep_features and _is_frozen(self.description) and features.backbone_end(self.network):
            trunk, self._top = features.parted(self.network)
            self.extractor = features.Extractor(trunk, self.description["params"]["train"], "evaluate")
        self._check_outputs(path)

    @functools.cached_property
    def _compute(self) -> Callable[[Pixels], Probabilities]:
        # Not before it is first needed: `predict --precision bfloat16` has another network take the first one's place.
        if self.extractor is None:
            return compiled_network.compiled(self.network)
        extract, top = self.extractor, self._top
        return lambda pixels: np.asarray(top.predict_on_batch(extract(pixels)[:, None, None]), np.float32)

    def probabilities(self, pixels: Pixels) -> Probabilities:
        """Return the probability of each class: float32, (images, classes), rows that sum to 1.

        Parameters
        ----------
        pixels : uint8, (images, height, width, channels)
            As the shards hold them: the model normalizes by itself.
        """
        if not len(pixels):
            return np.empty((0, len(self.classes)), np.float32)
        steps = range(0, len(pixels), self.batch_size)
        with backends.enough_memory("evaluate.batch_size"):
            output = np.concatenate([self._compute(pixels[at : at + self.batch_size]) for at in steps])
        if output.shape[1] == 1:  # one sigmoid unit: the probability of the second class
            output = np.hstack([1 - output, output])
        return output / output.sum(axis=1, keepdims=True)

    def _check_outputs(self, path: Path) -> None:
        """Raise a UserError unless the model is the one that ``model.json`` describes."""
        one_unit = self.description["head"] == "sigmoid" and len(self.classes) == 2
        units = 1 if one_unit else len(self.classes)
        for what, has, said in (
            ("takes images of", self.network.input_shape, (None, *self.shape)),
            ("has outputs of", self.network.output_shape, (None, units)),
        ):
            if has != said:
                raise UserError(
                    f"{path}: the model {what} {_shape(has)}, its model.json ({len(self.classes)} classes, head "
                    f"{self.description['head']}) says {_shape(said)}: the two are not of one training; copy both from "
                    "one, or `dvc repro train`"
                )


def _is_frozen(description: dict[str, Any]) -> bool:
    """Return whether other models share what this one has below its head: fine-tuning makes it this one's own."""
    params = description["params"]
    return bool(params.get("model", {}).get("freeze") and not params.get("train", {}).get("fine_tune_epochs"))


def start_backend(description: dict[str, Any], backend: str, device: str, asked_by: str) -> None:
    """Start ``backend`` with what fixed the bits of the training: :func:`darkroom.backends.start` says the rest."""
    backends.start(
        backend,
        device,
        description["threads"],
        description["deterministic"],
        # Models of version 0.1 were trained with whatever the CPU had.
        description["params"].get("train", {}).get("instruction_set", "native"),
        asked_by,
    )


def described(models: Path) -> tuple[Path, dict[str, Any]]:
    """Return where the model's file lies, and the content of the ``model.json`` beside it, checked.

    Parameters
    ----------
    models : Path
        A folder with ``model.keras``, or the model's file itself.

    Raises
    ------
    UserError
        A file is missing, or ``model.json`` does not describe a model.
    """
    path = models if models.is_file() else models / "model.keras"
    about = path.with_name("model.json")
    for needed in (about, path):
        if not needed.is_file():
            raise UserError(f"{needed}: no such file; {_made_by(path)}")
    try:
        content = files.read_json(about)
    except ValueError as error:
        raise UserError(f"{about}: does not describe a model: {error}; {_made_by(path)}") from None
    for key, (kind, words) in _KINDS.items():
        if not isinstance(content.get(key), kind):
            raise UserError(f"{about}: does not describe a model: expected {key}, {words}; {_made_by(path)}")
    return path, content


def _made_by(path: Path) -> str:
    """Return what to do where the model at ``path`` is none: training writes to models/ alone."""
    another = "name the folder of another model"
    return f"`dvc repro train` makes it, or {another}" if path.parent == Path("models") else another


def _loaded(path: Path) -> Any:
    """Load the model's file with Keras in safe mode, which refuses code."""
    import keras

    # Other forms, such as the older HDF5, are not tried: Keras is less strict there about code.
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise UserError(f"{path}: not a model in Keras' format (a zip called NAME.keras); {_made_by(path)}")
    try:
        # Without compile: neither loss nor optimizer is needed, and custom ones could not be found.
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # What a damaged file makes Keras raise has no bounds: KeyError, TypeError, BadZipFile, OSError and more.
        if "safe_mode" in str(error):
            raise UserError(
                f"{path}: holds code of its own (such as a Lambda layer), which would run on this machine; refused. "
                "Models of `dvc repro train` hold none"
            ) from error
        words = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise UserError(f"{path}: Keras cannot load it: {words}; {_made_by(path)}") from error


def _shape(shape: Any) -> str:
    return "x".join(map(str, shape[1:])) if isinstance(shape, tuple) else str(shape)
