"""The JSON responses of the endpoint: one prediction per file, and the model's description."""

from typing import Any, Literal

from pydantic import BaseModel


class Predicted(BaseModel):
    """A picture that the model has seen.

    ``probabilities`` are by class, in the model's order, to six decimals; ``picture``, where asked for, is the picture
    as the model takes it, the address of a PNG that holds all of it.
    """

    name: str
    label: str
    probabilities: dict[str, float]
    picture: str | None = None


class NotUsed(BaseModel):
    """A file that cannot be used: the reason, as in ``rejected.csv``, and the decoder's own words."""

    name: str
    reason: str
    detail: str


Answer = Predicted | NotUsed


class Answers(BaseModel):
    """One answer a file, in the order of the files."""

    images: list[Answer]


class About(BaseModel):
    """The model, what it was made with, and what one request may hold."""

    model: str
    classes: list[str]
    shape: tuple[int, int, int]
    preparation: dict[str, Any]
    versions: dict[str, str]
    max_bytes: int
    max_images: int


class Health(BaseModel):
    """That the server answers."""

    status: Literal["ok"] = "ok"


class Refusal(BaseModel):
    """Why a request was not answered."""

    detail: str
