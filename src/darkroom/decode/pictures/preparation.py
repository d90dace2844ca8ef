"""Preprocessing of one file's bytes into one image of the data set; `predict` does the same to new images."""

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
import numpy.typing as npt

from darkroom import phash
from darkroom.array_types import Pixels
from darkroom.decode.box import Box, Edges
from darkroom.decode.pictures import decoding, filters, resizing
from darkroom.params import DecodeParams, ImageParams
from darkroom.params.steps import Step


class Prepared(NamedTuple):
    """One image: ``pixels`` uint8 (height, width, channels); ``width`` and ``height`` of the picture as it came.

    ``thumbnail``, uint8 (32, 32), is the whole picture in grayscale before any step: what is hashed. ``brightest`` is
    the largest sample of a picture of 16 bits, None for others. Of an image that is part of a picture, cut out at
    ``edges``, ``width``, ``height`` and ``thumbnail`` are those of the part.
    """

    pixels: Pixels
    width: int
    height: int
    thumbnail: npt.NDArray[np.uint8]
    brightest: int | None = None
    edges: Edges | None = None


@dataclass(frozen=True)
class Preparation:
    """What is done to every picture, as it stands in ``images.json`` under ``preparation``.

    ``bit_depth`` is of pictures of 16 bits; see :mod:`.samples`. One written before it was asked for means all of them,
    on white. ``boxes`` names the file of the boxes that were cut out; of a picture without one all is prepared.
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
    boxes: str | None = None
    box_margin: float = 0.1

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
            boxes=image.boxes,
            box_margin=image.box_margin,
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
        """Turn the bytes of a file into an image of all that is on it.

        Raises
        ------
        Rejected
            The file cannot be used.
        """
        return self.prepare_part(self.decoded(data), None)

    def decoded(self, data: bytes, box: Box | None = None) -> decoding.Picture:
        """Decode the bytes of a file for :meth:`prepare_part`, of ``box`` or another of the same picture.

        Raises
        ------
        Rejected
            The file cannot be used.
        """
        # Steps such as blur and canny see single pixels: they get all of them. Boxes are in pixels of the whole.
        shrinks = self.reduced and not self.steps and self.interpolation in ("auto", "area") and box is None
        limits = decoding.Limits(self.max_pixels, self.min_side)
        rendering = decoding.Rendering(self.background, self.bit_depth)
        return decoding.decode(data, self.color, limits, self.resolution if shrinks else None, rendering)

    def prepare_part(self, picture: decoding.Picture, box: Box | None) -> Prepared:
        """Turn the part of ``picture`` in ``box``, with its margin, into an image, or all of it.

        Raises
        ------
        Rejected
            The box cannot be used; see :meth:`Box.edges`.
        """
        whole, width, height, brightest = picture
        edges = None
        if box is not None:
            edges = box.edges(width, height, self.box_margin, self.min_side)
            width, height = edges.right - edges.left, edges.bottom - edges.top
            whole = np.ascontiguousarray(whole[edges.top : edges.bottom, edges.left : edges.right])
        image = resizing.resize(
            filters.apply(whole, self.steps), self.resolution, self.resize, self.interpolation
        )
        # The squashed image holds all that a thumbnail needs, and is tens of times smaller than the picture.
        enough = self.resize == "squash" and not self.steps and min(self.resolution) >= phash.SIDE
        thumbnail = _thumbnail(image if enough else whole)
        return Prepared(image.reshape(self.shape), width, height, thumbnail, brightest, edges)


def _thumbnail(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    # Shrinking by less than three, linear interpolation skips hardly a pixel, and takes an eighth of the time.
    interpolation = "linear" if max(picture.shape[:2]) < 3 * phash.SIDE else "auto"
    small = resizing.squash(picture, (phash.SIDE, phash.SIDE), interpolation)
    return small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]
