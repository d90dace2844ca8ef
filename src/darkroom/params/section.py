"""What every section of params.yaml has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section of params.yaml: unknown keys and wrong types are errors, values do not change once read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
