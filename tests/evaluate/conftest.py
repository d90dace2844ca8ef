"""A small workspace as the stages before evaluate leave it: stripes to tell apart, and a network that can."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from darkroom.images import INDEX_COLUMNS, write_description, write_shard
from tests.parameters import preparation_of, write_params

TRAINING = """
import os, sys, json
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(2)
tf.config.experimental.enable_op_determinism()
import keras, numpy as np
keras.utils.set_random_seed(0)
images, labels, classes = np.load(sys.argv[1])["images"], np.load(sys.argv[2]), int(sys.argv[3])
units = 1 if classes == 2 else classes
model = keras.Sequential([
    keras.Input(images.shape[1:], name="pixels"),
    keras.layers.Rescaling(1 / 255, name="normalize"),
    keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
    keras.layers.MaxPool2D(name="pool"),
    keras.layers.Flatten(name="flatten"),
    keras.layers.Dense(units, activation="sigmoid" if units == 1 else "softmax", name="head"),
])
model.compile("adam", "binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy")
model.fit(images, labels, epochs=30, batch_size=16, verbose=0)
model.save(sys.argv[4])
"""


class Workspace:
    """A folder with data/images, data/split, models and params.yaml, in which the stage's own door runs."""

    def __init__(self, folder: Path, root: Path, classes: list[str]) -> None:
        self.folder, self.root, self.classes = folder, root, classes

    def evaluate(self) -> subprocess.CompletedProcess[str]:
        """Run the stage as DVC does: in a process of its own, for a backend is chosen once in a process."""
        search = os.pathsep.join([str(self.root), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": search, "PYTHONHASHSEED": "random"}
        command = [sys.executable, "-W", "ignore", "-m", "stages.evaluate"]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def copy(self, folder: Path) -> "Workspace":
        """Return a copy in ``folder``, to be spoilt."""
        shutil.copytree(self.folder, folder)
        return Workspace(folder, self.root, self.classes)

    def write_split(self, parts: Iterable[str], groups: Iterable[str]) -> None:
        """Write split.csv anew, one part and one group an image."""
        (self.folder / "data/split").mkdir(exist_ok=True)
        with (self.folder / "data/split/split.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "split", "group"])
            pairs = enumerate(zip(parts, groups, strict=True))
            writer.writerows([f"{number:04d}.png", part, group] for number, (part, group) in pairs)

    def metrics(self) -> dict[str, float]:
        """Return the figures of all test images, and those of each class."""
        files = (self.folder / f"metrics/evaluate{which}.json" for which in ("", "_by_class"))
        overall, by_class = (json.loads(file.read_text()) for file in files)
        assert not set(overall) & set(by_class)
        return {**overall, **by_class}

    def outputs(self) -> dict[str, bytes]:
        """Return every file that the stage wrote."""
        places = ("data/predictions", "metrics", "plots")
        paths = sorted(
            path for place in places for path in (self.folder / place).rglob("*") if path.is_file()
        )
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


def stripes(kind: int, generator: np.random.Generator, side: int) -> np.ndarray:
    """Return horizontal, vertical or diagonal stripes under noise: uint8, (side, side, 1)."""
    row, column = np.mgrid[:side, :side]
    wave = np.sin((row, column, row + column)[kind] * 1.8 + generator.uniform(0, 6))
    noisy = 127 + 60 * wave + generator.normal(0, 90, (side, side))
    return noisy.clip(0, 255).astype(np.uint8)[:, :, None]


def build(folder: Path, root: Path, classes: list[str], images: int = 240, side: int = 12) -> Workspace:
    generator = np.random.default_rng(0)
    kinds = np.arange(images) % len(classes)
    pixels = np.stack([stripes(kind, generator, side) for kind in kinds])
    data = folder / "data/images"
    (data / "unlabelled").mkdir(parents=True)
    write_params(folder / "params.yaml", {"image.resolution": side, "evaluate.batch_size": 16})
    preparation = preparation_of(folder / "params.yaml")
    write_shard(data / "shard-00000.npz", pixels)
    write_description(data, pixels.shape[1:], classes, ["shard-00000.npz"], preparation)
    write_index(data, [classes[kind] for kind in kinds])
    write_shard(data / "unlabelled/shard-00000.npz", pixels[:5])
    write_description(data / "unlabelled", pixels.shape[1:], classes, ["shard-00000.npz"], preparation)
    write_index(data / "unlabelled", [""] * 5)
    parts = np.array(["train", "train", "validation", "test"])[np.arange(images) // len(classes) % 4]
    workspace = Workspace(folder, root, classes)
    workspace.write_split(parts, [f"{number:04d}.png" for number in range(images)])

    models = folder / "models"
    models.mkdir()
    np.save(folder / "labels.npy", kinds)
    arguments = [str(data / "shard-00000.npz"), str(folder / "labels.npy"), str(len(classes)), "model.keras"]
    subprocess.run([sys.executable, "-W", "ignore", "-c", TRAINING, *arguments], cwd=models, check=True)
    description = {
        "classes": classes,
        "shape": list(pixels.shape[1:]),
        "head": "sigmoid" if len(classes) == 2 else "softmax",
        "backend": "tensorflow",
        "threads": 2,
        "deterministic": True,
        "precision": "float32",
        "params": {"train": {"device": "auto"}},
    }
    (models / "model.json").write_text(json.dumps(description))
    return workspace


def write_index(folder: Path, labels: list[str]) -> None:
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(INDEX_COLUMNS)
        writer.writerows(
            [f"{number:04d}.png", label, "", 12, 12, 99, "0" * 64, "0" * 16]
            for number, label in enumerate(labels)
        )


@pytest.fixture(scope="session")
def three_classes(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Workspace:
    """Return a workspace with three classes, evaluated once."""
    workspace = build(tmp_path_factory.mktemp("three"), root, ["across", "down", "slanted, or <b>"])
    done = workspace.evaluate()
    assert done.returncode == 0, done.stderr
    return workspace


@pytest.fixture(scope="session")
def two_classes(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Workspace:
    """Return a workspace with two classes (one sigmoid unit), evaluated once."""
    workspace = build(tmp_path_factory.mktemp("two"), root, ["across", "down"])
    done = workspace.evaluate()
    assert done.returncode == 0, done.stderr
    return workspace
