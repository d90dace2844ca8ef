"""The stage evaluate: predictions, figures and curves of the trained model on the test images."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from darkroom import UserError, files
from darkroom.evaluate import calibration, curves, scores
from darkroom.evaluate.classifier import Classifier, Probabilities
from darkroom.evaluate.params import EvaluateParams
from darkroom.images import Images


def evaluate(
    evaluate: EvaluateParams, images: Path, split: Path, models: Path, predictions: Path, plots: Path
) -> dict[str, float]:
    """Predict the images of test and validation, and the unlabelled ones; write predictions and curves.

    Parameters
    ----------
    evaluate : EvaluateParams
    images, split, models : Path
        What decode, split and train wrote.
    predictions : Path
        The folder to write: ``test.csv``, ``validation.csv``, ``unlabelled.csv`` and ``attention.npz``.
    plots : Path
        Where ``confusion.csv``, ``roc.csv``, ``precision_recall.csv`` and ``calibration.csv`` go.

    Returns
    -------
    dict
        Flat figures of the test images, to six significant digits; undefined ones are left out.

    Raises
    ------
    UserError
        There are no test images, or the model is one of other classes or another image size.
    """
    opened = Images(images)
    parts = pd.read_csv(split / "split.csv", dtype=str, keep_default_na=False)
    test = np.flatnonzero(parts["split"] == "test")
    if not len(test):
        raise UserError(f"{split / 'split.csv'}: no image is in test; set split.test in params.yaml above 0")
    classifier = Classifier(models, evaluate.batch_size)
    _check_fits(classifier, opened, models, images)

    files.empty_folder(predictions)
    probabilities = predict(classifier, opened, test, evaluate.batch_size)
    write_predictions(predictions / "test.csv", opened, test, probabilities, classifier.classes)
    validation = np.flatnonzero(parts["split"] == "validation")
    on_validation = predict(classifier, opened, validation, evaluate.batch_size)
    write_predictions(predictions / "validation.csv", opened, validation, on_validation, classifier.classes)
    if (images / "unlabelled" / "images.json").is_file():
        unlabelled = Images(images / "unlabelled")
        rows = np.arange(len(unlabelled))
        on_unlabelled = predict(classifier, unlabelled, rows, evaluate.batch_size)
        write_predictions(predictions / "unlabelled.csv", unlabelled, rows, on_unlabelled, classifier.classes)

    number = {name: position for position, name in enumerate(classifier.classes)}
    actual = opened.index["label"].iloc[test].map(number).to_numpy(np.int64)
    predicted = probabilities.argmax(axis=1)
    reliability = calibration.reliability(
        actual == predicted, calibration.confidence_of(probabilities), evaluate.calibration_bins
    )
    write_table(plots / "roc.csv", curves.roc(actual, probabilities, classifier.classes))
    write_table(
        plots / "precision_recall.csv", curves.precision_recall(actual, probabilities, classifier.classes)
    )
    write_table(plots / "calibration.csv", reliability)
    names = np.array(classifier.classes, dtype=object)
    files.write_csv(
        plots / "confusion.csv", ["actual", "predicted"], zip(names[actual], names[predicted], strict=True)
    )
    figures = {
        **scores.overall(actual, probabilities),
        "expected_calibration_error": calibration.expected_calibration_error(reliability),
        "images": len(test),
        **scores.by_class(actual, probabilities, classifier.classes),
    }
    return {name: rounded(value) for name, value in figures.items() if math.isfinite(value)}


def predict(classifier: Classifier, opened: Images, rows: np.ndarray, chunk: int) -> Probabilities:
    """Return the probabilities of the images at ``rows``, reading at most ``chunk`` of them at a time."""
    parts = [classifier.probabilities(pixels) for pixels in opened.chunks(rows, chunk)]
    return np.concatenate([np.empty((0, len(classifier.classes)), np.float32), *parts])


def write_predictions(
    path: Path, opened: Images, rows: np.ndarray, probabilities: Probabilities, classes: list[str]
) -> None:
    """Write id, true label, predicted label and one probability a class, to six decimals, of the images at ``rows``."""
    index = opened.index.iloc[rows]
    columns = ["id", "label", "predicted", *(f"p_{name}" for name in classes)]
    lines = zip(index["id"], index["label"], probabilities, strict=True)
    files.write_csv(
        path,
        columns,
        ([name, label, classes[p.argmax()], *(f"{value:.6f}" for value in p)] for name, label, p in lines),
    )


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table of numbers as CSV, to six significant digits."""
    files.write_csv(path, table.columns, table.itertuples(index=False))


def rounded(value: float) -> float:
    """Return ``value`` to six significant digits: what the figures can carry, and steady in a diff."""
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _check_fits(classifier: Classifier, opened: Images, models: Path, images: Path) -> None:
    for what, has, given in (
        ("classes", classifier.classes, opened.description["classes"]),
        ("image size", classifier.shape, opened.shape),
    ):
        if has != given:
            raise UserError(
                f"{models / 'model.json'}: the model's {what} {has} differ from {given} in {images / 'images.json'}; "
                "train it on these images: `dvc repro train`"
            )
