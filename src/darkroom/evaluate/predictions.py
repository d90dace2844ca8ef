"""The predictions table, one row per image: true label, predicted class and the probability of every class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from darkroom import files
from darkroom.array_types import ClassNumbers, Doubles, Rows
from darkroom.evaluate.classifier import Classifier, Probabilities
from darkroom.images import Images


def predict(classifier: Classifier, images: Images, rows: Rows, name: str) -> Probabilities:
    """Return the probabilities of the images at ``rows``, holding the pixels of one step at a time.

    Parameters
    ----------
    classifier : Classifier
        The model.
    images : Images
        The folder that holds them.
    rows : int64, (n,)
        Positions in the index of ``images``.
    name : str
        What the progress bar calls them.

    Returns
    -------
    float32, (n, classes)
    """
    outputs = np.empty((len(rows), len(classifier.classes)), np.float32)
    with tqdm(total=len(rows), desc=name, unit=" images", disable=None) as progress:
        for number, pixels in enumerate(images.chunks(rows, classifier.batch_size)):
            start = number * classifier.batch_size
            outputs[start : start + len(pixels)] = classifier.probabilities(pixels)
            progress.update(len(pixels))
    return outputs


def surest_mistakes(actual: ClassNumbers, probabilities: Probabilities) -> Rows:
    """Return the positions of the images that are wrong, the one that the model was surest of first: int64, (k,)."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != actual)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def as_written(probabilities: Probabilities) -> Doubles:
    """Return ``probabilities`` to six decimals: a threshold then gives from the tables what it gave here."""
    return probabilities.astype(float).round(6)


def write_predictions(
    path: Path, images: Images, rows: Rows, probabilities: Probabilities, classes: Sequence[str]
) -> None:
    """Write ``id``, ``label``, ``predicted`` and a ``p_<class>`` each, to six decimals, in the order of ``rows``."""
    index = images.index.iloc[rows]
    files.write_csv(
        path,
        ["id", "label", "predicted", *(f"p_{name}" for name in classes)],
        (
            [name, label, classes[int(p.argmax())], *(f"{value:.6f}" for value in p.tolist())]
            for name, label, p in zip(index["id"], index["label"], probabilities, strict=True)
        ),
    )
