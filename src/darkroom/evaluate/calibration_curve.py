"""Calibration of the predicted probabilities: the reliability curve and the calibration error."""

import numpy as np
import numpy.typing as npt
import pandas as pd


def reliability(right: npt.NDArray[np.bool_], confidence: npt.NDArray[np.float32], bins: int) -> pd.DataFrame:
    """Return mean confidence, accuracy and number of images in each of ``bins`` equal steps.

    Parameters
    ----------
    right : bool, (images,)
        Whether the predicted class is the true one.
    confidence : float32, (images,)
        The predicted class's probability.
    bins : int
        Steps of equal width between 0 and 1.

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
    """Return the mean gap between confidence and accuracy, weighted by images (Guo et al., 2017, eq. 3)."""
    gaps = (curve["confidence"] - curve["accuracy"]).abs()
    return float((gaps * curve["images"]).sum() / curve["images"].sum())
