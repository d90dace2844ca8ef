"""Predefined splits: what to keep of a split that came with the source, and which leaks it has."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from darkroom.array_types import Rows
from darkroom.split.assignment import TEST, TRAIN, VALIDATION
from darkroom.split_files import PARTS


def kept(came: Sequence[str], groups: Rows, predefined: str) -> Rows:
    """Return the part in which each image stays, -1 where it is yet to be drawn: int64, (images,).

    Parameters
    ----------
    came : texts, (images,)
        What the source says: train, validation, test or nothing.
    groups : int64, (images,)
        The row of the first member of each image's group.
    predefined : str
        ignore: nothing is kept. keep: what came as validation or test stays. repair: the same, but a group
        that lies in more than one part goes to the training images whole.

    Where both validation and test came, all others are train; where one is missing, it is drawn from these, but for
    images with another of their group in the part that came: drawn into the missing one, they would leak there too.
    """
    if predefined == "ignore":
        return np.full(len(came), -1, np.int64)
    numbers = {"": TRAIN, **{part: number for number, part in enumerate(PARTS)}}
    parts = np.array([numbers[part] for part in came], np.int64)
    if predefined == "repair":
        parts[straddling(parts, groups)] = TRAIN
    if not {VALIDATION, TEST} <= set(parts.tolist()):
        parts[(parts == TRAIN) & ~straddling(parts, groups)] = -1
    return parts


def straddling(parts: Rows, groups: Rows) -> npt.NDArray[np.bool_]:
    """Return which images belong to a group that lies in more than one part."""
    pairs = np.unique(np.stack([groups, parts]), axis=1)
    return (np.bincount(pairs[0], minlength=len(groups)) > 1)[groups]


def rescaled(fractions: Sequence[float], parts: Rows) -> tuple[float, float, float]:
    """Return the fractions for the images yet to be drawn: 0 for validation or test that came, together 1."""
    train = fractions[TRAIN]
    validation = 0.0 if (parts == VALIDATION).any() else fractions[VALIDATION]
    test = 0.0 if (parts == TEST).any() else fractions[TEST]
    total = train + validation + test
    return train / total, validation / total, test / total


def leaked(parts: Rows, groups: Rows) -> int:
    """Return how many validation and test images belong to a group with members in another part."""
    return int((straddling(parts, groups) & (parts != TRAIN)).sum())
