"""Projects as far as the stage train brings them, and exported models run as their users run them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from darkroom import files
from darkroom.images import INDEX_COLUMNS, Images, shard_name, write_description, write_shard
from darkroom.split import normalization
from tests.parameters import TRANSFER, preparation_of, write_params

SUFFIXES = {"onnx": ".onnx", "tflite": ".tflite", "savedmodel": ".savedmodel"}

# Plain Keras, nothing of Darkroom: what every runtime is held against.
REFERENCE = """
import sys, keras, numpy as np
model = keras.models.load_model("models/model.keras", compile=False)
output = model.predict(np.load("pixels.npy"), verbose=0)
np.save("expected.npy", np.hstack([1 - output, output]) if output.shape[1] == 1 else output)
"""

# Each reads what its runtime alone can tell it, the names of input and output included.
RUNTIMES = {
    "onnx": """
import json, sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
(given,), (result,) = session.get_inputs(), session.get_outputs()
about = json.loads(session.get_modelmeta().custom_metadata_map["darkroom"])
assert given.type == "tensor(uint8)" and given.name == about["input"]["name"], given
assert result.name == about["output"]["name"], result
classify = lambda pixels: session.run(None, {given.name: pixels})[0]
""",
    "tflite": """
import json, sys, warnings, zipfile, numpy as np, tensorflow as tf
warnings.simplefilter("ignore")  # that the interpreter will move to a package of its own
runner = tf.lite.Interpreter(sys.argv[1]).get_signature_runner()
about = json.loads(zipfile.ZipFile(sys.argv[1]).read("darkroom.json"))
(given, details), = runner.get_input_details().items()
assert details["dtype"] == np.uint8 and given == about["input"]["name"], details
classify = lambda pixels: runner(**{given: pixels})[about["output"]["name"]]
""",
    "savedmodel": """
import json, sys, numpy as np, tensorflow as tf
from pathlib import Path
loaded = tf.saved_model.load(sys.argv[1])
about = json.loads((Path(sys.argv[1]) / "assets.extra/darkroom.json").read_text(encoding="utf-8"))
signature = loaded.signatures["serving_default"]
(given, spec), = signature.structured_input_signature[1].items()
assert spec.dtype == tf.uint8 and given == about["input"]["name"], spec
classify = lambda pixels: signature(**{given: tf.constant(pixels)})[about["output"]["name"]].numpy()
""",
}
FINISH = """
assert "darkroom" not in sys.modules
assert "tensorflow" not in sys.modules or "onnxruntime" not in sys.modules
pixels = np.load("pixels.npy")
np.savez(sys.argv[2], alone=classify(pixels[:1]), seven=classify(pixels[:7]), all=classify(pixels))
json.dump(about, open(sys.argv[2] + ".json", "w"))
"""


@dataclass(frozen=True)
class Project:
    """A folder with data/images, data/split and a trained model.

    ``pixels.npy`` holds its test images, ``expected.npy`` what plain Keras says of them, ``pictures/`` them as files.
    """

    folder: Path

    def export(
        self, *arguments: str | Path, model: str = "models", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``darkroom export`` here, as a user does; in it, warnings are errors."""
        environment = os.environ | {"PYTHONWARNINGS": "error"} | variables
        command = [str(Path(sys.executable).with_name("darkroom")), "export", model, *map(str, arguments)]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def files(self) -> dict[str, bytes]:
        """Return every file in the folder, hidden ones too."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}

    @property
    def expected(self) -> np.ndarray:
        """Return what plain Keras says of the test images."""
        return np.load(self.folder / "expected.npy")  # type: ignore[no-any-return]

    def run(self, format: str, path: Path, result: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Run an exported model in a process that knows its runtime alone; return probabilities and what it tells."""
        python(RUNTIMES[format] + FINISH, path, result, cwd=self.folder)
        with np.load(result) as found:
            return dict(found), json.loads(Path(f"{result}.json").read_text())


