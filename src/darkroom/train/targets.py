"""The network's classification head, the target of each image, and the class weights."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from darkroom import UserError
from darkroom.array_types import ClassNumbers, Floats

Head = Literal["sigmoid", "softmax"]


def resolve_head(head: Literal["auto", "sigmoid", "softmax"], classes: Sequence[str]) -> Head:
    """Return the head for these classes: for ``auto``, one sigmoid for two of them and a softmax for more.

    Raises
    ------
    UserError
        There is no second class, or one sigmoid unit would have to tell more than two apart.
    """
    if len(classes) < 2:
        raise UserError(
            f"data/images: expected two or more classes, got {len(classes)}: {', '.join(classes)}"
        )
    if head == "sigmoid" and len(classes) != 2:
        raise UserError(
            f"params.yaml: model.head: got sigmoid, which tells 2 classes apart, for {len(classes)} classes; "
            "expected softmax or auto"
        )
    if head == "auto":
        return "sigmoid" if len(classes) == 2 else "softmax"
    return head


def encode(labels: Sequence[str], classes: Sequence[str], head: Head, smoothing: float = 0.0) -> Floats:
    """Return the targets of images with these labels.

    Parameters
    ----------
    labels : sequence of str
        One an image; each in ``classes``.
    classes : sequence of str
        In the order of the outputs; under a sigmoid the second is 1.
    head : "sigmoid" or "softmax"
    smoothing : float
        The part of each target that is spread evenly over all classes (Szegedy et al., "Rethinking the Inception
        architecture for computer vision", 2016). It belongs in the targets of training images, not in the loss: the
        loss on validation images then stays a cross-entropy, comparable between runs.

    Returns
    -------
    float32, (n, 1) under a sigmoid, else (n, classes)
    """
    position = {name: number for number, name in enumerate(classes)}
    numbers = np.array([position[label] for label in labels], np.int64)
    if head == "sigmoid":
        targets, outcomes = numbers[:, None].astype(np.float32), 2
    else:
        targets, outcomes = np.eye(len(classes), dtype=np.float32)[numbers], len(classes)
    return targets * np.float32(1 - smoothing) + np.float32(smoothing / outcomes)


def classes_of(targets: Floats, head: Head) -> ClassNumbers:
    """Return the class of each of the ``targets`` that :func:`encode` returns: int64, (n,)."""
    return (targets[:, 0] > 0.5).astype(np.int64) if head == "sigmoid" else targets.argmax(axis=1)


def balanced_weights(labels: Sequence[str]) -> Floats:
    """Return a weight for each image, so that all classes count alike and the mean weight is 1: float32, (n,).

    That of scikit-learn's ``compute_sample_weight("balanced")``: images / (classes x images of this class).
    """
    _, number, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    return (len(labels) / (len(counts) * counts))[number].astype(np.float32)
