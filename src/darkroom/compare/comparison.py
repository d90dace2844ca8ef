"""The comparison of two prediction tables: counts, intervals, test, per class, and one plain sentence."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from darkroom import UserError, intervals
from darkroom.array_types import ClassNumbers
from darkroom.compare import statistics, verdict

Flags = npt.NDArray[np.bool_]

COLUMNS = ("id", "label", "predicted")


@dataclass(frozen=True)
class Accuracy:
    """Images got right, and their share with its 95 % Wilson interval."""

    right: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ByClass:
    """One class: its images, the share of them that A and B get right, and the discordant ones."""

    label: str
    images: int
    a: float
    b: float
    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True)
class Discordant:
    """An image that one of the two gets right and the other wrong."""

    id: str
    label: str
    a: str
    b: str


@dataclass(frozen=True)
class Comparison:
    """Two runs on their common test images.

    Attributes
    ----------
    images, images_a, images_b : int
        The images compared, and the test images of each.
    relabelled, replaced : int
        Common images left out because their true label is not the same in both, or their file is another one.
    a, b : Accuracy
    difference, low, high : float
        Accuracy B - accuracy A with its 95 % paired interval, in parts of one.
    p : float
        Exact two-sided p-value of McNemar's test.
    needed : int or None
        Images that would tell a difference of this size, 80 times of 100.
    only_a, only_b : tuple of Discordant
        What only A and only B gets right: of each class in turn, by id.
    classes : tuple of ByClass
    """

    images: int
    images_a: int
    images_b: int
    relabelled: int
    replaced: int
    a: Accuracy
    b: Accuracy
    difference: float
    low: float
    high: float
    p: float
    needed: int | None
    only_a: tuple[Discordant, ...]
    only_b: tuple[Discordant, ...]
    classes: tuple[ByClass, ...]

    @property
    def better(self) -> str | None:
        """``"A"`` or ``"B"`` where the test tells them apart, else None.

        The exact test alone decides, as it is the one that keeps its error rate in small samples too.
        """
        if self.p >= statistics.ALPHA:
            return None
        return "B" if self.difference > 0 else "A"

    @property
    def sentence(self) -> str:
        """The result as one plain sentence."""
        if self.better is None:
            return verdict.undecided(
                self.images, len(self.only_a) + len(self.only_b), self.difference, self.needed
            )
        return verdict.decided(self.better, self.difference, self.low, self.high, self.p)


def compare(a: pd.DataFrame, b: pd.DataFrame) -> Comparison:
    """Compare two prediction tables on the images they have in common.

    Parameters
    ----------
    a, b : DataFrame
        Columns id, label, predicted and ``p_<class>`` for each class; one row a test image. ``sha256`` of the image's
        file, where it is known, tells images of one name apart.

    Raises
    ------
    UserError
        The tables are of different classes, or have no image in common.
    """
    check_columns(a, "A")
    check_columns(b, "B")
    check_classes(a, b)
    common = in_common(a, b)
    other = replaced(common)
    same = common["label_a"] == common["label_b"]
    pairs = common[same & ~other]
    _check_common(a, b, len(common), int(other.sum()), len(pairs))
    right_a = (pairs["predicted_a"] == pairs["label_a"]).to_numpy()
    right_b = (pairs["predicted_b"] == pairs["label_a"]).to_numpy()
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    low, high = statistics.paired_interval(only_a, only_b, len(pairs))
    return Comparison(
        images=len(pairs),
        images_a=len(a),
        images_b=len(b),
        relabelled=int((~same & ~other).sum()),
        replaced=int(other.sum()),
        a=accuracy(right_a),
        b=accuracy(right_b),
        difference=(only_b - only_a) / len(pairs),
        low=low,
        high=high,
        p=statistics.mcnemar(only_a, only_b),
        needed=statistics.images_needed(only_a, only_b, len(pairs)),
        only_a=discordant(pairs[right_a & ~right_b]),
        only_b=discordant(pairs[right_b & ~right_a]),
        classes=by_class(pairs["label_a"].to_numpy(), right_a, right_b),
    )


def in_common(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Return the images that both tables name, by id, the columns of each with its suffix: ``_a``, ``_b``."""
    known = [*COLUMNS, "sha256"]
    tables = (table.assign(sha256=table.get("sha256", ""))[known] for table in (a, b))
    return next(tables).merge(next(tables), on="id", suffixes=("_a", "_b")).sort_values("id")


