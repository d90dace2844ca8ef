"""Folds of a cross-validation: each image is in one of them, and groups stay together."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from darkroom import UserError
from darkroom.array_types import Rows
from darkroom.split import assignment


def check_undivided(came: Mapping[str, int]) -> None:
    """Raise a UserError where images came as validation or test with the source, by the counts in ``came``."""
    if any(came.values()):
        told = ", ".join(
            f"{count} {key.removeprefix('predefined_')} images" for key, count in came.items() if count
        )
        raise UserError(
            f"params.yaml: split.folds: the source brings a split of its own ({told}), which folds would replace;"
            " set split.predefined: ignore to have every image tested once, or split.folds: null to keep it"
        )


def assign(
    strata: Rows, groups: Rows, names: Sequence[str], ids: "pd.Series[str]", count: int, seed: int
) -> Rows:
    """Return the fold of each image, the same whichever of them is tested: int64, (images,), from 0.

    Parameters
    ----------
    strata : int64, (images,)
        The stratum of each image, from 0, called as in ``names``.
    groups : int64, (images,)
        The row of the first member of each image's group.
    ids : text, (images,)
        What is drawn from, with ``seed``.

    Raises
    ------
    UserError
        A stratum has fewer groups than folds, or groups keep it out of one.
    """
    keys = f"split.folds: got {count}"
    assignment.check_enough(strata, groups, names, count, keys, "ask for fewer folds")
    drawn = assignment.draws(seed, ids.iloc[groups])
    wanted = assignment.fold_quotas(np.bincount(strata), count)
    folds = assignment.assign(strata, groups, drawn, [1 / count] * count, wanted)
    stuck = assignment.cover(folds, strata, groups, drawn, range(count))
    if stuck is not None:
        raise UserError(
            f"params.yaml: {keys}: the groups that stay together (split.group_by, split.near_duplicates) leave fold"
            f" {stuck[1]} without an image of {names[stuck[0]]}; bring more images, make the groups smaller, or ask for"
            " fewer folds"
        )
    return folds
