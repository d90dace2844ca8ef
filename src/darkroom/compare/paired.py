"""A model's outcomes beside those of another model, or of itself elsewhere, on the same images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from darkroom import intervals
from darkroom.compare import statistics, verdict


@dataclass(frozen=True)
class Paired:
    """How many of the same images are right here, and there.

    Attributes
    ----------
    images, right : int
        All, and those right here.
    lost, won : int
        Images right there and wrong here, and the other way round.
    """

    images: int
    right: int
    lost: int
    won: int

    @property
    def accuracy(self) -> float:
        """Share of the images that are right here."""
        return self.right / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval (Wilson)."""
        return intervals.wilson(self.right, self.images)

    @property
    def difference(self) -> float:
        """The accuracy less that on the same images there."""
        return (self.won - self.lost) / self.images

    @property
    def difference_interval(self) -> tuple[float, float]:
        """Its paired 95 % interval."""
        return statistics.paired_interval(self.lost, self.won, self.images)

    @property
    def beside(self) -> str:
        """The difference and its interval in percentage points."""
        low, high = (verdict.points(end) for end in self.difference_interval)
        return f"{verdict.points(self.difference, sign=True)} points ({low} to {high})"


def counts(right: npt.NDArray[np.bool_], there: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the fields of :class:`Paired` from outcomes image by image: bool (images,), here and there."""
    return len(right), int(right.sum()), int((there & ~right).sum()), int((right & ~there).sum())
