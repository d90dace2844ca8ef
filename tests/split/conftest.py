"""An images folder as decode leaves it, for the split stage to read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from darkroom import files, images
from darkroom.array_types import Pixels

Write = Callable[..., Path]


@pytest.fixture
def write_images(tmp_path: Path) -> Write:
    """Return a function that writes an images folder from labels and whatever else of the index matters."""

    def write(
        labels: list[str],
        ids: list[str] | None = None,
        splits: list[str] | None = None,
        hashes: list[int] | None = None,
        pixels: Pixels | None = None,
        suffix: str = "npz",
    ) -> Path:
        count = len(labels)
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        rng = np.random.default_rng(7)
        if pixels is None:
            pixels = rng.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
        if hashes is None:
            hashes = [int(value) for value in rng.integers(0, 2**64, count, dtype=np.uint64)]
        shards = []
        for number, start in enumerate(range(0, count, 100)):
            shards.append(f"shard-{number:05d}.{suffix}")
            images.write_shard(folder / shards[-1], pixels[start : start + 100], labels[start : start + 100])
        rows = [
            (
                ids[row] if ids else f"{label}/{row:05d}.png",
                label,
                splits[row] if splits else "",
                40,
                30,
                1234,
                f"{row:064x}",
                f"{hashes[row]:016x}",
            )
            for row, label in enumerate(labels)
        ]
        files.write_csv(folder / "index.csv", images.INDEX_COLUMNS, rows)
        images.write_description(folder, pixels.shape[1:], sorted(set(labels)), shards, {})
        return folder

    return write
