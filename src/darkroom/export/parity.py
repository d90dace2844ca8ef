"""The parity check: whether an exported model predicts the same as Keras on real images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from darkroom import UserError
from darkroom.array_types import Pixels
from darkroom.evaluate.classifier import Probabilities
from darkroom.export.formats import Runtime

TOLERANCE = 1e-4
"""The largest difference in a probability that passes.

float32 keeps seven digits and runtimes sum in other orders; what is met is near 1e-6. Where a difference of at most
this changes the class, the two classes were within twice of it.
"""


@dataclass
class Agreement:
    """How an exported model compares with Keras so far.

    Attributes
    ----------
    images : int
    same : int
        Of them, those whose most probable class is the same.
    largest : float
        The largest difference in a probability.
    """

    images: int = 0
    same: int = 0
    largest: float = 0.0

    def add(self, expected: Probabilities, got: Probabilities) -> None:
        """Count a batch: Keras's probabilities and the exported model's, both (images, classes).

        Raises
        ------
        UserError
            They differ by more than the tolerance, or Keras's are no numbers.
        """
        if not np.isfinite(expected).all():
            raise UserError(
                "the model's own probabilities are not numbers (NaN), as after a training that diverged; "
                "train it again, with a lower train.learning_rate"
            )
        if expected.shape != got.shape:
            raise RuntimeError(f"expected probabilities of shape {expected.shape}, got {got.shape}")
        difference = float(np.abs(expected - got).max())
        if not difference <= TOLERANCE:  # also where it is NaN
            raise UserError(
                f"the exported model differs from Keras by {difference:.2g} in the probability of a class, on a batch "
                f"of {len(got)} images; at most {TOLERANCE:g} is allowed, so nothing was written"
            )
        self.images += len(got)
        self.same += int((expected.argmax(axis=1) == got.argmax(axis=1)).sum())
        self.largest = max(self.largest, difference)


def compare(keras: Runtime, exported: Runtime, batches: Iterable[Pixels]) -> Agreement:
    """Run both on all images.

    Parameters
    ----------
    keras, exported : callable
        uint8 (images, height, width, channels) to float32 (images, classes).
    batches : iterable of uint8 (images, height, width, channels)

    Raises
    ------
    UserError
        They differ by more than :data:`TOLERANCE`.
    """
    agreement = Agreement()
    for pixels in _first_alone(batches):
        agreement.add(keras(pixels), exported(pixels))
    return agreement


def _first_alone(batches: Iterable[Pixels]) -> Iterator[Pixels]:
    """Yield the first image as a batch of one, then the rest: a format may hold the size of its first batch fixed."""
    alone = True
    for pixels in batches:
        if alone and len(pixels):
            yield pixels[:1]
            pixels, alone = pixels[1:], False
        if len(pixels):
            yield pixels
