"""The `source` section of params.yaml: where the images come from."""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.params.section import Section, Sha256


class Download(Section):
    """An address and the SHA-256 of what lies there, 64 hexadecimal digits."""

    url: str
    sha256: Sha256


class SourceParams(Section):
    """Where the images come from; docs/sources.md shows each kind.

    What a kind needs is checked where that kind is fetched: a check here would put the whole section, addresses and
    all, into its message, and an address may hold a password that nobody meant to print.
    """

    kind: Literal["bundled", "local", "http", "kaggle"]
    name: Literal["digits", "ox"]
    seed: Annotated[int, Field(ge=0)]
    path: str | list[str] | None
    urls: str | Download | list[str | Download]
    max_bytes: Annotated[int, Field(gt=0)]
    dataset: str | None
    version: Annotated[int, Field(ge=1)] | None
    competition: str | None
