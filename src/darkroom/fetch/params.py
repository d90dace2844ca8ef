"""The `source` section of params.yaml: where the images come from."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from darkroom.params import Section

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class SourceParams(Section):
    """Where the images come from; see docs/sources.md for an example of each kind."""

    kind: Literal["bundled", "local", "http", "kaggle"]
    name: Literal["digits", "ox"]
    seed: Annotated[int, Field(ge=0)]
    path: str | list[str] | None
    urls: list[str]
    sha256: list[Sha256]
    max_bytes: Annotated[int, Field(gt=0)]
    dataset: str | None
    version: Annotated[int, Field(ge=1)] | None
    competition: str | None
