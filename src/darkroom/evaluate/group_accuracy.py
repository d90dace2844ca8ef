"""Accuracy per group, since images of one patient, or near-duplicates, are not independent samples."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

LEAST_IMAGES = 5
"""A group of fewer images has no accuracy worth naming as the worst."""

DRAWS = 2000


def by_group(right: npt.NDArray[np.bool_], groups: Sequence[str]) -> dict[str, float]:
    """Return what groups of several test images add to the accuracy; nothing where every image stands alone.

    Parameters
    ----------
    right : bool, (images,)
        Whether the predicted class is the true one.
    groups : sequence of str
        The group of each image.

    Returns
    -------
    dict
        ``groups`` in test; ``group_accuracy``, the mean over groups, each counting once; ``group_accuracy_worst`` of
        those with at least five images; ``accuracy_low_by_group`` and ``accuracy_high_by_group``, the 95 % interval of
        the accuracy that holds where the images of one group err together (percentile bootstrap over whole groups,
        2,000 draws: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, 3.8).
    """
    table = pd.DataFrame({"group": groups, "right": right}).groupby("group")["right"].agg(["sum", "size"])
    if table["size"].max() == 1:
        return {}
    shares = table["sum"] / table["size"]
    low, high = _interval(table["sum"].to_numpy(), table["size"].to_numpy())
    return {
        "groups": len(table),
        "group_accuracy": float(shares.mean()),
        "group_accuracy_worst": float(shares[table["size"] >= LEAST_IMAGES].min()),
        "accuracy_low_by_group": low,
        "accuracy_high_by_group": high,
    }


def _interval(right: npt.NDArray[np.int64], size: npt.NDArray[np.int64]) -> tuple[float, float]:
    generator = np.random.default_rng(0)
    accuracies = np.empty(DRAWS)
    for draw in range(DRAWS):
        chosen = generator.integers(len(right), size=len(right))
        accuracies[draw] = right[chosen].sum() / size[chosen].sum()
    low, high = np.percentile(accuracies, [2.5, 97.5])
    return float(low), float(high)
