"""The `model`, `augment` and `train` sections of params.yaml, typed and checked."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from darkroom.params.section import Section, Sha256

Width = Annotated[int, Field(ge=1, le=65536)]
Part = Annotated[float, Field(ge=0, le=1)]
Dropout = Annotated[float, Field(ge=0, le=0.95)]
Padding = Literal["same", "valid"]
Activation = Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"]
Initializer = Literal["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal"]


NETWORKS = ("cnn", "lenet", "resnet", "application")


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise ValueError("an odd number from 1 to 11")
    return kernel


def _known_network(network: str) -> str:
    if network not in NETWORKS and not re.fullmatch(r"networks/\w[\w-]*\.py", network):
        raise ValueError(f"{', '.join(NETWORKS)} or a file of your own, networks/NAME.py")
    return network


class ModelParams(Section):
    """The network: docs/training.md shows what each builder makes of these."""

    network: Annotated[str, AfterValidator(_known_network)]
    blocks: Annotated[list[Annotated[list[Width], Field(min_length=1)]], Field(min_length=1)]
    kernel: Annotated[int, Field(ge=1, le=11), AfterValidator(_odd)]
    padding: Padding | list[Padding]
    pool_stride: Annotated[int, Field(ge=1, le=2)]
    stem_stride: Literal["auto"] | Annotated[int, Field(ge=1, le=4)]
    activation: Activation
    pooling: Literal["auto", "flatten", "average", "max"]
    batch_norm: bool
    dropout: Dropout
    dense: list[Width]
    dense_dropout: Dropout
    conv_initializer: Initializer
    dense_initializer: Initializer
    head: Literal["auto", "sigmoid", "softmax"]
    application: str
    weights: str | None
    weights_sha256: Sha256 | None
    freeze: bool
    unfreeze: Literal["all"] | Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _padding_by_block(self) -> Self:
        if isinstance(self.padding, list) and len(self.padding) != len(self.blocks):
            raise ValueError(
                f"`padding` as same, valid, or a list of as many as `blocks` has: {len(self.blocks)}, "
                f"not {len(self.padding)}"
            )
        return self

    @model_validator(mode="after")
    def _freeze_only_what_was_trained(self) -> Self:
        if self.freeze and (self.network != "application" or self.weights is None):
            raise ValueError(
                "`freeze: true` only with `network: application` and `weights`, "
                "since frozen layers with random weights would never learn"
            )
        return self


class AugmentParams(Section):
    """How each training image is augmented, differently in every epoch."""

    flip_horizontal: bool
    flip_vertical: bool
    rotation: Annotated[float, Field(ge=0, le=180)]
    shift: Part
    zoom: Annotated[list[Annotated[float, Field(gt=0, le=10)]], Field(min_length=2, max_length=2)]
    shear: Annotated[float, Field(ge=0, le=60)]
    crop: Annotated[float, Field(gt=0, le=1)]
    fill: Literal["nearest", "reflect", "constant"]
    brightness: Part
    contrast: Part
    channel_shift: Part
    saturation: Part
    hue: Annotated[float, Field(ge=0, le=180)]
    erase: Part
    mixup: Annotated[float, Field(ge=0, le=8)]
    cutmix: Annotated[float, Field(ge=0, le=8)]

    @property
    def active(self) -> list[str]:
        """The names of the parameters that change images; `fill` only says how."""
        off = {"zoom": [1.0, 1.0], "crop": 1.0}
        values = self.model_dump(exclude={"fill"})
        return [name for name, value in values.items() if value != off.get(name, 0)]

    @model_validator(mode="after")
    def _zoom_in_order(self) -> Self:
        if self.zoom[0] > self.zoom[1]:
            raise ValueError(f"`zoom` as [least, most], with least <= most, not {self.zoom}")
        return self


class TrainParams(Section):
    """How the network is fitted."""

    backend: Literal["tensorflow", "torch", "jax"]
    device: Literal["auto", "cpu", "gpu"]
    threads: Annotated[int, Field(ge=1, le=1024)]
    processes: Annotated[int, Field(ge=1, le=1024)]
    deterministic: bool
    instruction_set: Literal["avx2", "native"]
    precision: Literal["float32", "bfloat16", "auto"]
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    steps_per_epoch: Annotated[int, Field(ge=1)] | None
    shuffle: Literal["images", "blocks"]
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    learning_rate: Annotated[float, Field(gt=0)]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    schedule: Literal["constant", "cosine", "one_cycle", "plateau"]
    warmup: Part
    plateau_factor: Annotated[float, Field(gt=1)]
    plateau_patience: Annotated[int, Field(ge=1)]
    clip_norm: Annotated[float, Field(gt=0)] | None
    label_smoothing: Annotated[float, Field(ge=0, le=0.5)]
    calibration: Literal["none", "temperature"]
    class_weights: Literal["none", "balanced"]
    ema: Annotated[float, Field(gt=0, lt=1)] | None
    early_stopping: Annotated[int, Field(ge=1)] | None
    restore_best: bool
    fine_tune_epochs: Annotated[int, Field(ge=0)]
