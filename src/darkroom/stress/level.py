"""The accuracy at one severity of a kind of disturbance, beside that on the same images as they are."""

from dataclasses import dataclass

from darkroom import intervals
from darkroom.compare import statistics, verdict

COLUMNS = (
    "kind", "severity", "amount", "unit", "images",
    "accuracy", "accuracy_low", "accuracy_high", "difference", "difference_low", "difference_high",
)  # fmt: skip
"""Of the table of figures; severity 0 are the images as they are."""


@dataclass(frozen=True)
class Level:
    """One severity of a kind.

    Attributes
    ----------
    severity : int
        1 to 5.
    amount : float
        In the unit of the kind.
    lost, won : int
        Images right as they are and wrong disturbed, and the other way round.
    images, right : int
        All, and those right disturbed.
    """

    severity: int
    amount: float
    images: int
    right: int
    lost: int
    won: int

    @property
    def accuracy(self) -> float:
        """Share of the images that are right disturbed."""
        return self.right / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval (Wilson)."""
        return intervals.wilson(self.right, self.images)

    @property
    def difference(self) -> float:
        """The accuracy less that on the same images as they are."""
        return (self.won - self.lost) / self.images

    @property
    def difference_interval(self) -> tuple[float, float]:
        """Its paired 95 % interval."""
        return statistics.paired_interval(self.lost, self.won, self.images)

    @property
    def figures(self) -> tuple[float, ...]:
        """All of them, in the order of :data:`COLUMNS`."""
        return (self.accuracy, *self.interval, self.difference, *self.difference_interval)

    @property
    def beside(self) -> str:
        """The difference and its interval in percentage points."""
        low, high = (verdict.points(end) for end in self.difference_interval)
        return f"{verdict.points(self.difference, sign=True)} points ({low} to {high})"
