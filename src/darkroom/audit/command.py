"""The implementation of `darkroom audit`, called by the command-line interface."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import UserError, files
from darkroom.array_types import ClassNumbers, Doubles, Rows
from darkroom.audit import confident_learning, review_page
from darkroom.compare import comparison
from darkroom.decode.labels import corrections
from darkroom.images import Images
from darkroom.params import read_params

OUT_OF_FOLD = Path("data/out_of_fold.csv")

_TOLD = 10  # images named on the terminal


@dataclass(frozen=True)
class Predictions:
    """What models that did not see an image said of it.

    Attributes
    ----------
    ids : text, (images,)
    classes : list of str
    labels : int64, (images,)
        Positions in ``classes``.
    probabilities : float64, (images, classes)
    """

    ids: "pd.Series[str]"
    classes: list[str]
    labels: ClassNumbers
    probabilities: Doubles


def run(predictions: Path | None, output: Path, project: Path) -> str:
    """Write ``labels.csv`` and ``labels.html``, and return what to tell the user.

    Parameters
    ----------
    predictions : Path, optional
        A table with ``id``, ``label``, ``predicted`` and ``p_<class>``; by default :data:`OUT_OF_FOLD` of ``project``.
    output : Path
        The folder to write to; what else is in it stays.
    project : Path
        The folder with ``params.yaml``, whose `labels.corrections` may keep images as they are, and ``data/``.

    Raises
    ------
    UserError
        The table is missing or none, or names images that were decoded otherwise or not at all; or the corrections
        cannot be read.
    """
    path = predictions or project / OUT_OF_FOLD
    read = _read(path)
    counted = confident_learning.likely_wrong(read.labels, read.probabilities)
    found, suggested = confident_learning.ranked(read.labels, read.probabilities, counted)
    source, rows = _pictures(project, read, found, path)
    digests = source.index["sha256"].to_numpy()[rows]
    known = _corrections(project)
    asked = ~np.isin(digests, sorted(known.kept()))
    found, suggested, rows, digests = found[asked], suggested[asked], rows[asked], digests[asked]
    table = _table(read, found, suggested, digests)
    table["likely_wrong"] = np.where(counted[found] >= 0, "yes", "no")
    try:
        files.write_csv(output / "labels.csv", table.columns, table.itertuples(index=False))
        pictures = _contradicted(read, found, suggested, source, rows)
        review_page.write(output / "labels.html", read.classes, pictures, known)
    except OSError as error:
        raise UserError(f"--output {output}: cannot be written: {error.strerror or error}") from error
    return _told(table, len(read.ids), output, int((~asked).sum()))


def _corrections(project: Path) -> corrections.Corrections:
    """Return what a user has decided before; of what to keep, nobody is asked again."""
    # Params may name files, as they lie from the project's folder.
    with contextlib.chdir(project):
        return corrections.read(read_params(Path("params.yaml")).labels, Path("data/inbox"))


def _read(path: Path) -> Predictions:
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; `darkroom crossvalidate` writes data/out_of_fold.csv, where every image is"
            " predicted by a model that did not see it; or name another table by --predictions"
        )
    try:
        table = pd.read_csv(path, dtype={"id": str, "label": str, "predicted": str}, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{path}: no table: {error}") from None
    comparison.check_columns(table, "audit", str(path))
    classes, labels = comparison.classes(table), comparison.class_numbers(table)
    if (labels < 0).any():
        raise UserError(
            f"{path}: label {table['label'][labels < 0].iloc[0]!r} has no column of probabilities"
        )
    try:
        probabilities = table[[f"p_{name}" for name in classes]].to_numpy(np.float64)
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise ValueError("expected numbers from 0 to 1")
    except ValueError as error:
        raise UserError(f"{path}: probabilities: {error}") from None
    return Predictions(table["id"], classes, labels, probabilities)


def _pictures(project: Path, read: Predictions, found: Rows, path: Path) -> tuple[Images, Rows]:
    """Return the decoded images, and the rows of those at ``found`` of the table at ``path``."""
    folder = project / "data" / "images"
    if not (folder / "images.json").is_file():
        raise UserError(
            f"{folder / 'images.json'}: no such file; `dvc repro decode` makes it, `dvc pull` may too"
        )
    source = Images(folder)
    rows = pd.Index(source.index["id"]).get_indexer(pd.Index(read.ids.iloc[found])).astype(np.int64)
    given = source.index["label"].to_numpy()[rows]
    other = (rows < 0) | (given != np.array(read.classes)[read.labels[found]])
    if other.any():
        name = read.ids.iloc[found[other.argmax()]]
        raise UserError(
            f"{path}: {name!r} is not in {folder} with the same label: the images have changed since; predict again"
        )
    return source, rows


def _table(
    read: Predictions, found: Rows, suggested: ClassNumbers, digests: NDArray[np.object_]
) -> pd.DataFrame:
    """Return a row an image; ``sha256``, ``action`` and ``label`` are what a file of corrections has."""
    names = np.array(read.classes, object)
    return pd.DataFrame(
        {
            "id": read.ids.iloc[found].to_numpy(),
            "sha256": digests,
            "action": "relabel",
            "label": names[suggested],
            "given": names[read.labels[found]],
            "p_label": read.probabilities[found, suggested],
            "p_given": read.probabilities[found, read.labels[found]],
        }
    )


def _contradicted(
    read: Predictions, found: Rows, suggested: ClassNumbers, source: Images, rows: Rows
) -> Iterator[review_page.Contradicted]:
    for at, (row, number) in enumerate(zip(found.tolist(), suggested.tolist(), strict=True)):
        given = int(read.labels[row])
        [image] = source.take(rows[at : at + 1])
        yield review_page.Contradicted(
            read.ids.iloc[row],
            source.index["sha256"].iloc[rows[at]],
            image,
            (number, float(read.probabilities[row, number])),
            (given, float(read.probabilities[row, given])),
        )


def _told(table: pd.DataFrame, images: int, output: Path, kept: int) -> str:
    but = f", but for {kept:,} that labels.corrections keeps" if kept else ""
    if table.empty:
        return f"no label of {images:,} images is contradicted{but}"
    likely = int((table["likely_wrong"] == "yes").sum())
    lines = [
        f"{row.id}: labelled {row.given} ({row.p_given:.2f}), looks like {row.label} ({row.p_label:.2f})"
        for row in table.head(_TOLD).itertuples()
    ]
    more = [f"and {len(table) - _TOLD:,} more"] if len(table) > _TOLD else []
    return "\n".join(
        [
            f"models that did not see the image contradict {len(table):,} of {images:,} labels, of which {likely:,} "
            f"are likely wrong{but}:",
            *(f"  {line}" for line in [*lines, *more]),
            f"{output / 'labels.html'} shows all of them, to decide on; {output / 'labels.csv'} lists them",
        ]
    )
