"""The project's folder, found from any folder inside it, as git and DVC find theirs."""

import os
from pathlib import Path


def root() -> Path | None:
    """Return the nearest folder, from the working folder upwards, that holds dvc.yaml and .dvc, or None."""
    here = Path.cwd()
    folders = (here, *here.parents)
    return next((one for one in folders if (one / "dvc.yaml").is_file() and (one / ".dvc").is_dir()), None)


def enter() -> None:
    """Make the project's folder the working folder; where there is none, that stays."""
    os.chdir(root() or ".")


def located(path: Path) -> Path:
    """Return ``path`` where it is there from the working folder, else as it lies from the project's."""
    above = root()
    return path if path.exists() or above is None else above / path
