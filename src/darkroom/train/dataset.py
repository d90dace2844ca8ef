"""The data set of a training run: images, the train and validation subsets, and the targets."""

from dataclasses import dataclass

from darkroom.array_types import ClassNumbers, Floats, Rows
from darkroom.images import Images
from darkroom.train.targets import Head, Targets


@dataclass(frozen=True)
class Examples:
    """Images with their targets.

    Attributes
    ----------
    rows : int64, (n,)
        Positions in the index of the images.
    targets : Targets, or float32, (n, k)
    weights : float32, (n,), or None
        How much each image counts in the loss.
    """

    rows: Rows
    targets: Targets | Floats
    weights: Floats | None = None

    @property
    def classes(self) -> ClassNumbers:
        """The class of each image, int64, (n,), of targets that :func:`darkroom.train.targets.encode` made."""
        assert isinstance(self.targets, Targets)
        return self.targets.numbers


@dataclass(frozen=True)
class Dataset:
    """Images; examples for training and, if any, for validation; and the head that fits their targets."""

    images: Images
    training: Examples
    validation: Examples
    head: Head
