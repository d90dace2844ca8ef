"""Selective classification: answering only where the model is sure, and how much that lowers the error."""

import math
import sys

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import betaincinv

from darkroom import UserError, intervals
from darkroom.evaluate.predictions import as_written
from darkroom.params.evaluate import AbstainParams

GRID = np.linspace(0.01, 1, 100)

TESTS = 10
"""Numbers of answers that are tried, at most: more of them find a better one among many images, fewer among few."""

Right = npt.NDArray[np.bool_]
"""Whether the predicted class is the true one, (images,)."""

Confidence = npt.NDArray[np.float32]
"""The predicted class's probability, (images,)."""


def risk_coverage(right: Right, confidence: Confidence) -> pd.DataFrame:
    """Return the error among the surest images, at up to 100 shares of them.

    El-Yaniv and Wiener, "On the foundations of noise-free selective classification", JMLR 11 (2010).

    Returns
    -------
    DataFrame
        Columns ``coverage``, the share of images that are answered; ``error``, the share of those that are wrong; and
        ``confidence``, that of the least sure of them.
    """
    order = np.argsort(-confidence, kind="stable")
    answered = np.unique(np.ceil(GRID * len(right) - 1e-9).astype(int))
    wrong = np.cumsum(~right[order])
    return pd.DataFrame(
        {
            "coverage": answered / len(right),
            "error": wrong[answered - 1] / answered,
            "confidence": as_written(confidence)[order][answered - 1],
        }
    )


def threshold(right: Right, confidence: Confidence, abstain: AbstainParams) -> float | None:
    """Return the least confidence from which on the error is promised; None where no confidence will do.

    Up to :data:`TESTS` numbers of answers, the surest first, are tested in growing order, each against the hypothesis
    that more than ``abstain.error`` of such answers are wrong. The chance of being mistaken is shared among them, and
    what a test had is the next one's, too, where it succeeds: the fallback procedure (Wiens and Dmitrienko, Journal of
    Biopharmaceutical Statistics 15, 2005), as for the control of risk in Angelopoulos et al., "Learn then test" (2021).
    The binary search of Geifman and El-Yaniv, "Selective classification for deep neural networks" (2017), keeps the
    same promise and answers less: it gives up where half of the images are too few for it.

    To be called with validation images, independent of each other.

    Parameters
    ----------
    right : bool, (images,)
    confidence : float32, (images,)
    abstain : AbstainParams
        With probability ``abstain.confidence`` over the draw of the images, at most ``abstain.error`` of what is
        answered is wrong.
    """
    least = images_needed(abstain)
    if len(right) < least:
        return None
    sure = as_written(confidence)
    surest = np.sort(sure)[::-1]
    chance, found = 0.0, None
    for images in np.unique(np.linspace(least, len(right), TESTS).round().astype(int)):
        chance += (1 - abstain.confidence) / TESTS
        answered = sure >= surest[images - 1]
        if error_bound(int((answered & ~right).sum()), int(answered.sum()), chance) <= abstain.error:
            found = float(surest[images - 1])
        else:
            chance = 0.0
    return found


def error_bound(wrong: int, images: int, chance: float) -> float:
    """Return the upper limit of an error, missed with probability ``chance`` (Clopper and Pearson 1934)."""
    return 1.0 if wrong >= images else float(betaincinv(wrong + 1, images - wrong, 1 - chance))


def images_needed(abstain: AbstainParams) -> int:
    """Return how many images the promise takes at least: so many that all of them being right is enough."""
    return math.ceil(math.log((1 - abstain.confidence) / TESTS) / math.log1p(-abstain.error))


def check(images: int, abstain: AbstainParams | None) -> None:
    """Raise a UserError where so few independent validation images cannot carry the promise, whatever the model."""
    if abstain is not None and images < (needed := images_needed(abstain)):
        raise UserError(
            f"params.yaml: evaluate.abstain: an error of {abstain.error:g} with confidence {abstain.confidence:g} "
            f"takes {needed:,} independent validation images at least (one of each group counts), and there are "
            f"{images:,}; allow a larger error, or hold out more by split.validation"
        )


def figures(
    abstain: AbstainParams | None, validation: tuple[Right, Confidence], test: tuple[Right, Confidence]
) -> dict[str, float]:
    """Return ``confidence_threshold``, found on validation, and what it does on test; nothing where none is asked for.

    ``coverage`` is the share of test images that are answered, ``selective_accuracy`` that of the answers that are
    right, with its 95 % score interval. Without a threshold there is ``coverage`` alone, 0.
    """
    if abstain is None:
        return {}
    least = threshold(*validation, abstain)
    if least is None:
        print(
            f"evaluate.abstain: no confidence promises an error of {abstain.error:g} on these validation images: the "
            "model would answer nothing; allow a larger error, or train a better model",
            file=sys.stderr,
        )
        return {"coverage": 0.0}
    right, confidence = test
    answered = as_written(confidence) >= least
    found = {"confidence_threshold": least, "coverage": float(answered.mean())}
    if not answered.any():
        return found
    right_ones, images = int(right[answered].sum()), int(answered.sum())
    low, high = intervals.wilson(right_ones, images)
    return found | {
        "selective_accuracy": right_ones / images,
        "selective_accuracy_low": low,
        "selective_accuracy_high": high,
    }


def one_a_group(groups: pd.Series, sha256: pd.Series) -> npt.NDArray[np.int64]:
    """Return the position of one image of each group, chosen by the digest of its file: (groups,).

    The images of a group, such as one patient's, are not independent samples.
    """
    table = pd.DataFrame({"group": groups.to_numpy(), "sha256": sha256.to_numpy()})
    return np.sort(table.sort_values("sha256", kind="stable").drop_duplicates("group").index.to_numpy())
