"""The sections `split` and `normalize` of params.yaml."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from darkroom.params.section import Section

Fraction = Annotated[float, Field(ge=0, le=1)]

TOLERANCE = 1e-9
"""How far the three fractions may be from 1 together: decimal fractions have no exact binary form."""


class SplitParams(Section):
    """Which images go where, and which stay together; params.yaml says what each key means."""

    train: Fraction
    validation: Fraction
    test: Fraction
    seed: Annotated[int, Field(ge=0)]
    stratified: bool
    predefined: Literal["keep", "repair", "ignore"]
    near_duplicates: Annotated[int, Field(ge=0, le=8)] | None
    group_by: str | None
    folds: Annotated[int, Field(ge=2)] | None
    fold: Annotated[int, Field(ge=0)]

    @field_validator("group_by")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"a regular expression or null ({error})") from None
        return pattern

    @field_validator("train")
    @classmethod
    def _trains(cls, train: float) -> float:
        if train == 0:
            raise ValueError("more than 0: without training images there is no model")
        return train

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > TOLERANCE:
            raise ValueError(
                f"split.train + split.validation + split.test = 1; they add up to {total:.10g}"
                f" ({self.train:g} + {self.validation:g} + {self.test:g})"
            )
        return self

    @model_validator(mode="after")
    def _one_of_the_folds(self) -> Self:
        if self.fold >= (self.folds or 1):
            least = "0 where split.folds is null" if self.folds is None else f"0 to {self.folds - 1}"
            raise ValueError(f"split.fold: {least}; got {self.fold} with split.folds: {self.folds or 'null'}")
        return self

    @property
    def fractions(self) -> tuple[float, float, float]:
        """The parts asked for: train, validation, test."""
        return self.train, self.validation, self.test


class NormalizeParams(Section):
    """How pixel values reach the range the network works in; params.yaml says what each method does."""

    method: Literal["rescale", "minmax", "standard", "zca"]
