"""The split stage: groups found, images assigned, normalization fitted, all of it measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom import UserError, files, split_files
from darkroom.array_types import Rows
from darkroom.images import Images
from darkroom.params import NormalizeParams, SplitParams
from darkroom.split import (
    assignment,
    folds,
    groups,
    normalization,
    predefined,
    proportions,
    suspicious_groups,
)
from darkroom.split.assignment import TEST, TRAIN, VALIDATION
from darkroom.split_files import PARTS


def split(split: SplitParams, normalize: NormalizeParams, images: Path, out: Path) -> dict[str, Any]:
    """Assign the images in folder ``images`` and fit the normalization on train, into folder ``out``.

    Returns
    -------
    dict
        The metrics of :func:`darkroom.split.proportions.measure`; `predefined_validation` and `predefined_test`,
        images that the source brought as such, where there are any; and `warnings`, how many were printed.

    Raises
    ------
    UserError
        There are no images, no test images or one class only, or a part asked for would lack a class.
    """
    source = Images(images)
    index = source.index
    names = sorted(set(index["label"]))
    check(index, names, images)
    classes = np.searchsorted(names, index["label"]).astype(np.int64)
    alike = groups.look_alikes(source, split.near_duplicates)
    pictures = groups.with_pictures(alike, index["sha256"])
    grouped = groups.with_subjects(pictures, index["id"].tolist(), split.group_by)
    parts, fractions, came = assign(split, index, names, classes, grouped)

    statistics = normalization.fit(normalize.method, source, np.flatnonzero(parts == TRAIN))

    files.empty_folder(out)
    ids = index["id"].tolist()
    rows = zip(ids, (PARTS[part] for part in parts), (ids[first] for first in grouped), strict=True)
    split_files.write(out, rows, normalize.method, statistics)
    measured = proportions.measure(parts, classes, grouped, alike, fractions)
    warnings = [
        *suspicious_groups.leaks(int(measured["leaked_images"])),
        *suspicious_groups.warnings(ids, index["label"].tolist(), alike),
    ]
    suspicious_groups.write(out / "summary.json", warnings)
    return {**measured, **came, "warnings": len(warnings)}


def check(index: pd.DataFrame, names: list[str], images: Path) -> None:
    """Raise a UserError if there is nothing to split, or nothing to tell apart."""
    if not len(index):
        raise UserError(f"{images / 'index.csv'}: no labelled images; check source and labels in params.yaml")
    if len(names) == 1:
        raise UserError(
            f"{images / 'index.csv'}: all {len(index)} images have the label {names[0]!r}; expected two classes"
            f" or more; check labels.kind, labels.depth, labels.pattern, labels.map and labels.skip in params.yaml"
        )


def assign(
    params: SplitParams, index: pd.DataFrame, names: list[str], classes: Rows, grouped: Rows
) -> tuple[Rows, tuple[float, float, float], dict[str, int]]:
    """Return the part of each image, the fractions asked of those that were drawn, and how many were not."""
    parts = predefined.kept(index["split"].tolist(), grouped, params.predefined)
    if params.folds is None and params.test == 0 and not (parts == TEST).any():
        raise UserError(
            "params.yaml: split.test: got 0.0, and the source brings no test images of its own (or"
            " split.predefined leaves them out); expected more than 0, or nothing could be measured"
        )
    counts = {f"predefined_{PARTS[part]}": int((parts == part).sum()) for part in (VALIDATION, TEST)}
    if params.folds is not None:
        folds.check_undivided(counts)
        strata, called = _strata(params, names, classes)
        numbers = folds.assign(strata, grouped, called, index["id"], params.folds, params.seed)
        parts[numbers == params.fold] = TEST
    free = np.flatnonzero(parts < 0)
    fractions = predefined.rescaled(params.fractions, parts)
    if len(free):
        parts[free] = draw(params, index, names, classes[free], grouped, free, fractions)
    _check_train(parts, classes, names, params)
    return parts, fractions, {name: count for name, count in counts.items() if count}


def draw(
    params: SplitParams,
    index: pd.DataFrame,
    names: list[str],
    classes: Rows,
    grouped: Rows,
    free: Rows,
    fractions: tuple[float, float, float],
) -> Rows:
    """Return the parts drawn for the images at rows ``free``."""
    asked = [part for part in range(len(PARTS)) if fractions[part] > 0]
    strata, called = _strata(params, names, classes)
    # Rows of the whole index become positions among the free images: a group is named by its first free member.
    _, first, inverse = np.unique(grouped[free], return_index=True, return_inverse=True)
    among = first[inverse].astype(np.int64)
    ids = index["id"].iloc[grouped[free]]
    # The draws that made the folds would have nearly all folds share their validation images.
    drawn = assignment.draws(
        params.seed, ids if params.folds is None else (f"fold {params.fold}:{id}" for id in ids)
    )
    keys = ", ".join(f"split.{PARTS[part]}" for part in asked)
    assignment.check_enough(strata, among, called, len(asked), keys, "set one of these to 0")
    parts = assignment.assign(strata, among, drawn, fractions)
    stuck = assignment.cover(parts, strata, among, drawn, asked)
    if stuck is not None:
        stratum, part = stuck
        raise UserError(
            f"params.yaml: split.group_by, split.near_duplicates: the groups that stay together leave"
            f" {called[stratum]} without an image in {PARTS[part]}; bring more images, make the groups smaller,"
            f" or set split.{PARTS[part]} to 0"
        )
    return parts


def _strata(params: SplitParams, names: list[str], classes: Rows) -> tuple[Rows, list[str]]:
    """Return the stratum of each image, and what a message calls them."""
    if params.stratified:
        return classes, [f"class {name!r}" for name in names]
    return np.zeros_like(classes), ["the whole"]


def _check_train(parts: Rows, classes: Rows, names: list[str], params: SplitParams) -> None:
    """Raise a UserError if a class is absent from train: the model could never name it."""
    absent = sorted(set(range(len(names))) - set(classes[parts == TRAIN].tolist()))
    if absent:
        key, value, remedy = (
            ("predefined", params.predefined, "ignore")
            if params.stratified
            else ("stratified", "false", "true")
        )
        raise UserError(
            f"params.yaml: split.{key}: got {value}, which leaves class {names[absent[0]]!r} without a training"
            f" image, so that no model could name it; set split.{key}: {remedy}, or leave the class out"
            f" (labels.skip)"
        )
