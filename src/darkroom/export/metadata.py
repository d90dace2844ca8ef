"""Metadata saved with an exported model: classes, input and output format, preprocessing, versions."""

import hashlib
import importlib.metadata
from pathlib import Path
from typing import Any

from darkroom.export.formats import Format
from darkroom.predict.model import Model

NAME = "darkroom"
"""The key of it, where a format has keys."""

FILE = "darkroom.json"
"""The name of it, where a format holds files."""


def about(model: Model, format: Format) -> dict[str, Any]:
    """Return it as JSON holds it; nothing in it depends on where or when the export ran.

    Parameters
    ----------
    model : Model
    format : Format
        Whose packages' versions are told.
    """
    packages = ("keras", "tensorflow", *format.packages)
    return {
        "classes": model.classes,
        "input": {
            "name": "pixels",
            "dtype": "uint8",
            "shape": [None, *model.shape],
            "axes": ["images", "height", "width", "channels"],
            "color": model.preparation.color,
        },
        "output": {"name": "probabilities", "dtype": "float32", "shape": [None, len(model.classes)]},
        "preparation": model.preparation.to_json(),
        "model": {
            "sha256": _sha256(model.path),
            "backend": model.description["backend"],
            "versions": model.description.get("versions", {}),
        },
        "export": {
            "format": format.name,
            "versions": {
                "darkroom": importlib.metadata.version("darkroom-pipeline"),
                **{name: importlib.metadata.version(name) for name in packages},
            },
        },
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
