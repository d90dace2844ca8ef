"""Writes an exported model atomically, and refuses to overwrite what it should not replace."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from darkroom import UserError
from darkroom.export.formats import Format


def destination(output: Path | None, model: Path, format: Format, force: bool) -> Path:
    """Return where to write: ``output``, or the model's name with the format's suffix in the current folder.

    Raises
    ------
    UserError
        Something is there already and ``force`` is not given, or is not of this format; or the name is none for it.
    """
    path = output if output is not None else Path(model.stem + format.suffix)
    if not format.is_folder and path.suffix != format.suffix:
        raise UserError(
            f"--output {path}: expected a name that ends in {format.suffix}, for --to {format.name}"
        )
    if not path.exists() and not path.is_symlink():
        return path
    if not force:
        raise UserError(f"{path}: exists already; --force replaces it, --output writes elsewhere")
    if format.is_folder and not (path / "saved_model.pb").is_file():
        raise UserError(
            f"{path}: exists and is no SavedModel, so --force does not replace it; choose another --output"
        )
    if not format.is_folder and path.is_dir():
        raise UserError(f"{path}: a folder, so --force does not replace it; choose another --output")
    return path


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Give a path of the same name in a temporary folder; move what is there to ``path`` when the block ends well.

    Raises
    ------
    UserError
        The folder of ``path`` cannot be written to; before the block runs, wherever that can be told.
    """
    there = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        room = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=there))
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; choose another --output") from None
    try:
        yield room / path.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            path.rename(room / "replaced")  # a folder cannot be replaced in one step
        (room / path.name).replace(path)
    finally:
        shutil.rmtree(room)
