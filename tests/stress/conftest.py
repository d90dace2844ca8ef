"""A small workspace of stripes with a trained model, and images without one."""

import json
from pathlib import Path

import numpy as np
import pytest

from darkroom.stress.disturbances import Batch
from darkroom.train.random_numbers import image_keys
from tests.browser import browser  # noqa: F401  (a fixture)
from tests.evaluate.conftest import Workspace, build

CLASSES = ["across", "down", "slanted, or <b>"]


@pytest.fixture(scope="session")
def stripes(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Workspace:
    """Return a workspace with 60 test images of three classes."""
    workspace = build(tmp_path_factory.mktemp("stripes"), root, CLASSES)
    about = workspace.folder / "models/model.json"
    content = json.loads(about.read_text())
    # As the tests' own process computes, so that another process has the same bytes.
    content["params"]["train"]["instruction_set"] = "avx2"
    about.write_text(json.dumps(content))
    return workspace


def batch(shape: tuple[int, int, int] = (20, 24, 3), count: int = 40, seed: int = 0) -> Batch:
    """Return images with something in them: smooth waves, none near black or white."""
    generator = np.random.default_rng(seed)
    row, column = np.mgrid[: shape[0], : shape[1]]
    waves = [
        np.sin(
            row * generator.uniform(0.2, 0.6) + column * generator.uniform(0.2, 0.6) + generator.uniform(0, 6)
        )
        for _ in range(count * shape[2])
    ]
    pixels = np.stack(waves).reshape(count, shape[2], *shape[:2]).transpose(0, 2, 3, 1)
    keys = image_keys(f"{number}.png" for number in range(count))
    return Batch((128 + 60 * pixels).round().astype(np.uint8, order="C"), np.arange(count) % 3, keys, seed)
