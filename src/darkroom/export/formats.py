"""The export formats: the name of each, and the module that writes and runs it."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from darkroom import UserError, how_to_install
from darkroom.array_types import Pixels
from darkroom.evaluate.classifier import Probabilities

Runtime = Callable[[Pixels], Probabilities]
"""A model in the format's own runtime: uint8 (images, height, width, channels) to float32 (images, classes)."""


class Writer(Protocol):
    """What the module of a format holds; importing it costs seconds."""

    def write(self, graph: Any, path: Path, about: dict[str, Any]) -> None:
        """Write ``graph`` to ``path``, which does not exist, with ``about`` in it."""

    def runtime(self, path: Path) -> Runtime:
        """Open what was written."""


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes
    ----------
    name : str
        As after ``--to``.
    suffix : str
        Of the file's name, or of the folder's where none is asked for.
    packages : tuple of str
        What it needs beside TensorFlow; distribution and module have the same name.
    is_folder : bool
    """

    name: str
    suffix: str
    packages: tuple[str, ...]
    is_folder: bool
    module: str

    def check_installed(self) -> None:
        """Raise a UserError where a package is missing; imports none."""
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            raise UserError(
                f"--to {self.name}: {' and '.join(missing)} {verb} not installed; {how_to_install(self.name)}"
            )

    @property
    def writer(self) -> Writer:
        """Import and return the format's module."""
        return importlib.import_module(self.module)


_ALL = (
    Format("onnx", ".onnx", ("onnx", "onnxruntime", "tf2onnx"), False, "darkroom.export.onnx_file"),
    Format("tflite", ".tflite", (), False, "darkroom.export.tflite_file"),
    Format("savedmodel", ".savedmodel", (), True, "darkroom.export.saved_model"),
)
FORMATS = {format.name: format for format in _ALL}


def named(name: str) -> Format:
    """Return the format called ``name``, installed.

    Raises
    ------
    UserError
        There is no such format, or a package that it needs is missing.
    """
    if name not in FORMATS:
        raise UserError(f"--to: got {name!r}, expected one of {', '.join(FORMATS)}")
    FORMATS[name].check_installed()
    return FORMATS[name]
