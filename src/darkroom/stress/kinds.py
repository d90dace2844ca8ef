"""The kinds of disturbance: the name of each, its five severities and their unit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from darkroom import UserError
from darkroom.array_types import Pixels
from darkroom.stress import attacks, disturbances
from darkroom.stress.disturbances import Batch

Disturb = Callable[[Batch, Sequence[float]], Iterator[Pixels]]
"""Images and amounts to the disturbed images, amount by amount, the smallest disturbance first."""


@dataclass(frozen=True)
class Kind:
    """A kind of disturbance.

    Attributes
    ----------
    name : str
        As after ``--kind``.
    amounts : tuple of float
        Of the severities 1 to 5.
    unit : str
        Of the amounts.
    is_attack : bool
        Whether the model's own gradient says what is done.
    """

    name: str
    amounts: tuple[float, ...]
    unit: str
    is_attack: bool = False

    @property
    def title(self) -> str:
        """The name as it stands in a sentence."""
        return self.name.upper() if self.is_attack else self.name.replace("_", " ").replace("jpeg", "JPEG")


KINDS = (
    Kind("gaussian_noise", (5, 10, 20, 40, 80), "standard deviation, grey levels"),
    Kind("gaussian_blur", (0.5, 1, 2, 4, 8), "standard deviation, % of the shorter side"),
    Kind("jpeg", (80, 50, 25, 10, 5), "quality, of 100"),
    Kind("brightness", (10, 20, 40, 60, 80), "grey levels up or down"),
    Kind("contrast", (20, 40, 60, 80, 90), "loss, %"),
    Kind("rotation", (5, 10, 20, 30, 45), "degrees either way"),
    Kind("scale", (1.1, 1.2, 1.35, 1.5, 1.75), "factor, larger or smaller"),
    Kind("occlusion", (10, 20, 30, 40, 50), "side of the square, % of the shorter side"),
    Kind("fgsm", (1, 2, 4, 8, 16), "epsilon, grey levels", is_attack=True),
    Kind("pgd", (1, 2, 4, 8, 16), "epsilon, grey levels", is_attack=True),
)


def named(names: Sequence[str]) -> list[Kind]:
    """Return the kinds called ``names``, in the order of :data:`KINDS`; without names, all.

    Raises
    ------
    UserError
        There is no such kind.
    """
    known = [kind.name for kind in KINDS]
    for name in names:
        if name not in known:
            raise UserError(f"--kind: got {name!r}, expected one of {', '.join(known)}")
    return [kind for kind in KINDS if not names or kind.name in names]


def disturbing(kind: Kind, network: Any, predict: attacks.Predict) -> Disturb:
    """Return the function that disturbs images by ``kind``; ``network`` and ``predict`` are the model, for attacks.

    Raises
    ------
    UserError
        The kind is an attack, and the network has no head to attack.
    """
    if kind.is_attack:
        attack: Any = getattr(attacks, kind.name)
        return partial(attack, gradient=attacks.gradient_of(network), predict=predict)
    disturb: Disturb = getattr(disturbances, kind.name)
    return disturb
