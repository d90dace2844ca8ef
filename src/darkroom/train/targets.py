"""The network's classification head, the target of each image, and the class weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from darkroom import UserError
from darkroom.array_types import ClassNumbers, Floats, Rows

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


@dataclass(frozen=True)
class Targets:
    """Targets of images, made as they are asked for: of a million images and a thousand classes they take 4 GB.

    Attributes
    ----------
    numbers : int64, (n,)
        The class of each image.
    outcomes : int
        How many classes there are.
    head : "sigmoid" or "softmax"
    smoothing : float
    """

    numbers: ClassNumbers
    outcomes: int
    head: Head
    smoothing: float

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, places: slice | Rows) -> Floats:
        """Return the targets at ``places``: float32, (m, 1) under a sigmoid, else (m, classes)."""
        numbers = self.numbers[places]
        if self.head == "sigmoid":
            targets = numbers[:, None].astype(np.float32)
        else:
            targets = (numbers[:, None] == np.arange(self.outcomes)).astype(np.float32)
        return targets * np.float32(1 - self.smoothing) + np.float32(self.smoothing / self.outcomes)


def encode(labels: Sequence[str], classes: Sequence[str], head: Head, smoothing: float = 0.0) -> Targets:
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
    """
    position = {name: number for number, name in enumerate(classes)}
    numbers = np.array([position[label] for label in labels], np.int64)
    return Targets(numbers, len(classes), head, smoothing)


def balanced_weights(labels: Sequence[str]) -> Floats:
    """Return a weight for each image, so that all classes count alike and the mean weight is 1: float32, (n,).

    That of scikit-learn's ``compute_sample_weight("balanced")``: images / (classes x images of this class).
    """
    _, number, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    return (len(labels) / (len(counts) * counts))[number].astype(np.float32)
