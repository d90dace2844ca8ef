"""Whether a confidence of 80 % is right 80 % of the time: the reliability curve and its error."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from darkroom.evaluate.classifier import Probabilities


def reliability(right: npt.NDArray[np.bool_], confidence: npt.NDArray[np.float32], bins: int) -> pd.DataFrame:
    """Return mean confidence, accuracy and number of images of each of ``bins`` equal steps of confidence.

    Parameters
    ----------
    right : bool, (images,)
        Whether the predicted class is the true one.
    confidence : float32, (images,)
        The predicted class's probability.

    Returns
    -------
    DataFrame
        Columns ``confidence``, ``accuracy``, ``images``; steps without an image have no row.
    """
    step = np.minimum((confidence * bins).astype(int), bins - 1)
    table = pd.DataFrame(
        {"step": step, "confidence": confidence.astype(float), "accuracy": right.astype(float)}
    )
    grouped = table.groupby("step")
    return grouped[["confidence", "accuracy"]].mean().assign(images=grouped.size()).reset_index(drop=True)


def expected_calibration_error(curve: pd.DataFrame) -> float:
    """Return the mean gap between confidence and accuracy, weighted by images (Guo et al., 2017, equation 3)."""
    gaps = (curve["confidence"] - curve["accuracy"]).abs()
    return float((gaps * curve["images"]).sum() / curve["images"].sum())


def confidence_of(probabilities: Probabilities) -> npt.NDArray[np.float32]:
    """Return the probability of the predicted class."""
    return probabilities.max(axis=1)
