"""`darkroom predict`: images in, a table of labels and probabilities out; bad files are reported and skipped."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import joblib
import numpy as np
from tqdm import tqdm

from darkroom import UserError, files, project
from darkroom.decode.archives import names
from darkroom.decode.pictures import decoder_stderr
from darkroom.decode.rejections import Rejection
from darkroom.evaluate.classifier import Probabilities, described
from darkroom.predict import inputs, output_formats, submission
from darkroom.predict.batches import batches
from darkroom.predict.bfloat16 import Precision
from darkroom.predict.inputs import Picture, Sources
from darkroom.predict.model import Model, load


@dataclass(frozen=True)
class Options:
    """What the command line says beside model and paths; see ``darkroom predict --help``."""

    output: Path | None = None
    form: output_formats.Form = "csv"
    top: int | None = None
    label: output_formats.Label | None = None
    min_confidence: float | None = None
    batch_size: int = 256
    workers: int | None = None
    backend: str | None = None
    precision: Precision = "float32"
    max_bytes: int = 20_000_000_000
    submit: str | None = None


def run(model: Path, paths: Sequence[str], options: Options) -> int:
    """Predict the pictures that ``paths`` name; return how many files could not be used.

    Parameters
    ----------
    model : Path
        A folder with ``model.keras`` and ``model.json``, or the model's file.
    paths : sequence of str
        Files, folders and archives; ``-`` for a list of them on stdin.
    options : Options

    Raises
    ------
    UserError
        A path is not there, the model is none, or options do not fit; nothing has been written.
    """
    if options.output is not None and options.output.is_dir():
        raise UserError(f"--output {options.output}: a folder; expected the name of a file")
    file, description = checked(model, paths)
    entry = _entry(options)
    table = output_formats.table(
        options.form, description["classes"], options.top, options.label, options.min_confidence
    )
    with found(paths, options) as (pictures, bad):
        total = len(pictures) + len(bad)
        if options.form == "kaggle":
            pictures = output_formats.in_order_of_kaggle(pictures)
        loaded = load(file, options.batch_size, options.backend, options.precision)
        with _opened(options.output) as out:
            bad += write(loaded, pictures, table, out, options)
    told(bad, total)
    if entry is not None and options.output is not None:
        if bad:
            raise UserError(
                f"--submit {options.submit}: not submitted, as {options.output} lacks the files that could not be used"
            )
        print(entry.submit(options.output, submission.message(project.root() or Path())))
    return len(bad)


def checked(model: Path, paths: Sequence[str]) -> tuple[Path, dict[str, Any]]:
    """Return the model's file and the content of its ``model.json``.

    Raises
    ------
    UserError
        ``model`` is none, or one of ``paths`` is one.
    """
    for path in paths:
        if Path(path).suffix == ".keras" or (Path(path) / "model.keras").is_file():
            raise UserError(f"{names.shown(path)}: a model, not images; name it by --model")
    if model.is_file() and model.suffix != ".keras":
        raise UserError(
            f"{model}: no model; expected a folder with model.keras and model.json, or NAME.keras"
        )
    return described(model)


@contextlib.contextmanager
def found(paths: Sequence[str], options: Options) -> Iterator[tuple[list[Picture], list[Rejection]]]:
    """Give the pictures that ``paths`` name, to be read within the block, and the files that cannot be used."""
    with tempfile.TemporaryDirectory(prefix="darkroom-predict-") as scratch:
        listed = sys.stdin.buffer.read() if "-" in paths else b""
        yield inputs.find(paths, listed, Sources(Path(scratch), options.max_bytes, options.output))


def told(bad: Sequence[Rejection], total: int) -> int:
    """Say on stderr which of ``total`` files could not be used, and return how many."""
    for one in bad:
        print(f"{names.shown(one.id)}: {names.shown(one.why)}", file=sys.stderr)
    if bad:
        print(f"darkroom: {len(bad)} of {total} files could not be used", file=sys.stderr)
    return len(bad)


def _entry(options: Options) -> submission.Entry | None:
    """Return the competition to submit to, logged in before the work begins; None where there is none."""
    if options.submit is None:
        return None
    if options.form != "kaggle" or options.output is None:
        raise UserError(
            f"--submit {options.submit}: hands in the file of --format kaggle --output FILE; give both"
        )
    return submission.Entry(options.submit)


def write(
    model: Model, pictures: Sequence[Picture], table: output_formats.Table, out: BinaryIO, options: Options
) -> list[Rejection]:
    """Write the table of ``pictures`` to ``out`` batch by batch; return those that could not be used.

    Raises
    ------
    UserError
        The model gives no numbers.
    """
    bad: list[Rejection] = []
    workers = options.workers or joblib.cpu_count()
    made = batches(pictures, model.prepare, model.shape, options.batch_size, workers)
    # Rows on a terminal show how far it is; a bar between them would only be in the way.
    hidden = True if options.output is None and sys.stdout.isatty() else None
    with contextlib.closing(made), decoder_stderr.listening(), decoder_stderr.stderr() as stream:
        bar = tqdm(total=len(pictures), desc="predict", unit=" images", file=stream, disable=hidden)
        with bar:
            out.write(table.begin().encode())
            for batch in made:
                probabilities = model.probabilities(batch.pixels)
                _check(probabilities, model)
                out.write(table.rows(batch.ids, probabilities, batch.pixels).encode())
                out.flush()
                bad += batch.bad
                bar.update(len(batch.ids) + len(batch.bad))
            out.write(table.end().encode())
            out.flush()
    return bad


def _check(probabilities: Probabilities, model: Model) -> None:
    if not np.isfinite(probabilities).all():
        raise UserError(
            f"{model.path}: gives probabilities that are no numbers: its training diverged; "
            "try a smaller train.learning_rate"
        )


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    """Give the stream to write to: a file that is there whole or not at all, or stdout."""
    if output is None:
        yield sys.stdout.buffer
        return
    try:
        with files.whole(output) as part, part.open("wb") as file:
            yield file
    except OSError as error:
        raise UserError(f"--output {output}: cannot be written: {error.strerror or error}") from error
