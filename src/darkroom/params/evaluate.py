"""The section `evaluate` of params.yaml."""

from typing import Annotated

from pydantic import Field

from darkroom.params.section import Section


class AbstainParams(Section):
    """When the model is to answer.

    Attributes
    ----------
    error : float
        The share of its answers that may be wrong.
    confidence : float
        How sure that is to hold.
    """

    error: Annotated[float, Field(gt=0, lt=1)]
    confidence: Annotated[float, Field(gt=0, lt=1)]


class EvaluateParams(Section):
    """How the model is measured.

    Attributes
    ----------
    batch_size : int
        Images in a step.
    calibration_bins : int
        Equal steps of confidence in the reliability curve and the calibration error.
    occlusion : int
        The most confident mistakes that get an occlusion map.
    training_images : int
        Training images, at most, that are predicted as well.
    abstain : AbstainParams, optional
        Find the confidence from which on the error is promised.
    """

    batch_size: Annotated[int, Field(ge=1)]
    calibration_bins: Annotated[int, Field(ge=2, le=100)]
    occlusion: Annotated[int, Field(ge=0, le=100)]
    training_images: Annotated[int, Field(ge=0)]
    abstain: AbstainParams | None
