"""Predictions for uploaded files: decoding in several threads, one call of the model at a time."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from darkroom.array_types import Pixels
from darkroom.decode.rejections import Reason, Rejected
from darkroom.evaluate.classifier import Probabilities
from darkroom.evaluate.occlusion import occlusion_map
from darkroom.plot.occlusion_overlay import overlay
from darkroom.plot.thumbnails import data_url
from darkroom.predict.model import Model
from darkroom.serve.schemas import Answer, NotUsed, Predicted
from darkroom.serve.uploads import File

STEP = 32
"""Images in one call of the model, at most: nobody waits longer for a turn than such a call takes."""


class Predictor:
    """A model that any number of threads may ask at once.

    Parameters
    ----------
    model : Model
        The model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._turn = threading.Lock()
        self._decoders = ThreadPoolExecutor(min(8, os.cpu_count() or 1), "decode")

    def warm_up(self) -> None:
        """Let the backend compile the model for one image and for many, so that the first request need not wait."""
        for images in (1, 2, STEP):
            self.probabilities(np.zeros((images, *self.model.shape), np.uint8))

    def probabilities(self, pixels: Pixels) -> Probabilities:
        """Return the probability of each class: float32, (images, classes).

        Parameters
        ----------
        pixels : uint8, (images, height, width, channels)
        """
        parts = []
        for start in range(0, len(pixels), STEP):
            with self._turn:
                parts.append(self.model.probabilities(pixels[start : start + STEP]))
        return np.concatenate(parts) if parts else np.empty((0, len(self.model.classes)), np.float32)

    def answers(self, files: Sequence[File], pictures: bool) -> list[Answer]:
        """Return what the model says of each file, or why it cannot be used.

        Parameters
        ----------
        files : sequence of File
        pictures : bool
            With each picture as the model takes it.
        """
        prepared = list(self._decoders.map(self._prepare, files))
        usable = [image for image in prepared if not isinstance(image, Rejected)]
        rows = iter(self.probabilities(np.stack(usable)) if usable else ())
        return [
            NotUsed(name=file.name, reason=str(image.reason), detail=image.detail)
            if isinstance(image, Rejected)
            else self._answer(file.name, next(rows), data_url(image, ".png") if pictures else None)
            for file, image in zip(files, prepared, strict=True)
        ]

    def map(self, file: File) -> Pixels:
        """Return the picture under the map of what the model looked at: uint8, (height, width, 3), RGB.

        Raises
        ------
        Rejected
            The file cannot be used.
        """
        image = self._decoders.submit(self._prepare, file).result()
        if isinstance(image, Rejected):
            raise image
        return overlay(image, occlusion_map(self.probabilities, image))

    def _prepare(self, file: File) -> Pixels | Rejected:
        try:
            return self.model.prepare(file.data)
        except Rejected as rejection:
            return rejection
        except MemoryError:
            return Rejected(Reason.TOO_LARGE, "not enough memory to decode it")

    def _answer(self, name: str, row: Probabilities, picture: str | None) -> Predicted:
        shares = {label: round(float(p), 6) for label, p in zip(self.model.classes, row, strict=True)}
        return Predicted(
            name=name, label=self.model.classes[int(row.argmax())], probabilities=shares, picture=picture
        )
