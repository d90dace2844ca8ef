"""A small workspace taken through the stages by their own doors, and a shell that types `darkroom predict` in it."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.parameters import write_params

CLASSES = ("across", "down", "slanted, or <b>")
SMALL = {
    "source.kind": "local",
    "source.path": "stripes",
    "image.resolution": 12,
    "split.near_duplicates": None,
    "model.blocks": [[4]],
    "model.dense": [8],
    "train.epochs": 8,
    "train.batch_size": 16,
    "evaluate.occlusion": 0,
}

# One process that loads TensorFlow once and runs each command as the installed `darkroom` would: on its own
# descriptors 0 to 2, from its arguments to its exit code.
SHELL = """
import json, os, sys, traceback
requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
from darkroom.cli import app
for line in requests:
    job = json.loads(line)
    os.chdir(job["folder"])
    for number, (name, flags) in enumerate(
        [("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY | os.O_CREAT), ("stderr", os.O_WRONLY | os.O_CREAT)]
    ):
        handle = os.open(job[name], flags, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin, sys.stdout, sys.stderr = open(0, closefd=False), open(1, "w", closefd=False), open(2, "w", closefd=False)
    code = 0
    try:
        app(job["arguments"], prog_name="darkroom")
    except SystemExit as error:
        code = error.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    print(code, file=answers, flush=True)
"""


class Done:
    """What a command said: its exit code, its stdout as bytes and text, its stderr as text."""

    def __init__(self, code: int, out: bytes, error: str) -> None:
        self.code, self.bytes, self.error = code, out, error

    @property
    def rows(self) -> list[dict[str, str]]:
        """The CSV of stdout."""
        return list(csv.DictReader(io.StringIO(self.bytes.decode(), newline="")))

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.rows]


class Shell:
    """Runs `darkroom` in a folder."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._scratch = scratch
        self._child = subprocess.Popen(
            [sys.executable, "-c", SHELL],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=root,
            text=True,
        )

    def __call__(self, folder: Path, *arguments: object, stdin: bytes = b"") -> Done:
        streams = {name: self._scratch / name for name in ("stdin", "stdout", "stderr")}
        for path in streams.values():
            path.write_bytes(b"")
        streams["stdin"].write_bytes(stdin)
        job = {name: str(path) for name, path in streams.items()}
        job |= {"folder": str(folder), "arguments": [str(argument) for argument in arguments]}  # type: ignore[dict-item]
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(job) + "\n")
        self._child.stdin.flush()
        code = int(self._child.stdout.readline())
        return Done(code, streams["stdout"].read_bytes(), streams["stderr"].read_text("utf-8"))

    def close(self) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(60)
        self._child.stdout.close()


@pytest.fixture(scope="session")
def darkroom(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Return what runs a command line: ``darkroom(folder, "predict", …)``."""
    shell = Shell(root, tmp_path_factory.mktemp("shell"))
    yield shell
    shell.close()


def stripes(kind: int, generator: np.random.Generator, side: int = 40) -> bytes:
    """Return a PNG of horizontal, vertical or diagonal stripes under noise."""
    row, column = np.mgrid[:side, :side]
    wave = np.sin((row, column, row + column)[kind] * 0.6 + generator.uniform(0, 6))
    noisy = 127 + 80 * wave + generator.normal(0, 20, (side, side))
    return bytes(cv2.imencode(".png", noisy.clip(0, 255).astype(np.uint8))[1])


def run_stages(root: Path, folder: Path) -> None:
    """Run all stages but plot."""
    program = (
        "import sys, runpy; [runpy.run_module(f'stages.{n}', run_name='__main__') for n in sys.argv[1:]]"
    )
    environment = os.environ | {"PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3"}
    for names in (["fetch", "decode", "split", "train"], ["evaluate"]):
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program, *names], cwd=folder, env=environment, check=True
        )


@pytest.fixture(scope="session")
def workspace(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with data, models and data/predictions of 3 x 40 pictures, as `dvc repro` leaves them."""
    folder = tmp_path_factory.mktemp("workspace")
    generator = np.random.default_rng(0)
    for number in range(120):
        kind = number % 3
        path = folder / "data/inbox/stripes" / CLASSES[kind] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stripes(kind, generator))
    write_params(folder / "params.yaml", SMALL)
    run_stages(root, folder)
    return folder


@pytest.fixture(scope="session")
def models(workspace: Path) -> Path:
    """Return the folder of the model that tells three kinds of stripes apart."""
    return workspace / "models"


@pytest.fixture(scope="session")
def two_classes(models: Path, tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Return the folder of a model of the classes cat and dog, one sigmoid unit, untrained."""
    program = """
import json, sys
from pathlib import Path
models, target = Path(sys.argv[1]), Path(sys.argv[2])
import keras
keras.utils.set_random_seed(1)
network = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
    keras.layers.Dense(1, activation="sigmoid")])
network.save(target / "model.keras")
about = json.loads((models / "model.json").read_text()) | {"classes": ["cat", "dog"], "head": "sigmoid"}
(target / "model.json").write_text(json.dumps(about))
"""
    folder = tmp_path_factory.mktemp("two")
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", program, str(models), str(folder)], env=environment, check=True)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder of seven pictures and nothing else, three of them in a folder of their own."""
    generator = np.random.default_rng(1)
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(
        ("10.png", "2.png", "1.png", "b.png", "more/3.png", "more/4.png", "more/5.png")
    ):
        (folder / name).write_bytes(stripes(number % 3, generator))
    return folder
