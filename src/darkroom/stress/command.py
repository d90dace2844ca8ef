"""The implementation of `darkroom stress`, called by the command-line interface."""

from collections.abc import Sequence
from pathlib import Path

from darkroom import UserError, files, pipeline_images, tf_logging
from darkroom.compare.as_text import lines
from darkroom.compare.document import Table
from darkroom.evaluate.classifier import Classifier
from darkroom.evaluate.stage import check_fits
from darkroom.stress import kinds, measurement
from darkroom.stress.level import COLUMNS
from darkroom.stress.results import Stress

BATCH = 64
"""Images in a batch, at most."""


def run(model: Path, names: Sequence[str], most: int, seed: int, output: Path, project: Path) -> str:
    """Measure, write ``stress.json``, ``stress.csv`` and ``stress.html``, and return what to tell the user.

    Parameters
    ----------
    model : Path
        ``model.keras`` with ``model.json`` beside it, or their folder.
    names : sequence of str
        Of the kinds of disturbance; none: all.
    most : int
        Test images to use, at most.
    seed : int
        Of noise, places, directions and the starts of attacks.
    output : Path
        The folder to write to; what else is in it stays.
    project : Path
        The folder with ``data/``.

    Raises
    ------
    UserError
        A name, the model, the images or the folder will not do; nothing is written then.
    """
    chosen = kinds.named(names)
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: a file; expected the name of a folder")
    source, test = pipeline_images.of_part(project, "test", "to disturb")
    # On TensorFlow, wherever it was trained: weights are portable, and the gradients of attacks come from there.
    with tf_logging.quiet():
        classifier = Classifier(model, BATCH, "tensorflow")
    check_fits(classifier, source, model, source.folder)
    rows = measurement.sample(source, test, classifier.classes, most)
    result, examples = measurement.measure(classifier, source, rows, chosen, seed, len(test))
    from darkroom.stress import page  # matplotlib takes half a second: not before the mistakes are found

    labels = source.index["label"].iloc[examples.rows].tolist()
    text = page.render(result, examples, source.take(examples.rows), labels, classifier.classes)
    try:
        files.write_json(output / "stress.json", result.to_json())
        files.write_csv(output / "stress.csv", COLUMNS, result.rows())
        with files.whole(output / "stress.html") as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"--output {output}: cannot be written: {error.strerror or error}") from error
    return "\n".join(
        [result.sentence, "", *lines(_table(result)), "", f"{output / 'stress.html'} has the rest"]
    )


def _table(result: Stress) -> Table:
    title = (
        f"Accuracy on {result.images:,} of {result.of_test:,} test images; as they are {result.accuracy:.3f}"
    )
    rows = tuple(
        (kind.title, *(f"{level.accuracy:.3f} at {level.amount:g}" for level in levels), kind.unit)
        for kind, levels in result.levels.items()
    )
    return Table(title, ("severity", "1", "2", "3", "4", "5", "unit"), rows)
