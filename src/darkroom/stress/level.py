"""The accuracy at one severity of a kind of disturbance, beside that on the same images as they are."""

from dataclasses import dataclass

from darkroom.compare.paired import Paired

COLUMNS = (
    "kind", "severity", "amount", "unit", "images",
    "accuracy", "accuracy_low", "accuracy_high", "difference", "difference_low", "difference_high",
)  # fmt: skip
"""Of the table of figures; severity 0 are the images as they are."""


@dataclass(frozen=True)
class Level(Paired):
    """One severity of a kind.

    Attributes
    ----------
    severity : int
        1 to 5.
    amount : float
        In the unit of the kind.
    """

    severity: int
    amount: float

    @property
    def figures(self) -> tuple[float, ...]:
        """All of them, in the order of :data:`COLUMNS`."""
        return (self.accuracy, *self.interval, self.difference, *self.difference_interval)