def python(script: str, *arguments: Path, cwd: Path, backend: str = "tensorflow") -> str:
    """Run a script in a process of its own, with Keras on ``backend``, and return what it prints."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def digits(classes: int) -> tuple[np.ndarray, list[str]]:
    """Return scanned digits, uint8 (n, 16, 16, 1), and their names."""
    from sklearn.datasets import load_digits

    scans = load_digits()
    chosen = np.flatnonzero(scans.target < classes)[:400]
    small = (scans.images[chosen] / 16 * 255).round().astype(np.uint8)
    pixels = np.stack([cv2.resize(scan, (16, 16)) for scan in small])[..., None]
    return pixels, [f"{digit}" for digit in scans.target[chosen]]


def photos(classes: int) -> tuple[np.ndarray, list[str]]:
    """Return clippings of two photos, their halves the classes: uint8 (n, 40, 32, 3), and their names."""
    from sklearn.datasets import load_sample_images

    pixels, names = [], []
    for number in range(200):
        part = number % classes
        photo = load_photo(load_sample_images().images, part)
        row, column = number // classes * 7 % (photo.shape[0] - 160), number // classes * 13 % 192
        pixels.append(cv2.resize(photo[row : row + 160, column : column + 128], (32, 40)))
        names.append(f"part {part}, né")  # a name that is not ASCII travels too
    return np.stack(pixels), names


def load_photo(pair: Sequence[np.ndarray], part: int) -> np.ndarray:
    """Return the left or the right half of one of two photos."""
    half = pair[part % 2]
    return half[:, :320] if part < 2 else half[:, 320:]


KINDS: dict[str, tuple[Callable[[int], tuple[np.ndarray, list[str]]], int, str, dict[str, Any]]] = {
    "digits": (digits, 10, "rescale", {}),
    "sigmoid": (digits, 2, "zca", {"model.batch_norm": True}),
    "photos": (
        photos,
        4,
        "standard",
        {"model.network": "resnet", "model.blocks": [[8, 8], [16]], "model.dense": []},
    ),
    "application": (photos, 3, "rescale", {"model.network": "application", "model.dense": []}),
    "transfer": (photos, 4, "rescale", TRANSFER | {"image.resolution": [40, 32]}),
}


def make(folder: Path, root: Path, kind: str, **train: Any) -> Project:
    """Write data, run the stage train for two epochs, and note what Keras says of the test images."""
    source, classes, method, own = KINDS[kind]
    pixels, labels = source(classes)
    asked = {
        "model.blocks": [[8], [16]],
        "model.dense": [32],
        "train.epochs": 2,
        "train.learning_rate": 0.01,
        "train.schedule": "constant",
    }
    asked |= own | {f"train.{key}": value for key, value in train.items()}
    write_data(folder, pixels, labels, method, asked)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "stages.train"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    python(REFERENCE, cwd=folder, backend=train.get("backend", "tensorflow"))
    return Project(folder)


def write_data(
    folder: Path, pixels: np.ndarray, labels: list[str], method: str, asked: dict[str, Any] | None = None
) -> None:
    """Write params.yaml, data/images and data/split, a quarter of the images to test; and the test images."""
    shape, count = pixels.shape[1:], len(pixels)
    height, width, channels = shape
    prepared = {
        "image.resolution": [height, width],
        "image.color": "rgb" if channels == 3 else "grayscale",
        "decode.min_side": 2,
    }
    write_params(folder / "params.yaml", prepared | (asked or {}))
    images, split = folder / "data" / "images", folder / "data" / "split"
    write_shard(images / shard_name(0, "npz"), pixels)
    rows = [[f"{n:03}.png", name, "", 16, 16, 99, "0" * 64, "0" * 16] for n, name in enumerate(labels)]
    files.write_csv(images / "index.csv", INDEX_COLUMNS, rows)
    preparation = preparation_of(folder / "params.yaml")
    write_description(images, shape, sorted(set(labels)), [shard_name(0, "npz")], preparation)
    parts = np.array(["train", "train", "validation", "test"])[np.arange(count) * 7 // 3 % 4]
    files.write_csv(
        split / "split.csv",
        ["id", "split", "group"],
        [[f"{n:03}.png", part, str(n)] for n, part in enumerate(parts)],
    )
    statistics = normalization.fit(method, Images(images), np.flatnonzero(parts == "train"))
    np.savez(split / "normalization.npz", method=np.array(method), **statistics)  # type: ignore[arg-type]
    test = pixels[parts == "test"]
    np.save(folder / "pixels.npy", test)
    (folder / "pictures").mkdir()
    for number, image in enumerate(test[:40]):
        cv2.imwrite(str(folder / "pictures" / f"{number:02}.png"), image[..., ::-1])


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Callable[[str], Project]:
    """Return a function that gives the project of one of :data:`KINDS`, made once."""
    made: dict[str, Project] = {}

    def give(kind: str) -> Project:
        if kind not in made:
            made[kind] = make(tmp_path_factory.mktemp("project"), root, kind)
        return made[kind]

    return give
