"""The evaluate stage: predictions, metrics, curves and occlusion maps of the model on the test images."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from darkroom import UserError, files, npz, split_files
from darkroom.array_types import ClassNumbers, Rows
from darkroom.evaluate import calibration_curve, curves, generalization, operating_point, scores, selective
from darkroom.evaluate.classifier import Classifier, Probabilities
from darkroom.evaluate.group_accuracy import by_group
from darkroom.evaluate.occlusion import occlusion_map
from darkroom.evaluate.predictions import predict, surest_mistakes, write_predictions
from darkroom.evaluate.threshold import best_threshold
from darkroom.images import Images
from darkroom.params import EvaluateParams


def evaluate(
    evaluate: EvaluateParams, images: Path, split: Path, models: Path, predictions: Path, plots: Path
) -> tuple[dict[str, float], dict[str, float]]:
    """Predict the images of test and validation, and the unlabelled ones; write predictions, curves and maps.

    Parameters
    ----------
    evaluate : EvaluateParams
        The section of params.yaml.
    images, split, models : Path
        What decode, split and train wrote.
    predictions : Path
        The folder to fill: ``test.csv``, ``validation.csv``, ``unlabelled.csv`` where there are such images, and
        ``occlusion.npz`` (``ids``; ``maps``, float32 (k, height, width): the most confident mistakes).
    plots : Path
        Where ``confusion.csv``, ``roc.csv``, ``precision_recall.csv``, ``calibration.csv``, ``risk_coverage.csv`` and
        ``by_class.csv`` go.

    Returns
    -------
    dict, dict
        Flat figures of the test images, and the accuracy on validation and train; and those of each class on test.
        All to six significant digits. What these images leave undefined, such as the recall of a class that is not
        among them, is not there.

    Raises
    ------
    UserError
        There are no test images, or the model is one of other classes or another image size.
    """
    source = Images(images)
    table = split_files.read_table(split)
    train, validation, test = (split_files.rows_of(table, part) for part in split_files.PARTS)
    train = generalization.sample(train, evaluate.training_images)
    if not len(test):
        raise UserError(f"{split / 'split.csv'}: no image is in test; set split.test in params.yaml above 0")
    # Positions among the validation images.
    independent = selective.one_a_group(
        table["group"].iloc[validation], source.index["sha256"].iloc[validation]
    )
    selective.check(len(independent), evaluate.abstain)
    classifier = Classifier(models, evaluate.batch_size, keep_features=True)
    check_fits(classifier, source, models, images)
    classes = classifier.classes
    actual, named = (numbers(source, rows, classes) for rows in (test, validation))
    selective.check(len(independent), evaluate.abstain)
    operating_point.check(evaluate.operating_point, classes, named)

    files.empty_folder(predictions)
    probabilities = predict(classifier, source, test, "test")
    write_predictions(predictions / "test.csv", source, test, probabilities, classes)
    on_validation = predict(classifier, source, validation, "validation")
    write_predictions(predictions / "validation.csv", source, validation, on_validation, classes)
    on_train = predict(classifier, source, train, "train")
    if (images / "unlabelled" / "images.json").is_file():
        _predict_unlabelled(classifier, images / "unlabelled", predictions)
    tested = actual, probabilities
    _write_occlusion(predictions, classifier, source, test, actual, probabilities, evaluate.occlusion)
    _write_curves(plots, actual, probabilities, classes, evaluate.calibration_bins)
    right, confidence = told = _told(actual, probabilities)
    reliability = calibration_curve.reliability(right, confidence, evaluate.calibration_bins)
    areas = scores.areas(actual, probabilities)
    figures = {
        **scores.overall(actual, probabilities, areas),
        "expected_calibration_error": calibration_curve.expected_calibration_error(reliability),
        **_at_threshold(named, on_validation, actual, probabilities),
        **operating_point.figures(evaluate.operating_point, classes, (named, on_validation), tested),
        **selective.figures(evaluate.abstain, _told(named[independent], on_validation[independent]), told),
        **by_group(right, table["group"].iloc[test].tolist()),
        **_on_validation(named, on_validation),
        **generalization.gap((numbers(source, train, classes), on_train), tested),
        "images": len(test),
    }
    by_class = defined(scores.by_class(actual, probabilities, classes, areas))
    _write_by_class(plots / "by_class.csv", by_class, classes)
    return defined(figures), by_class


def defined(figures: Mapping[str, float]) -> dict[str, float]:
    """Return the figures that are finite numbers, to six significant digits."""
    return {name: rounded(value) for name, value in figures.items() if math.isfinite(value)}


def check_fits(classifier: Classifier, source: Images, models: Path, images: Path) -> None:
    """Raise a UserError unless the model takes these images and knows these classes."""
    described = source.description["classes"]
    for what, has, given in (
        ("classes", classifier.classes, described),
        ("image size", tuple(classifier.shape), tuple(source.shape)),
    ):
        if has != given:
            raise UserError(
                f"{models / 'model.json'}: the model's {what} {has} differ from {given} in "
                f"{images / 'images.json'}; train it on these images: `dvc repro train`"
            )


def numbers(source: Images, rows: Rows, classes: list[str]) -> ClassNumbers:
    """Return the true classes of the images at ``rows`` as positions in ``classes``."""
    number = {name: position for position, name in enumerate(classes)}
    return np.array([number[label] for label in source.index["label"].iloc[rows]], np.int64)


def _predict_unlabelled(classifier: Classifier, images: Path, predictions: Path) -> None:
    """Write ``unlabelled.csv``: what the model says of the images whose class nobody gave."""
    source = Images(images)
    rows = np.arange(len(source))
    probabilities = predict(classifier, source, rows, "unlabelled")
    write_predictions(predictions / "unlabelled.csv", source, rows, probabilities, classifier.classes)


def _write_occlusion(
    predictions: Path,
    classifier: Classifier,
    source: Images,
    rows: Rows,
    actual: ClassNumbers,
    probabilities: Probabilities,
    most: int,
) -> None:
    """Write ``occlusion.npz``: the ``most`` most confident mistakes, the surest first, with their occlusion maps."""
    surest = surest_mistakes(actual, probabilities)[:most]
    maps = [occlusion_map(classifier.probabilities, image) for image in source.take(rows[surest])]
    npz.write(
        predictions / "occlusion.npz",
        ids=source.index["id"].iloc[rows[surest]].to_numpy(np.str_),
        maps=np.array(maps, np.float32).reshape(len(maps), *source.shape[:2]),
    )


def _write_curves(
    plots: Path, actual: ClassNumbers, probabilities: Probabilities, classes: list[str], bins: int
) -> None:
    """Write the tables that `dvc plots` draws: ROC, precision-recall, calibration, risk-coverage and confusion."""
    predicted = probabilities.argmax(axis=1)
    right, confidence = _told(actual, probabilities)
    reliability = calibration_curve.reliability(right, confidence, bins)
    for name, table in (
        ("roc", curves.roc(actual, probabilities, classes)),
        ("precision_recall", curves.precision_recall(actual, probabilities, classes)),
        ("calibration", reliability),
        ("risk_coverage", selective.risk_coverage(right, confidence)),
        ("confusion", curves.confusion(actual, predicted, classes)),
    ):
        files.write_csv(plots / f"{name}.csv", table.columns, table.itertuples(index=False))


def _write_by_class(path: Path, figures: Mapping[str, float], classes: list[str]) -> None:
    """Write a row for each class that is among the test images."""
    columns = ("precision", "recall", "f1", "support")
    present = [name for name in classes if figures.get(f"support_{name}")]
    rows = ([name, *(figures[f"{column}_{name}"] for column in columns)] for name in present)
    files.write_csv(path, ["class", *columns], rows)


def _told(actual: ClassNumbers, probabilities: Probabilities) -> tuple[selective.Right, selective.Confidence]:
    """Return which images are right, and how sure the model is of what it says of each."""
    return actual == probabilities.argmax(axis=1), probabilities.max(axis=1)


def _on_validation(actual: ClassNumbers, probabilities: Probabilities) -> dict[str, float]:
    if not len(actual):
        return {}
    return {"validation_accuracy": float((actual == probabilities.argmax(axis=1)).mean())}


def _at_threshold(
    on_validation: ClassNumbers, validation: Probabilities, on_test: ClassNumbers, test: Probabilities
) -> dict[str, float]:
    """Return, for two classes, the ``threshold`` best on validation and the accuracy on test at it.

    Nothing for more classes, and nothing where validation does not hold both.
    """
    if test.shape[1] != 2 or len(np.unique(on_validation)) < 2:
        return {}
    threshold = best_threshold(on_validation == 1, validation[:, 1])
    return {
        "threshold": threshold,
        "accuracy_at_threshold": float((on_test == (test[:, 1] >= threshold)).mean()),
    }


def rounded(value: float) -> float:
    """Return ``value`` to six significant digits: what the figures can carry, and steady in a diff."""
    return value if isinstance(value, int) else float(f"{value:.6g}")
