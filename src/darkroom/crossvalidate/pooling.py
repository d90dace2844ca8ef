"""The predictions of all folds as one table, in which every image was tested once, and the figures of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from darkroom import UserError, intervals
from darkroom.compare import comparison
from darkroom.compare.document import Table
from darkroom.compare.revisions import Run
from darkroom.evaluate import group_accuracy, scores
from darkroom.evaluate.stage import defined


def of_fold(run: Run, fold: int, groups: Mapping[str, str]) -> pd.DataFrame:
    """Return the predictions of a fold, with the ``fold`` and the ``group`` of each image, by its id in ``groups``.

    Raises
    ------
    UserError
        They are no predictions as the stage evaluate writes them.
    """
    comparison.check_columns(run.predictions, run.name)
    table = run.predictions.drop(columns="sha256")
    table.insert(2, "group", table["id"].map(groups))
    table.insert(3, "fold", fold)
    return table


def pool(name: str, folds: Sequence[pd.DataFrame]) -> "Pooled":
    """Return the tables of all folds as one, in the order of ids.

    Raises
    ------
    UserError
        The folds have other classes, or an image is in two of them.
    """
    for number, fold in enumerate(folds):
        comparison.check_classes(folds[0], fold, ("fold 0", f"fold {number}"))
    table = pd.concat(folds, ignore_index=True).sort_values("id", kind="stable", ignore_index=True)
    twice = table["id"][table["id"].duplicated()]
    if len(twice):
        raise UserError(
            f"{name}: image {twice.iloc[0]!r} is in test in several folds; expected every image in one: run the"
            " command again under another --name"
        )
    return Pooled(name, table)


@dataclass(frozen=True)
class Pooled:
    """All images, each predicted by the model of the fold that it is the test of.

    Attributes
    ----------
    name : str
        Of the group of runs.
    table : DataFrame
        ``id``, ``label``, ``group``, ``fold``, ``predicted`` and ``p_<class>`` of each image.
    """

    name: str
    table: pd.DataFrame

    @cached_property
    def right(self) -> "pd.Series[bool]":
        """Whether the predicted class is the true one, (images,)."""
        return self.table["label"] == self.table["predicted"]

    @cached_property
    def accuracies(self) -> "pd.Series[float]":
        """The accuracy of each fold."""
        return self.right.astype(float).groupby(self.table["fold"]).mean()

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy: over groups where there are any (bootstrap), else Wilson's."""
        grouped = self._by_group
        if grouped:
            return grouped["accuracy_low_by_group"], grouped["accuracy_high_by_group"]
        return intervals.wilson(int(self.right.sum()), len(self.right))

    @cached_property
    def _by_group(self) -> dict[str, float]:
        return group_accuracy.by_group(self.right.to_numpy(), self.table["group"].tolist())

    @cached_property
    def loss(self) -> float:
        """The mean cross-entropy of all images (log loss, natural logarithm)."""
        columns = [f"p_{name}" for name in comparison.classes(self.table)]
        return scores.loss(comparison.class_numbers(self.table), self.table[columns].to_numpy(np.float32))

    @property
    def recalls(self) -> dict[str, tuple[int, int]]:
        """By class: images of it that are right, and all of it."""
        counts = self.right.groupby(self.table["label"]).agg(["sum", "size"])
        return {str(name): (int(right), int(size)) for name, right, size in counts.itertuples()}

    @property
    def headline(self) -> str:
        """The accuracy in one line."""
        (low, high), folds = self.interval, self.accuracies
        return (
            f"{self.name} accuracy {self.right.mean():.4f} ({low:.4f} to {high:.4f}) on all {len(self.right):,} images,"
            f" log loss {self.loss:.4f}; by fold {folds.mean():.4f}, sd {folds.std():.4f}, over {len(folds)} folds"
        )

    @property
    def covered(self) -> str:
        """What the interval is, and what it covers."""
        kind = (
            f"over {int(self._by_group['groups']):,} groups of images that stay together (bootstrap)"
            if self._by_group
            else "by image, none of which is grouped with another (Wilson)"
        )
        return (
            f"95 % interval {kind}. It covers which images were tested, not which trained. The deviation over folds"
            " is no standard error: three folds or more share training images (Bengio and Grandvalet 2004)."
        )

    @property
    def by_fold(self) -> Table:
        """The accuracy of each fold."""
        counts = self.right.groupby(self.table["fold"]).agg(["size", "mean"])
        rows = tuple((str(fold), f"{images:,}", f"{one:.4f}") for fold, images, one in counts.itertuples())
        return Table("Accuracy by fold", ("fold", "images", "accuracy"), rows)

    @property
    def by_class(self) -> Table:
        """The recall of each class, with its interval by image."""
        rows = []
        for name, (right, size) in self.recalls.items():
            low, high = intervals.wilson(right, size)
            rows.append((name, f"{size:,}", f"{right / size:.4f}", f"{low:.4f} to {high:.4f}"))
        return Table("Recall by class", ("class", "images", "recall", "95 % interval, by image"), tuple(rows))

    def to_json(self) -> dict[str, Any]:
        """Return the finite figures as metrics, flat, those of metrics/evaluate.json under the same names."""
        low, high = intervals.wilson(int(self.right.sum()), len(self.right))
        figures: dict[str, float] = {
            "images": len(self.right),
            "folds": len(self.accuracies),
            "accuracy": float(self.right.mean()),
            "accuracy_low": low,
            "accuracy_high": high,
            **self._by_group,
            "accuracy_fold_mean": float(self.accuracies.mean()),
            "accuracy_fold_sd": float(self.accuracies.std()),
            **{f"accuracy_fold_{fold}": float(one) for fold, one in self.accuracies.items()},
            "loss": self.loss,
        }
        for name, (right, size) in self.recalls.items():
            figures |= {f"recall_{name}": right / size, f"support_{name}": size}
        return defined(figures)
