"""The trained model as files that are the same bytes every time: ``model.keras`` and ``model.json``."""

import importlib.metadata
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras

from darkroom import files

_DATE = "1980-01-01@00:00:00"  # the first day that a zip archive can name


def write_model(path: Path, model: Any) -> None:
    """Write ``model``, never compiled, for ``keras.models.load_model``.

    Keras puts three things into the file that differ from run to run: the date, the time of a zip member, and memory
    addresses as ids of shared objects. All three are replaced; nothing else is.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model.keras"
        model.save(saved)
        with (
            files.whole(path) as part,
            zipfile.ZipFile(saved) as source,
            zipfile.ZipFile(part, "w") as target,
        ):
            for name in source.namelist():
                target.writestr(files.zip_member(name), _REWRITE.get(name, bytes)(source.read(name)))


def in_float32(model: Any) -> Any:
    """Return a copy of ``model``, not compiled yet, whose layers compute in float32, as every machine can."""

    def copy(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config(config | {"dtype": "float32"} if "dtype" in config else config)

    clone = keras.models.clone_model(model, clone_function=copy)
    clone.set_weights(model.get_weights())
    return clone


def describe(model: Any) -> list[dict[str, Any]]:
    """Return one row a layer: name, type, shape of the output without the batch, number of parameters."""
    return [
        {
            "name": layer.name,
            "type": type(layer).__name__,
            "shape": list(layer.output.shape[1:]),
            "parameters": layer.count_params(),
        }
        for layer in model.layers
    ]


def versions(backend: str) -> dict[str, str]:
    """Return the versions of what computes the bits.

    Python is not among them, nor NumPy, of which the lock has another version for each Python: the default run is the
    same on 3.11 and 3.12 with theirs, and what is recorded should be too.
    """
    packages = {"keras": "keras", backend: backend, "opencv": "opencv-python-headless"}
    return {name: importlib.metadata.version(package) for name, package in packages.items()}


def _metadata(content: bytes) -> bytes:
    return _dump(json.loads(content) | {"date_saved": _DATE})


def _config(content: bytes) -> bytes:
    numbers: dict[int, int] = {}

    def renumber(node: Any) -> Any:
        if isinstance(node, list):
            return [renumber(item) for item in node]
        if not isinstance(node, dict):
            return node
        result = {}
        for key, value in node.items():
            if key == "shared_object_id":
                value = numbers.setdefault(value, len(numbers) + 1)
            result[key] = renumber(value)
        return result

    return _dump(renumber(json.loads(content)))


def _dump(content: Any) -> bytes:
    return json.dumps(content).encode()


_REWRITE = {"metadata.json": _metadata, "config.json": _config}
