"""The configuration of a training run."""

from dataclasses import dataclass

from darkroom.params import AugmentParams, ModelParams, TrainParams


@dataclass(frozen=True)
class Config:
    """The seed, >= 0, and the sections of params.yaml that say how a network is trained."""

    seed: int
    model: ModelParams
    augment: AugmentParams
    train: TrainParams
