"""The stage train on the folders that tests make."""

from pathlib import Path
from typing import Any

from darkroom.train.config import Config
from darkroom.train.stage import train


def run_stage(params: Any, folders: tuple[Path, Path], out: Path, seed: int = 0) -> dict[str, Any]:
    """Train with the sections ``params`` into ``out`` and return the metrics; weights may lie in ``out``, too."""
    history = out / "plots" / "history.csv"
    return train(
        Config(seed, params.model, params.augment, params.train), *folders, out, out / "models", history
    )
