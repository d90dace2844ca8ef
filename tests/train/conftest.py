"""Small labelled images, split and normalized, as decode and split leave them for train."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from darkroom import files
from darkroom.images import INDEX_COLUMNS, shard_name, write_description, write_shard
from darkroom.params import AugmentParams, ModelParams, TrainParams


@dataclass(frozen=True)
class Sections:
    """The three sections of params.yaml that describe a training."""

    model: ModelParams
    augment: AugmentParams
    train: TrainParams


@pytest.fixture(scope="session")
def sections(root: Path) -> Callable[..., Sections]:
    """Return a function that reads params.yaml, with changes: ``sections(train={"epochs": 2})``."""

    def read(**changes: dict[str, Any]) -> Sections:
        content = YAML(typ="safe").load((root / "params.yaml").read_text())
        models = {"model": ModelParams, "augment": AugmentParams, "train": TrainParams}
        return Sections(
            **{
                name: model.model_validate(content[name] | changes.get(name, {}))
                for name, model in models.items()
            }
        )

    return read


@pytest.fixture(scope="session", autouse=True)
def started(tensorflow_started: None) -> None:
    """Let every test here find TensorFlow started."""


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """Return a function that makes an images folder and a split folder: stripes whose direction is the class."""

    def make(
        classes: int = 2,
        train: int = 48,
        validation: int = 16,
        size: int = 16,
        channels: int = 1,
        method: str = "rescale",
    ) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("data")
        count = train + validation
        labels = [f"c{number % classes}" for number in range(count)]
        write_images(folder / "images", labels, stripes(labels, size, channels))
        write_split(folder / "split", ["train"] * train + ["validation"] * validation, method)
        return folder / "images", folder / "split"

    return make


def stripes(labels: list[str], size: int, channels: int) -> Any:
    """Return noisy stripes, uint8 (n, size, size, channels), whose direction tells the class."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size]
    images = []
    for label in labels:
        angle = np.pi * int(label[1:]) / len(set(labels))
        wave = np.sin((rows * np.cos(angle) + columns * np.sin(angle)) * 1.5 + rng.uniform(0, 6))
        images.append(128 + 60 * wave[..., None] + rng.normal(0, 20, (size, size, channels)))
    return np.clip(images, 0, 255).astype(np.uint8)


def write_images(folder: Path, labels: list[str], pixels: Any) -> None:
    """Write an images folder of one shard."""
    rows = [
        [f"{label}/{number:03}.png", label, "", 16, 16, 100, "0" * 64, "0" * 16]
        for number, label in enumerate(labels)
    ]
    files.write_csv(folder / "index.csv", INDEX_COLUMNS, rows)
    write_shard(folder / shard_name(0, "npz"), pixels)
    write_description(
        folder,
        pixels.shape[1:],
        sorted(set(labels)),
        [shard_name(0, "npz")],
        {"resolution": list(pixels.shape[1:3])},
    )


def write_split(folder: Path, parts: list[str], method: str) -> None:
    """Write split.csv and the statistics of images of 16x16 grey pixels."""
    rows = [[str(number), part, str(number)] for number, part in enumerate(parts)]
    files.write_csv(folder / "split.csv", ["id", "split", "group"], rows)
    values = 256
    arrays = {
        "rescale": {},
        "minmax": {
            "minimum": np.zeros((16, 16, 1), np.float32),
            "maximum": np.full((16, 16, 1), 255, np.float32),
        },
        "standard": {"mean": np.full(1, 128, np.float32), "std": np.full(1, 60, np.float32)},
        "zca": {"mean": np.full(values, 128, np.float32), "matrix": np.eye(values, dtype=np.float32) / 60},
    }[method]
    np.savez(folder / "normalization.npz", method=np.array(method), **arrays)
