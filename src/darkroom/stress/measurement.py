"""Disturbs test images batch by batch and counts those that the model still gets right."""

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from darkroom.array_types import ClassNumbers, Pixels, Rows
from darkroom.compare.paired import counts
from darkroom.evaluate import generalization
from darkroom.evaluate.classifier import Classifier
from darkroom.evaluate.stage import numbers
from darkroom.images import Images
from darkroom.stress import kinds
from darkroom.stress.disturbances import Batch
from darkroom.stress.kinds import Kind
from darkroom.stress.level import Level
from darkroom.stress.results import Examples, Stress
from darkroom.train.random_numbers import image_keys

EXAMPLES = 3
"""Images that the page shows of each kind."""

_MOST = 1 << 20
"""Pixels in a batch, at most: the gradient of an attack holds every layer's output for each image of it."""


def sample(source: Images, rows: Rows, classes: list[str], most: int) -> Rows:
    """Return at most ``most`` of ``rows``, each class in proportion: every so many of them, class after class."""
    by_class = rows[np.argsort(numbers(source, rows, classes), kind="stable")]
    return np.sort(generalization.sample(by_class, most))


def measure(
    classifier: Classifier, source: Images, rows: Rows, chosen: Sequence[Kind], seed: int, of_test: int
) -> tuple[Stress, Examples]:
    """Measure the accuracy on the images at ``rows``, as they are and disturbed.

    Parameters
    ----------
    classifier : Classifier
        On TensorFlow, which the gradients of attacks come from.
    source : Images
    rows : int64, (n,)
    chosen : sequence of Kind
    seed : int
    of_test : int
        Test images that ``rows`` were chosen from.

    Raises
    ------
    UserError
        There are attacks among ``chosen``, and the model has no head to attack.
    """
    actual = numbers(source, rows, classifier.classes)

    def predict(pixels: Pixels) -> ClassNumbers:
        return classifier.probabilities(pixels).argmax(axis=1)

    size = max(1, min(classifier.batch_size, _MOST // (source.shape[0] * source.shape[1])))
    clean = np.concatenate([predict(pixels) for pixels in source.chunks(rows, size)])
    right = clean == actual
    shown = _examples(right)
    keys = image_keys(source.index["id"].iloc[rows])
    disturb = {kind: kinds.disturbing(kind, classifier.network, predict) for kind in chosen}
    predicted = {kind: np.empty((len(kind.amounts), len(rows)), np.int64) for kind in chosen}
    pictures = {kind: np.empty((len(kind.amounts), len(shown), *source.shape), np.uint8) for kind in chosen}
    with tqdm(total=len(rows) * len(chosen), desc="stress", unit=" images", disable=None) as progress:
        for number, pixels in enumerate(source.chunks(rows, size)):
            here = slice(number * size, number * size + len(pixels))
            batch = Batch(pixels, actual[here], keys[here], seed)
            inside = (shown >= here.start) & (shown < here.stop)
            for kind in chosen:
                for step, made in enumerate(disturb[kind](batch, kind.amounts)):
                    predicted[kind][step, here] = predict(made)
                    pictures[kind][step, inside] = made[shown[inside] - here.start]
                progress.update(len(pixels))
    levels = {
        kind: [
            Level(*counts(row == actual, right), severity, amount)
            for severity, (amount, row) in enumerate(zip(kind.amounts, predicted[kind], strict=True), 1)
        ]
        for kind in chosen
    }
    examples = Examples(rows[shown], pictures, {kind: predicted[kind][:, shown] for kind in chosen})
    return Stress(len(rows), int(right.sum()), of_test, levels), examples


def _examples(right: np.ndarray) -> Rows:
    """Return the positions of images that are right as they are, evenly spread; of others where none is."""
    candidates = np.flatnonzero(right) if right.any() else np.arange(len(right))
    return generalization.sample(candidates, EXAMPLES)
