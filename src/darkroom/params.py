"""params.yaml, read one section at a time into typed, checked models; errors name file, key and what is allowed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from darkroom import UserError

Model = TypeVar("Model")

SECTIONS = (
    "seed",
    "source",
    "labels",
    "image",
    "decode",
    "split",
    "normalize",
    "model",
    "augment",
    "train",
    "evaluate",
    "plot",
)
"""The top-level keys of params.yaml, in the order in which the data meets them."""


class Section(BaseModel):
    """One section of params.yaml: unknown keys and wrong types are errors, values do not change once read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Params:
    """The parsed params.yaml, from which a stage takes the sections it declares in dvc.yaml and no others.

    Parameters
    ----------
    path : Path
        The file, read with the YAML parser that DVC itself uses, so that a stage sees what ``dvc params diff``
        shows (``1e-4`` is a number, ``no`` is a string).

    Raises
    ------
    UserError
        The file is missing, is no YAML mapping, or has a top-level key that no stage reads.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sections = _parse(path)
        unknown = [key for key in self._sections if key not in SECTIONS]
        if unknown:
            raise UserError(f"{path}: unknown section {unknown[0]!r}; allowed are {', '.join(SECTIONS)}")

    def section(self, name: str, model: type[Model]) -> Model:
        """Return section ``name`` as a ``model``: a :class:`Section`, or a plain type for a single value.

        Raises
        ------
        UserError
            The section is missing, or one of its keys is unknown, missing, ill-typed or out of range.

        """
        if name not in self._sections:
            raise UserError(f"{self.path}: section {name!r} is missing")
        try:
            return TypeAdapter(model).validate_python(self._sections[name])
        except ValidationError as error:
            raise UserError("\n".join(_explain(self.path, name, model, error))) from None


def _parse(path: Path) -> Mapping[str, Any]:
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run this from the folder that holds params.yaml") from None
    except (MarkedYAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, Mapping):
        raise UserError(
            f"{path}: expected sections such as 'source:' and 'image:', got {type(content).__name__}"
        )
    return content


def _explain(path: Path, section: str, model: type, error: ValidationError) -> list[str]:
    """Return one line an error: file, dotted name, what came, what is allowed."""
    lines = []
    for detail in error.errors(include_url=False):
        where = ".".join([section, *(str(part) for part in detail["loc"])])
        if detail["type"] == "extra_forbidden":
            known = ", ".join(getattr(model, "model_fields", {})) if len(detail["loc"]) == 1 else ""
            lines.append(f"{path}: {where}: unknown parameter" + (f"; allowed are {known}" if known else ""))
        elif detail["type"] == "missing":
            lines.append(f"{path}: {where}: missing parameter")
        else:
            message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            lines.append(f"{path}: {where}: got {detail['input']!r}; expected {message}")
    return lines
