"""What every section of params.yaml has in common."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class Section(BaseModel):
    """One section of params.yaml: unknown keys and wrong types are errors, values do not change once read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _hexadecimal(digest: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise ValueError("64 hexadecimal digits")
    return digest.lower()


Sha256 = Annotated[str, AfterValidator(_hexadecimal)]
