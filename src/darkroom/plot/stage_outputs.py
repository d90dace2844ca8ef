"""Outputs of the earlier stages, loaded once: images, split, model metadata and predictions."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from darkroom import files, split_files
from darkroom.array_types import Pixels, Rows
from darkroom.images import Images

_PROBABILITIES = 2**22  # read at a time: of a million images and a thousand classes they would take gigabytes


@dataclass(frozen=True)
class Results:
    """Everything that figures and report show.

    Attributes
    ----------
    source : Images
        The labelled images.
    parts : DataFrame
        ``split.csv``: id, split, group; rows as in the index of ``source``.
    rejected : DataFrame
        ``rejected.csv``: id, reason, detail.
    rejected_pictures : dict of str to uint8 arrays
        Small pictures, (height, width, 3), of some of them by id; see :mod:`darkroom.decode.thumbnails`.
    normalization : str
        The method fitted on train, from ``normalization.npz``.
    model : dict
        ``model.json``.
    augmented : dict of uint8 arrays
        ``original`` (h, w, c) and ``augmented`` (9, h, w, c).
    test : DataFrame
        ``test.csv``: id, label, predicted, and as ``confidence`` the largest of the probabilities there.
    unlabelled : int
        Predicted images whose class nobody gave.
    occlusion : dict of arrays
        ``ids`` (k,) and ``maps`` float32 (k, h, w).
    summaries : dict of str to dict
        ``summary.json`` of decode and split, by the stage; {} where there is none.
    scores : dict of str to dict
        The metrics of each stage before, by its name.
    by_class : dict
        The figures of each class on test.
    history, roc, precision_recall, calibration, risk_coverage : DataFrame
        The tables in plots/.
    """

    source: Images
    parts: pd.DataFrame
    rejected: pd.DataFrame
    rejected_pictures: dict[str, Pixels]
    normalization: str
    model: dict[str, Any]
    augmented: dict[str, Pixels]
    test: pd.DataFrame
    unlabelled: int
    occlusion: dict[str, npt.NDArray[Any]]
    summaries: dict[str, dict[str, Any]]
    scores: dict[str, dict[str, Any]]
    by_class: dict[str, Any]
    history: pd.DataFrame
    roc: pd.DataFrame
    precision_recall: pd.DataFrame
    calibration: pd.DataFrame
    risk_coverage: pd.DataFrame

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the model's outputs."""
        classes: list[str] = self.model["classes"]
        return classes

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Images by class (rows) and part (columns)."""
        table = pd.crosstab(self.source.index["label"], self.parts["split"])
        return table.reindex(index=self.classes, columns=list(split_files.PARTS), fill_value=0)

    @cached_property
    def confusion(self) -> pd.DataFrame:
        """Test images by true class (rows) and predicted class (columns)."""
        table = pd.crosstab(self.test["label"], self.test["predicted"])
        return table.reindex(index=self.classes, columns=self.classes, fill_value=0)

    @cached_property
    def recalled(self) -> dict[str, tuple[int, int]]:
        """Of each class, how many of its test images are right, and how many there are."""
        table = self.confusion.to_numpy()
        pairs = zip(table.diagonal().tolist(), table.sum(axis=1).tolist(), strict=True)
        return dict(zip(self.classes, pairs, strict=True))

    @cached_property
    def mistakes(self) -> pd.DataFrame:
        """id, label, predicted and ``confidence`` of the test images that are wrong, the surest first."""
        wrong = self.test["label"] != self.test["predicted"]
        return self.test[wrong].sort_values("confidence", ascending=False, kind="stable")

    def rows_of(self, ids: pd.Series | list[str]) -> Rows:
        """Return the rows of the index with these ids, in their order."""
        return pd.Index(self.source.index["id"]).get_indexer(pd.Index(ids)).astype(np.int64)

    def pixels_of(self, ids: pd.Series | list[str]) -> Pixels:
        """Return the images with these ids: uint8, (n, height, width, channels)."""
        return self.source.take(self.rows_of(ids))


def read_results(
    images: Path, split: Path, models: Path, predictions: Path, metrics: Path, plots: Path
) -> Results:
    """Read what the stages before wrote into these folders."""
    unlabelled = predictions / "unlabelled.csv"
    return Results(
        source=Images(images),
        parts=split_files.read_table(split),
        rejected=_texts(images / "rejected.csv"),
        rejected_pictures=_pictures(images / "rejected.npz"),
        normalization=split_files.read_normalization(split)[0],
        model=files.read_json(models / "model.json"),
        augmented=_arrays(models / "augmented.npz"),
        test=_predictions(predictions / "test.csv"),
        unlabelled=len(_texts(unlabelled)) if unlabelled.is_file() else 0,
        occlusion=_arrays(predictions / "occlusion.npz"),
        summaries={
            stage: files.read_json(path) if (path := folder / "summary.json").is_file() else {}
            for stage, folder in (("decode", images), ("split", split))
        },
        scores={
            stage: files.read_json(metrics / f"{stage}.json")
            for stage in ("fetch", "decode", "split", "train", "evaluate")
        },
        by_class=files.read_json(metrics / "evaluate_by_class.json"),
        history=pd.read_csv(plots / "history.csv"),
        roc=pd.read_csv(plots / "roc.csv"),
        precision_recall=pd.read_csv(plots / "precision_recall.csv"),
        calibration=pd.read_csv(plots / "calibration.csv"),
        risk_coverage=pd.read_csv(plots / "risk_coverage.csv"),
    )


def _texts(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _pictures(path: Path) -> dict[str, Pixels]:
    if not path.is_file():
        return {}
    arrays = _arrays(path)
    return {str(name): arrays[str(place)] for place, name in enumerate(arrays["ids"])}


def _predictions(path: Path) -> pd.DataFrame:
    """Return ``test.csv`` with one column in the place of the probabilities, reading a few rows at a time."""
    texts = ["id", "label", "predicted"]
    classes = len(pd.read_csv(path, nrows=0).columns) - len(texts)
    parts = pd.read_csv(
        path,
        dtype=dict.fromkeys(texts, str),
        keep_default_na=False,
        chunksize=-(-_PROBABILITIES // classes),
    )
    return pd.concat([part[texts].assign(confidence=part.drop(columns=texts).max(axis=1)) for part in parts])


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(path) as arrays:
        return dict(arrays)
