"""The trained model, loaded on the backend and threads of its training: pixels in, probabilities out."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from darkroom import UserError, backends, files
from darkroom.images import Pixels

Probabilities = npt.NDArray[np.float32]


class Classifier:
    """A model of ``models/``, ready to predict.

    Importing Keras takes seconds, and the backend can be chosen only once in a process: nothing is imported
    before an object of this class is made.

    Parameters
    ----------
    models : Path
        The folder with ``model.keras`` and ``model.json``.
    batch_size : int
        Images in a step.

    Attributes
    ----------
    classes : list of str
        In the order of the columns of :meth:`probabilities`.
    shape : (height, width, channels)
        Of the images it takes.

    Raises
    ------
    UserError
        One of the two files is missing, or the backend is not installed.
    """

    def __init__(self, models: Path, batch_size: int) -> None:
        for name in ("model.json", "model.keras"):
            if not (models / name).is_file():
                raise UserError(f"{models / name}: no such file; `dvc repro train` makes it")
        self.description = files.read_json(models / "model.json")
        self.classes: list[str] = self.description["classes"]
        self.shape: tuple[int, int, int] = tuple(self.description["shape"])
        self.batch_size = batch_size
        backends.start(
            self.description["backend"],
            self.description["params"]["train"]["device"],
            self.description["threads"],
            self.description["deterministic"],
            f"{models / 'model.json'}: backend",
        )
        import keras

        # without compile: neither loss nor optimizer is needed, and custom ones could not be found
        self._model = keras.models.load_model(models / "model.keras", compile=False)

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
        outputs = [self._model.predict_on_batch(pixels[start : start + self.batch_size]) for start in steps]
        output = np.concatenate([np.asarray(output, np.float32) for output in outputs])
        if output.shape[1] == 1:  # one sigmoid unit: the probability of the second class
            output = np.hstack([1 - output, output])
        return output / output.sum(axis=1, keepdims=True)
