"""The section `augment` of params.yaml as tests want it: all off but what they name."""

from darkroom.params import AugmentParams

OFF = AugmentParams(
    flip_horizontal=False,
    flip_vertical=False,
    rotation=0.0,
    shift=0.0,
    zoom=[1.0, 1.0],
    shear=0.0,
    crop=1.0,
    fill="nearest",
    brightness=0.0,
    contrast=0.0,
    channel_shift=0.0,
    saturation=0.0,
    hue=0.0,
    erase=0.0,
    mixup=0.0,
    cutmix=0.0,
)


def params(**changes: object) -> AugmentParams:
    """Return the section with ``changes``, everything else off."""
    return AugmentParams.model_validate(OFF.model_dump() | changes)
