"""params.yaml as typed, validated sections: one schema per section, in the file of the stage that uses it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError

from darkroom import UserError
from darkroom.params import cross_checks
from darkroom.params.decode import DecodeParams, ImageParams, LabelsParams
from darkroom.params.evaluate import EvaluateParams
from darkroom.params.fetch import SourceParams
from darkroom.params.messages import explain, repetitions
from darkroom.params.plot import PlotParams
from darkroom.params.section import Section
from darkroom.params.split import NormalizeParams, SplitParams
from darkroom.params.train import AugmentParams, ModelParams, TrainParams

__all__ = [
    "AugmentParams",
    "DecodeParams",
    "EvaluateParams",
    "ImageParams",
    "LabelsParams",
    "ModelParams",
    "NormalizeParams",
    "Params",
    "PlotParams",
    "Section",
    "SourceParams",
    "SplitParams",
    "TrainParams",
    "parse_params",
    "read_params",
]


class Params(Section):
    """The whole of params.yaml; a stage uses the sections that dvc.yaml declares for it, and no others."""

    seed: Annotated[int, Field(ge=0)]
    source: SourceParams
    labels: LabelsParams
    image: ImageParams
    decode: DecodeParams
    split: SplitParams
    normalize: NormalizeParams
    model: ModelParams
    augment: AugmentParams
    train: TrainParams
    evaluate: EvaluateParams
    plot: PlotParams


def read_params(path: Path) -> Params:
    """Read and check the file at ``path``, all of it: a mistake in the last section ends the first stage.

    Read with the YAML parser that DVC itself uses, so that a stage sees what ``dvc params diff`` shows (``1e-4`` is a
    number, ``no`` is a string).

    Raises
    ------
    UserError
        The file is missing or no YAML mapping; or a section or parameter is unknown, missing, ill-typed or out of
        range: one line for each.
    """
    try:
        return parse_params(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run this from the folder that holds params.yaml") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: expected UTF-8 text: {error}") from None


def parse_params(text: str, path: Path) -> Params:
    """Return the params in ``text``, which messages call ``path``; see :func:`read_params`."""
    content = _parsed(text, path)
    try:
        params = Params.model_validate(content)
        cross_checks.check(params)
    except ValidationError as error:
        lines = explain(content, Params, error.errors(include_url=False))
        raise UserError("\n".join(f"{path}: {line}" for line in lines)) from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return params


def _parsed(text: str, path: Path) -> Mapping[str, Any]:
    try:
        content = YAML(typ="safe").load(text)
    except DuplicateKeyError:
        lines = repetitions(YAML(typ="safe").compose(text))
        raise UserError("\n".join(f"{path}: {line}" for line in lines)) from None
    except MarkedYAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, Mapping):
        raise UserError(
            f"{path}: expected sections such as 'source:' and 'image:', got {type(content).__name__}"
        )
    return content
