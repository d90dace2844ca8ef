"""Output formats of predictions: CSV, JSON, a page of HTML and the submission file of a Kaggle competition."""

import csv
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Literal, Protocol

import numpy as np

from darkroom import UserError
from darkroom.array_types import Pixels
from darkroom.evaluate.classifier import Probabilities
from darkroom.predict.inputs import Picture

Form = Literal["csv", "json", "html", "kaggle"]
Label = Literal["index", "probability", "name"]


class Table(Protocol):
    """Text made batch by batch.

    ``probabilities`` is float32 (len(ids), classes), ``pixels`` what the network got: uint8 (len(ids), height, width,
    channels).
    """

    def begin(self) -> str:
        """Return what stands before the rows."""

    def rows(self, ids: Sequence[str], probabilities: Probabilities, pixels: Pixels) -> str:
        """Return a row an image."""

    def end(self) -> str:
        """Return what stands behind the rows."""


class Csv:
    """``id``, ``label`` and a ``p_<class>`` each; or, of the ``top`` best, ``id``, ``label_1``, ``p_1`` and so on.

    With ``min_confidence``, ``answered`` comes last: ``true`` where the likeliest class is as likely as that.
    """

    def __init__(self, classes: Sequence[str], top: int | None, min_confidence: float | None) -> None:
        self._classes, self._top, self._least = classes, top, min_confidence

    def begin(self) -> str:
        """Return the line of column names."""
        last = [] if self._least is None else ["answered"]
        if self._top is None:
            return _csv([["id", "label", *(f"p_{name}" for name in self._classes), *last]])
        return _csv(
            [["id", *(f"{what}_{n + 1}" for n in range(self._top) for what in ("label", "p")), *last]]
        )

    def rows(self, ids: Sequence[str], probabilities: Probabilities, pixels: Pixels) -> str:
        """Return a line an image, probabilities to six decimals."""
        return _csv(
            [name, *self._said(p), *([] if self._least is None else [str(answered(p, self._least)).lower()])]
            for name, p in zip(ids, probabilities, strict=True)
        )

    def _said(self, p: Probabilities) -> list[str]:
        if self._top is None:
            return [self._classes[int(p.argmax())], *(f"{value:.6f}" for value in p)]
        return [part for n in best(p, self._top) for part in (self._classes[n], f"{p[n]:.6f}")]

    def end(self) -> str:
        """Return nothing."""
        return ""


class Json:
    """A list of objects, one a line: ``id``, ``label``, and ``probabilities`` by class, the ``top`` best or all.

    With ``min_confidence`` each has ``answered``, too, as in :class:`Csv`.
    """

    def __init__(self, classes: Sequence[str], top: int | None, min_confidence: float | None) -> None:
        self._classes, self._top, self._least = classes, top, min_confidence
        self._separator = "\n"

    def begin(self) -> str:
        """Return the bracket that opens the list."""
        return "["

    def rows(self, ids: Sequence[str], probabilities: Probabilities, pixels: Pixels) -> str:
        """Return an object an image, probabilities to six decimals."""
        text = ""
        for name, p in zip(ids, probabilities, strict=True):
            shown = range(len(p)) if self._top is None else best(p, self._top)
            content = {
                "id": name,
                "label": self._classes[int(p.argmax())],
                "probabilities": {self._classes[n]: float(f"{p[n]:.6f}") for n in shown},
                **({} if self._least is None else {"answered": answered(p, self._least)}),
            }
            text += self._separator + json.dumps(content, ensure_ascii=False, allow_nan=False)
            self._separator = ",\n"
        return text

    def end(self) -> str:
        """Return the bracket that closes the list."""
        return "\n]\n"


class Kaggle:
    """Exactly ``id,label``; ``label`` is the number of the class, the probability of the second, or its name."""

    def __init__(self, classes: Sequence[str], label: Label) -> None:
        self._classes, self._label = classes, label
        if label == "probability" and len(classes) != 2:
            raise UserError(
                f"--label probability: is that of the second of two classes, and the model has {len(classes)}; "
                "expected index or name, or --format csv for all probabilities"
            )

    def begin(self) -> str:
        """Return the line of column names."""
        return "id,label\n"

    def rows(self, ids: Sequence[str], probabilities: Probabilities, pixels: Pixels) -> str:
        """Return a line an image."""
        return _csv([_kaggle_id(name), self._said(p)] for name, p in zip(ids, probabilities, strict=True))

    def end(self) -> str:
        """Return nothing."""
        return ""

    def _said(self, p: Probabilities) -> str:
        if self._label == "probability":
            return f"{p[1]:.6f}"
        number = int(p.argmax())
        return str(number) if self._label == "index" else self._classes[number]


def table(
    form: Form,
    classes: Sequence[str],
    top: int | None = None,
    label: Label | None = None,
    min_confidence: float | None = None,
) -> Table:
    """Return the table to write; ``label`` is ``index`` where it is not given.

    Raises
    ------
    UserError
        The options do not fit each other or the model's classes.
    """
    if top is not None and not 1 <= top <= len(classes):
        raise UserError(f"--top {top}: expected 1 to {len(classes)}, the number of the model's classes")
    if min_confidence is not None and form not in ("csv", "json"):
        raise UserError(
            f"--min-confidence: is for --format csv and json; --format {form} has no place for it"
        )
    if form == "kaggle":
        if top is not None:
            raise UserError("--top: --format kaggle writes id and label alone; choose one of the two")
        return Kaggle(classes, label or "index")
    if label is not None:
        raise UserError(
            f"--label {label}: is for --format kaggle; --format {form} has name and probabilities"
        )
    if form == "html":
        from darkroom.predict.gallery import Gallery  # which takes `best` from here

        return Gallery(classes, top)
    return (Csv if form == "csv" else Json)(classes, top, min_confidence)


def in_order_of_kaggle(pictures: Iterable[Picture]) -> list[Picture]:
    """Return the pictures sorted by the number that their name is; names that are none follow, as text.

    Raises
    ------
    UserError
        Two have the same id.
    """
    chosen = sorted(pictures, key=lambda picture: _as_number(_kaggle_id(picture.id)))
    for one, other in itertools.pairwise(chosen):
        if _kaggle_id(one.id) == _kaggle_id(other.id):
            raise UserError(
                f"--format kaggle: {one.id} and {other.id} would both have the id {_kaggle_id(one.id)}; "
                "name the competition's test images alone, each once"
            )
    return chosen


def _kaggle_id(name: str) -> str:
    """Return a file's name without folders and extension: what a competition calls an image."""
    return PurePosixPath(name).stem


def answered(p: Probabilities, min_confidence: float) -> bool:
    """Return whether the largest of ``p``, float32 (classes,), to six decimals reaches ``min_confidence``."""
    return round(float(p.max()), 6) >= min_confidence


def best(p: Probabilities, top: int) -> list[int]:
    """Return the positions of the ``top`` largest of ``p``, float32 (classes,), the largest first; ties in order."""
    return [int(number) for number in np.argsort(-p, kind="stable")[:top]]


def _as_number(name: str) -> tuple[bool, int, str]:
    is_number = re.fullmatch("[0-9]+", name) is not None
    return not is_number, int(name) if is_number else 0, name


def _csv(rows: Iterable[Iterable[object]]) -> str:
    # The writer quotes what its line end holds: a name with a lone \r would break the line unless \r is part of it.
    lines: list[str] = []
    csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n").writerows(rows)
    return "".join(line.removesuffix("\r\n") + "\n" for line in lines)
