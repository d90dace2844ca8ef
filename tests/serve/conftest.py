"""A small model of the bundled digits, `darkroom serve` as a process of its own, and pictures to send."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests

from tests.browser import browser  # noqa: F401  (a fixture)

# Saves beside the model what plain Keras says of every image: what the server's answers are held against.
TRAINING = """
import os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
keras.utils.set_random_seed(0)
data = np.load(sys.argv[1])
images, labels = data["images"], data["labels"]
model = keras.Sequential([
    keras.Input(images.shape[1:], name="pixels"),
    keras.layers.Rescaling(1 / 255, name="normalize"),
    keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="conv"),
    keras.layers.Flatten(name="flatten"),
    keras.layers.Dense(10, activation="softmax", name="head"),
])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(images, labels, epochs=4, batch_size=32, verbose=0)
model.save("model.keras")
np.save("expected.npy", model.predict(images, verbose=0))
"""
PREPARATION = {
    "resolution": [16, 16], "color": "grayscale", "resize": "squash", "interpolation": "auto", "steps": [],
    "reduced": False, "max_pixels": 1_000_000, "min_side": 2,
}  # fmt: skip


class Digits:
    """A model of ten digits: its folder, PNGs that it takes unchanged, and what plain Keras says of each."""

    def __init__(self, models: Path, pngs: list[bytes], expected: np.ndarray) -> None:
        self.models, self.pngs, self.expected = models, pngs, expected

    def renamed(self, models: Path, classes: list[str]) -> Path:
        """Copy the model to ``models`` under other names of its classes."""
        shutil.copytree(self.models, models)
        description = json.loads((models / "model.json").read_text())
        (models / "model.json").write_text(json.dumps(description | {"classes": classes}))
        return models


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("digits")
    scans = load_digits()
    small = (scans.images / 16 * 255).round().astype(np.uint8)
    images = np.stack([cv2.resize(image, (16, 16)) for image in small])[..., None]
    models = folder / "models"
    models.mkdir()
    np.savez(folder / "digits.npz", images=images, labels=scans.target)
    command = [sys.executable, "-W", "ignore", "-c", TRAINING, str(folder / "digits.npz")]
    subprocess.run(command, cwd=models, check=True, capture_output=True)
    expected = np.load(models / "expected.npy")
    (models / "expected.npy").unlink()
    description = {
        "classes": [str(digit) for digit in range(10)],
        "shape": [16, 16, 1],
        "preparation": PREPARATION,
        "head": "softmax",
        "backend": "tensorflow",
        "threads": 2,
        "deterministic": True,
        "precision": "float32",
        "params": {"train": {"device": "auto"}},
        "versions": {"keras": "3"},
    }
    (models / "model.json").write_text(json.dumps(description))
    pngs = [cv2.imencode(".png", image)[1].tobytes() for image in images]
    return Digits(models, pngs, expected)


class Server:
    """`darkroom serve` in a process of its own, in a folder, a home and a place for temporary files of its own."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.folder = folder
        for name in ("here", "home", "temporary"):
            (folder / name).mkdir(parents=True)
        self._stderr = (folder / "stderr.txt").open("w+")
        self.process = subprocess.Popen(
            [shutil.which("darkroom") or "darkroom", "serve", *map(str, arguments)],
            cwd=folder / "here",
            env=os.environ | {"HOME": str(folder / "home"), "TMPDIR": str(folder / "temporary")},
            stdout=subprocess.PIPE, stderr=self._stderr, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        if not self.line.startswith("Darkroom serves "):
            self.close()
            pytest.fail(self.line + (folder / "stderr.txt").read_text())
        self.address = next(word for word in self.line.split() if word.startswith("http://"))

    def stderr(self) -> str:
        self._stderr.flush()
        return (self.folder / "stderr.txt").read_text()

    def predict(self, *files: tuple[str, bytes], **options: Any) -> requests.Response:
        form = [("files", file) for file in files]
        return requests.post(f"{self.address}/predict", files=form, timeout=60, **options)

    def answers(self, *files: tuple[str, bytes]) -> list[dict[str, Any]]:
        response = self.predict(*files)
        assert response.status_code == 200, response.text
        images: list[dict[str, Any]] = response.json()["images"]
        return images

    def written(self) -> dict[str, bytes]:
        """Return every file in the server's folder, home and place for temporary files."""
        places = (self.folder / name for name in ("here", "home", "temporary"))
        paths = sorted(path for place in places for path in place.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}

    def stop(self) -> tuple[int, str]:
        """Press Ctrl-C; return the exit code and what was printed since the first line."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self._stderr.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server, stopped when the test is over."""
    started: list[Server] = []

    def start(*arguments: object) -> Server:
        started.append(Server(tmp_path / f"server-{len(started)}", *arguments))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="session")
def server(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server of the digits that takes at most 2 MB and 12 files at once."""
    folder = tmp_path_factory.mktemp("serve")
    limits = ("--max-bytes", 2_000_000, "--max-images", 12)
    server = Server(folder / "server", digits.models, "--port", 0, *limits)
    yield server
    server.close()


@pytest.fixture
def pictures(digits, tmp_path):
    """Return a function that writes digits as files and returns their paths."""

    def write(*numbers):
        paths = [tmp_path / f"digit-{number}.png" for number in numbers]
        for path, number in zip(paths, numbers, strict=True):
            path.write_bytes(digits.pngs[number])
        return paths

    return write
