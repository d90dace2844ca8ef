"""Learning-rate schedules as functions of the step: the same on every backend and in a resumed run."""

import math
from typing import Any

import keras
from keras import ops


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of a phase of training.

    Parameters
    ----------
    shape : "constant", "cosine" or "one_cycle"
        constant: ``rate``; cosine: falls from ``rate`` to 0 along half a cosine (Loshchilov and Hutter, "SGDR", 2017);
        one_cycle: rises from ``rate`` / 25 to ``rate`` in the first 30 % of the steps and falls to ``rate`` / 10,000,
        both along half a cosine (Smith and Topin, "Super-convergence", 2018, as in PyTorch's OneCycleLR).
    rate : float
        The highest learning rate.
    steps : int
        Of the whole phase, >= 1.
    warmup : float
        constant, cosine: part of the steps in which the rate rises in a straight line from 0.
    """

    def __init__(self, shape: str, rate: float, steps: int, warmup: float) -> None:
        super().__init__()
        self.shape = shape
        self.rate = rate
        self.steps = steps
        self.warmup = warmup

    def __call__(self, step: Any) -> Any:
        """Return the rate of ``step``, counted from 0."""
        step = ops.cast(step, "float32")
        if self.shape == "one_cycle":
            peak = max(1.0, 0.3 * self.steps)
            rise = _half_cosine(self.rate / 25, self.rate, step / peak)
            fall = _half_cosine(self.rate, self.rate / 10_000, (step - peak) / max(1.0, self.steps - peak))
            return ops.where(step < peak, rise, fall)
        warm = max(1.0, self.warmup * self.steps)
        if self.shape == "constant":
            after = ops.full_like(step, self.rate)
        else:
            start = warm if self.warmup else 0.0
            after = _half_cosine(self.rate, 0.0, (step - start) / max(1.0, self.steps - start))
        if not self.warmup:
            return after
        # The first step trains too: the line starts one step below 0.
        return ops.where(step < warm, self.rate * (step + 1) / (warm + 1), after)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as Keras asks of a schedule."""
        return {"shape": self.shape, "rate": self.rate, "steps": self.steps, "warmup": self.warmup}


def _half_cosine(start: float, end: float, part: Any) -> Any:
    part = ops.clip(part, 0.0, 1.0)
    return end + (start - end) * 0.5 * (1 + ops.cos(math.pi * part))
