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


class OperatingPointParams(Section):
    """At what probability a class is to be called, against the rest.

    Attributes
    ----------
    positive : str
        The class.
    false_positive, false_negative : float
        What it costs to call another image so, and to miss one of the class, in any unit.
    prevalence : float, optional
        The share of images of the class where the model is to be used; by default that among the validation images.
    """

    positive: str
    false_positive: Annotated[float, Field(gt=0)] = 1.0
    false_negative: Annotated[float, Field(gt=0)] = 1.0
    prevalence: Annotated[float, Field(gt=0, lt=1)] | None = None


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
    operating_point : OperatingPointParams, optional
        Find the probability of one class at which mistakes cost least.
    """

    batch_size: Annotated[int, Field(ge=1)]
    calibration_bins: Annotated[int, Field(ge=2, le=100)]
    occlusion: Annotated[int, Field(ge=0, le=100)]
    training_images: Annotated[int, Field(ge=0)]
    abstain: AbstainParams | None
    operating_point: OperatingPointParams | None
