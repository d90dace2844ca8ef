"""The optimizers of `train.optimizer`, with gradient clipping, weight decay and weight averaging."""

from typing import Any

import keras
from keras import ops

from darkroom.params import TrainParams
from darkroom.train.schedules import Schedule


def build(train: TrainParams, rate: float, steps: int) -> Any:
    """Return the optimizer of a phase.

    Parameters
    ----------
    train : TrainParams
    rate : float
        The highest learning rate.
    steps : int
        Of the whole phase: the length of the schedule.
    """
    # A plateau lowers the rate as it goes, so that it has to be a variable of the optimizer.
    learning_rate = (
        rate if train.schedule == "plateau" else Schedule(train.schedule, rate, steps, train.warmup)
    )
    options: dict[str, Any] = {"learning_rate": learning_rate, "global_clipnorm": train.clip_norm}
    if train.optimizer == "sgd":
        options["momentum"] = train.momentum
    if train.optimizer in ("adamw", "sgd"):
        options["weight_decay"] = (
            train.weight_decay or None if train.optimizer == "sgd" else train.weight_decay
        )
    if train.ema is not None:
        options |= {"use_ema": True, "ema_momentum": train.ema}
    kind = KINDS[train.optimizer]
    optimizer = (averaged(kind) if train.ema is not None else kind)(**options)
    # Decay shrinks what multiplies pixels. Offsets and the scales of normalization have no reason to be small.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


KINDS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "lbfgs": keras.optimizers.Adam,  # of the layers unfrozen after the head was solved
}


def averaged(kind: type) -> type:
    """Return the optimizer class ``kind`` with a moving average of the weights that forgets the first steps sooner.

    A decay of 0.999 would leave a fit of 1,000 steps with a third of its random first weights. As in TensorFlow's
    ExponentialMovingAverage, the decay at step t is therefore at most (1 + t) / (10 + t).
    """

    class Averaged(kind):
        @property
        def ema_momentum(self) -> Any:
            step = ops.cast(self.iterations, "float32")
            return ops.minimum(self._decay, (1 + step) / (10 + step))

        @ema_momentum.setter
        def ema_momentum(self, decay: float) -> None:
            self._decay = decay

    Averaged.__name__ = kind.__name__
    return Averaged
