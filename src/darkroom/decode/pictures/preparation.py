"""Preprocessing of one file's bytes into one image of the data set; `predict` does the same to new images."""

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
import numpy.typing as npt

from darkroom import phash
from darkroom.array_types import Pixels
from darkroom.decode.pictures import decoding, filters, resizing
from darkroom.params import DecodeParams, ImageParams
from darkroom.params.steps import Step


class Prepared(NamedTuple):
    """One image: ``pixels`` uint8 (height, width, channels); ``width`` and ``height`` of the picture as it came.

    ``thumbnail``, uint8 (32, 32), is the whole picture in grayscale before any step: what is hashed. ``brightest`` is
    the largest sample of a picture of 16 bits, None for others.
    """

    pixels: Pixels
    width: int
    height: int
    thumbnail: npt.NDArray[np.uint8]
    brightest: int | None = None


@dataclass(frozen=True)
class Preparation:
    """What is done to every picture, as it stands in ``images.json`` under ``preparation``.

    ``bit_depth`` is of pictures of 16 bits; see :mod:`.samples`. One written before it was asked for means all of them,
    on white.
    """

    resolution: tuple[int, int]
    color: decoding.Color
    resize: str
    interpolation: str
    steps: tuple[Step, ...]
    reduced: bool
    max_pixels: int
    min_side: int
    background: tuple[int, int, int] = (255, 255, 255)
    bit_depth: int = 16

    @classmethod
    def of(cls, image: ImageParams, decode: DecodeParams) -> Self:
        """Return what the two sections of params.yaml ask for, with 16 bits where their depth is to be found."""
        return cls(
            resolution=image.height_and_width,
            color=image.color,
            resize=image.resize,
            interpolation=image.interpolation,
            steps=tuple(image.steps),
            reduced=decode.reduced,
            max_pixels=decode.max_pixels,
            min_side=decode.min_side,
            background=image.background_color,
            bit_depth=16 if image.bit_depth == "auto" else image.bit_depth,
        )

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the preparation that :meth:`to_json` wrote."""
        # Models of version 0.1 say `size`.
        content = {"resolution" if key == "size" else key: value for key, value in dict(content).items()}
        tuples: dict[str, Any] = {
            key: tuple(content[key]) for key in ("resolution", "steps", "background") if key in content
        }
        return cls(**{**content, **tuples})

    def to_json(self) -> dict[str, Any]:
        """Return the preparation as JSON holds it."""
        lists: dict[str, Any] = {
            "resolution": list(self.resolution),
            "steps": list(self.steps),
            "background": list(self.background),
        }
        return {**asdict(self), **lists}

    def with_bit_depth(self, bit_depth: int) -> Self:
        """Return this preparation for pictures whose 16 bits hold ``bit_depth``."""
        return replace(self, bit_depth=bit_depth)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape (height, width, channels) of every image."""
        return (*self.resolution, 1 if self.color == "grayscale" else 3)

    def prepare(self, data: bytes) -> Prepared:
        """Turn the bytes of a file into an image.

        Raises
        ------
        Rejected
            The file cannot be used.
        """
        # Steps such as blur and canny see single pixels: they get all of them.
        shrink_to = (
            self.resolution
            if self.reduced and not self.steps and self.interpolation in ("auto", "area")
            else None
        )
        limits = decoding.Limits(self.max_pixels, self.min_side)
        rendering = decoding.Rendering(self.background, self.bit_depth)
        picture = decoding.decode(data, self.color, limits, shrink_to, rendering)
        image = resizing.resize(
            filters.apply(picture.pixels, self.steps), self.resolution, self.resize, self.interpolation
        )
        # The squashed image holds all that a thumbnail needs, and is tens of times smaller than the picture.
        enough = self.resize == "squash" and not self.steps and min(self.resolution) >= phash.SIDE
        thumbnail = _thumbnail(image if enough else picture.pixels)
        return Prepared(
            image.reshape(self.shape), picture.width, picture.height, thumbnail, picture.brightest
        )


def _thumbnail(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    # Shrinking by less than three, linear interpolation skips hardly a pixel, and takes an eighth of the time.
    interpolation = "linear" if max(picture.shape[:2]) < 3 * phash.SIDE else "auto"
    small = resizing.squash(picture, (phash.SIDE, phash.SIDE), interpolation)
    return small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]
