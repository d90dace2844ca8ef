"""The `labels`, `image` and `decode` sections of params.yaml: how files become labels and pixels."""

import codecs
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from darkroom.params.section import Section
from darkroom.params.steps import COLOR_ONLY, Step, numbers


def _text(value: Any) -> Any:
    # YAML reads a bare 0 as a number and would drop the zeros of 007: labels are text, so quotes are asked for.
    if not isinstance(value, str) or not value:
        raise ValueError(f"a label as text, in quotes where YAML would read something else: '{value}'")
    return value


Label = Annotated[str, BeforeValidator(_text)]
Name = Annotated[str, Field(min_length=1)]
Level = Annotated[int, Field(ge=0, le=255)]
Depth = Annotated[int, Field(ge=1)]
Side = Annotated[int, Field(ge=1, le=4096)]


# https://github.com/treeverse/dvc/issues/10296
_UNHEARD = {"size", "nfiles"}


class LabelsParams(Section):
    """How a file's label is read; see docs/labels.md for an example of each kind."""

    kind: Literal["folder", "filename", "csv"]
    depth: Depth | Annotated[list[Depth], Field(min_length=1)]
    split_folders: Literal["auto", "always", "never"]
    pattern: str
    file: Name | None
    encoding: str
    path_column: Name
    label_column: Name
    label_columns: Annotated[list[Name], Field(min_length=2)] | None
    split_column: Name | None
    exclude: list[Name]
    map: dict[Label, Label]
    skip: list[Label]
    min_images: Annotated[int, Field(ge=1)]
    corrections: Name | None

    @property
    def depths(self) -> list[int]:
        """The folders that make the label, outermost first: 1 is the one in which the file lies."""
        return self.depth if isinstance(self.depth, list) else [self.depth]

    @field_validator("depth")
    @classmethod
    def _from_the_outside_in(cls, depth: int | list[int]) -> int | list[int]:
        if isinstance(depth, list) and depth != sorted(set(depth), reverse=True):
            raise ValueError("each level once, the outermost first, as [2, 1]")
        return depth

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding_of_text(cls, encoding: str) -> str:
        try:
            if encoding != "auto":
                "a".encode(encoding)
        except (LookupError, ValueError):
            raise ValueError(
                "auto, or an encoding of text that Python knows, as cp932 or utf-16-le"
            ) from None
        return encoding

    @field_validator("pattern")
    @classmethod
    def _has_a_group_named_label(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"a regular expression; this does not compile: {error}") from None
        if "label" not in groups:
            raise ValueError(r"a regular expression with a group named label, as '^(?P<label>[^.\d]+)[.\d]'")
        return pattern

    @field_validator("map")
    @classmethod
    def _has_keys_that_dvc_hears(cls, map: dict[str, str]) -> dict[str, str]:
        for label in _UNHEARD & set(map):
            raise ValueError(
                f"other keys than {label!r}: DVC's run cache leaves keys of this name out of what it compares, so that "
                "a change of it would bring back old images; rename that folder or label in the source"
            )
        return map

    @model_validator(mode="after")
    def _csv_names_its_file(self) -> Self:
        if self.kind == "csv" and self.file is None:
            raise ValueError("labels.file, the table's name, where labels.kind is csv")
        return self


class ImageParams(Section):
    """What every picture is turned into; see docs/decoding.md."""

    resolution: Side | Annotated[list[Side], Field(min_length=2, max_length=2)]
    color: Literal["grayscale", "rgb"]
    resize: Literal["squash", "fit", "crop"]
    interpolation: Literal["auto", "area", "linear", "cubic", "nearest"]
    steps: list[Any]
    background: Literal["white", "black"] | Annotated[list[Level], Field(min_length=3, max_length=3)]
    bit_depth: Literal["auto", 8, 10, 12, 14, 16]
    boxes: Name | None
    box_margin: Annotated[float, Field(ge=0, le=1)]

    @field_validator("steps")
    @classmethod
    def _are_known(cls, given: list[Step]) -> list[Step]:
        for step in given:
            numbers(step)
        return given

    @model_validator(mode="after")
    def _colors_for_steps_that_need_them(self) -> Self:
        needing = sorted({numbers(step)[0] for step in self.steps} & COLOR_ONLY)
        if needing and self.color == "grayscale":
            raise ValueError(f"image.color: rgb, where image.steps has {' and '.join(needing)}")
        return self

    @property
    def height_and_width(self) -> tuple[int, int]:
        """The resolution as (height, width), pixels."""
        height, width = self.resolution if isinstance(self.resolution, list) else [self.resolution] * 2
        return height, width

    @property
    def background_color(self) -> tuple[int, int, int]:
        """The background as (red, green, blue), each 0 to 255."""
        named = {"white": [255] * 3, "black": [0] * 3}
        red, green, blue = named[self.background] if isinstance(self.background, str) else self.background
        return red, green, blue


class DecodeParams(Section):
    """How the work is spread, what limits hold, and how the pixels are stored."""

    format: Literal["npz", "csv"]
    workers: Annotated[int, Field(ge=1, le=1024)]
    backend: Literal["threading", "loky", "dask", "ray"]
    address: str | None
    storage: str | None
    shard_images: Annotated[int, Field(ge=1, le=1_000_000)]
    reduced: bool
    max_pixels: Annotated[int, Field(ge=1)]
    max_bytes: Annotated[int, Field(ge=1)]
    min_side: Annotated[int, Field(ge=1)]
    max_rejected: Annotated[float, Field(ge=0, le=1)]
    label_conflicts: Literal["reject", "keep"]
    name_encoding: str

    @field_validator("storage")
    @classmethod
    def _is_an_address(cls, storage: str | None) -> str | None:
        if storage is not None and not re.match(r"/|\w[\w+.-]*://", storage):
            raise ValueError("an address as s3://bucket/folder, the path of a folder from / on, or null")
        return storage

    @field_validator("name_encoding")
    @classmethod
    def _is_known(cls, encoding: str) -> str:
        try:
            if encoding != "auto":
                codecs.decode(b"", encoding)
                "".encode(encoding)
        except (LookupError, ValueError, TypeError):
            raise ValueError("auto, or an encoding of text that Python knows, as cp932 or gbk") from None
        return encoding