def replaced(common: pd.DataFrame) -> Any:
    """Return which rows of :func:`in_common` are of two different files of one name."""
    known = (common["sha256_a"] != "") & (common["sha256_b"] != "")
    return known & (common["sha256_a"] != common["sha256_b"])


def accuracy(right: Flags) -> Accuracy:
    """Return the accuracy of one run with its interval."""
    count = int(right.sum())
    low, high = intervals.wilson(count, len(right))
    return Accuracy(count, count / len(right), low, high)


def discordant(pairs: pd.DataFrame) -> tuple[Discordant, ...]:
    """Return the rows of ``pairs`` as images with what each run says of them, the classes in turn.

    So the first few, which is what a reader sees of many, are not all of the first class.
    """
    turn = pairs.groupby("label_a").cumcount().to_numpy()
    pairs = pairs.iloc[np.lexsort((pairs["id"], pairs["label_a"], turn))]
    columns = (pairs[name].tolist() for name in ("id", "label_a", "predicted_a", "predicted_b"))
    return tuple(Discordant(*row) for row in zip(*columns, strict=True))


def by_class(labels: npt.NDArray[np.object_], right_a: Flags, right_b: Flags) -> tuple[ByClass, ...]:
    """Return each class on its own; many p-values are not one, so no verdict is drawn from them."""
    rows = []
    for label in sorted(set(labels)):
        a, b = right_a[labels == label], right_b[labels == label]
        only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
        p = statistics.mcnemar(only_a, only_b)
        rows.append(ByClass(label, len(a), float(a.mean()), float(b.mean()), only_a, only_b, p))
    return tuple(rows)


def check_columns(table: pd.DataFrame, name: str, path: str = "data/predictions/test.csv") -> None:
    """Raise a UserError if ``table``, of the run or folder ``name`` and from ``path`` there, is none of predictions."""
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise UserError(
            f"{name}: {path} has no column {missing[0]!r}; expected id, label, predicted and one"
            f" p_<class> a class, as `dvc repro evaluate` writes them"
        )
    if table["id"].duplicated().any():
        twice = table["id"][table["id"].duplicated()].iloc[0]
        raise UserError(f"{name}: {path} names {twice!r} twice; expected one row an image")


def classes(table: pd.DataFrame) -> list[str]:
    """Return the classes that a table of predictions has probabilities of, in the order of its columns."""
    return [str(name).removeprefix("p_") for name in table.columns if str(name).startswith("p_")]


def class_numbers(table: pd.DataFrame) -> ClassNumbers:
    """Return each image's label as a position in :func:`classes`, -1 for one that is none: int64, (images,)."""
    return pd.Index(classes(table)).get_indexer(pd.Index(table["label"])).astype(np.int64)


def check_classes(a: pd.DataFrame, b: pd.DataFrame, names: tuple[str, str] = ("A", "B")) -> None:
    """Raise a UserError if the two runs, called ``names``, tell different classes apart."""
    classes_a, classes_b = (set(classes(table)) for table in (a, b))
    if classes_a != classes_b:
        raise UserError(
            f"{names[0]} and {names[1]} tell different classes apart: only {names[0]}"
            f" {_listed(classes_a - classes_b)}, only {names[1]}"
            f" {_listed(classes_b - classes_a)}; two runs can be compared when their classes are the same"
        )


def _check_common(a: pd.DataFrame, b: pd.DataFrame, common: int, replaced: int, same: int) -> None:
    """Raise a UserError if there is nothing to compare on."""
    if common and common == replaced:
        raise UserError(
            f"A and B have {common} test images of the same names, and none of them is the same file in both;"
            f" two runs can be compared when they are tested on the same images"
        )
    if not common:
        examples = f", such as {a['id'].iloc[0]!r} and {b['id'].iloc[0]!r}" if len(a) and len(b) else ""
        raise UserError(
            f"A and B have no test image in common ({len(a)} and {len(b)} images{examples}); two runs can be"
            f" compared when they are tested on the same images: keep split.seed, or set split.predefined"
        )
    if not same:
        raise UserError(
            f"A and B have {common} test images in common, and none of them has the same true label in both;"
            f" compare runs whose labels section in params.yaml is the same"
        )


def _listed(classes: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(classes)) or "none"
