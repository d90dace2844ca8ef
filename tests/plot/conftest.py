"""What the stages before plot leave behind, made without a network: true labels and noisy probabilities."""

import csv
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from darkroom import files
from darkroom.decode.pictures import rejected_thumbnails
from darkroom.evaluate import calibration_curve, curves, scores, selective
from darkroom.images import INDEX_COLUMNS, write_description, write_shard
from darkroom.plot.stage_outputs import Results
from tests.browser import browser  # noqa: F401  (a fixture)
from tests.parameters import preparation_of, write_params
from tests.plot import pages

DIGITS = [str(digit) for digit in range(10)]


class Inputs:
    """A folder with data/, models/, metrics/, plots/ and params.yaml, in which the stage's own door runs."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root

    def plot(self, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = os.environ | {"PYTHONPATH": str(self.root), "PYTHONHASHSEED": "random"} | environment
        command = [sys.executable, "-W", "error", "-m", "stages.plot"]
        return subprocess.run(
            command, cwd=self.folder, env=variables, capture_output=True, text=True, check=False
        )

    @property
    def report(self) -> Path:
        return self.folder / "plots/report.html"

    @property
    def test_images(self) -> Path:
        return self.folder / "plots/test_images.html"

    def outputs(self) -> dict[str, bytes]:
        paths = [*sorted((self.folder / "plots/figures").glob("*")), self.report, self.test_images]
        return {path.name: path.read_bytes() for path in paths}


def draw_image(kind: int, shape: tuple[int, int, int], generator: np.random.Generator) -> np.ndarray:
    """Draw a blurred blob pattern that differs by class: uint8, of ``shape``."""
    small = np.random.default_rng(kind).uniform(0, 255, (4, 4, shape[2]))
    image = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC).reshape(shape)
    return (image + generator.normal(0, 18, shape)).clip(0, 255).astype(np.uint8)


def build(
    folder: Path,
    root: Path,
    classes: Sequence[str] = DIGITS,
    shape: tuple[int, int, int] = (16, 16, 1),
    images: int = 600,
    sureness: float = 5.0,
    samples: int = 25,
    pixels: np.ndarray | None = None,
    kinds: np.ndarray | None = None,
    rejected: Sequence[tuple[str, str, str]] = (("a/Thumbs.db", "not an image", "no signature known"),),
    noise: float = 1.5,
    pictured: Sequence[str] = (),
    leaking: int = 0,
    warnings: Mapping[str, Sequence[str]] | None = None,
) -> Inputs:
    generator = np.random.default_rng(0)
    if kinds is None:
        kinds = np.sort(generator.integers(len(classes), size=images))
    if pixels is None:
        pixels = np.stack([draw_image(kind, shape, generator) for kind in kinds])
    shape = pixels.shape[1:]
    names = [f"{kind:03d}/{number:05d}.png" for number, kind in enumerate(kinds)]
    labels = np.array(classes, dtype=object)[kinds]
    parts = generator.choice(["train", "validation", "test"], size=len(kinds), p=[0.7, 0.1, 0.2])
    asked = {
        "image.resolution": list(shape[:2]),
        "image.color": "rgb",
        "plot.samples": samples,
        "plot.dpi": 100,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_params(folder / "params.yaml", asked)
    write_images(folder / "data/images", pixels, classes, names, labels, rejected)
    for stage, texts in (warnings or {}).items():
        write_summary(folder / "data" / {"decode": "images"}.get(stage, stage), labels, rejected, texts)
    if pictured:
        rejected_thumbnails.write(
            folder / "data/images/rejected.npz",
            {name: draw_image(9, (40, 60, 3), generator) for name in pictured},
        )
    groups = np.array(names)
    groups[1:4] = groups[0]
    parts[:4] = "train"
    twins = np.flatnonzero(parts == "test")[:leaking]
    groups[twins] = groups[np.flatnonzero(parts == "train")[10 : 10 + leaking]]
    write_rows(
        folder / "data/split/split.csv", ["id", "split", "group"], zip(names, parts, groups, strict=True)
    )
    np.savez(folder / "data/split/normalization.npz", method=np.array("rescale"))
    actual = kinds[parts == "test"]
    logits = generator.normal(0, noise, (len(actual), len(classes))) + sureness * np.eye(len(classes))[actual]
    probabilities = np.exp(logits).astype(np.float32)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    write_evaluation(folder, np.array(names)[parts == "test"], actual, probabilities, list(classes), shape)
    write_model(folder, list(classes), shape, pixels[0])
    metrics = {
        "fetch": {"source": "digits (bundled)", "archives": 1, "bytes": 512345},
        "decode": {
            "files": len(kinds) + len(rejected),
            "used": len(kinds),
            "rejected": len(rejected),
            "duplicates": 3,
        },
        "split": {"groups": 12, "grouped_images": 30, "largest_group": 5, "leaked_images": leaking},
        "train": {"epochs": 12, "best_epoch": 9},
    }
    for stage, content in metrics.items():
        files.write_json(folder / f"metrics/{stage}.json", content)
    epochs = np.arange(1, 13)
    history = {
        "accuracy": 1 - 0.7 * 0.6**epochs, "loss": 2 * 0.7**epochs,
        "val_accuracy": 0.97 - 0.6 * 0.6**epochs, "val_loss": 0.1 + 1.8 * 0.7**epochs,
    }  # fmt: skip
    history["learning_rate"] = 0.001 * 0.9**epochs
    rows = zip(epochs.tolist(), *(column.tolist() for column in history.values()), strict=True)
    write_rows(folder / "plots/history.csv", ["epoch", *history], rows)
    return Inputs(folder, root)


def write_images(folder, pixels, classes, names, labels, rejected):
    folder.mkdir(parents=True)
    write_shard(folder / "shard-00000.npz", pixels)
    preparation = preparation_of(folder.parents[1] / "params.yaml")
    write_description(folder, pixels.shape[1:], classes, ["shard-00000.npz"], preparation)
    rows = [
        [name, label, "", 320 + number % 7, 240, 999, f"{number * 7919 % 1000:064x}", "0" * 16]
        for number, (name, label) in enumerate(zip(names, labels, strict=True))
    ]
    write_rows(folder / "index.csv", INDEX_COLUMNS, rows)
    write_rows(folder / "rejected.csv", ["id", "reason", "detail"], rejected)


def write_summary(folder, labels, rejected, warnings):
    """Write what decode says of its reading, or split, which says no more than warnings."""
    content = {"warnings": list(warnings)}
    if folder.name == "images":
        classes = {
            str(name): {"files": int(n), "example": f"{name}/1"} for name, n in Counter(labels).items()
        }
        left_out = {reason: {"files": 1, "example": id} for id, reason, _ in rejected}
        splits = {"": {"files": len(labels), "example": "x/1"}}
        content |= {"classes": classes, "left_out": left_out, "splits": splits}
        content["unlabelled"] = {"files": 2, "example": "unlabelled/<1>.png"}
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / "summary.json", content)


def write_evaluation(folder, names, actual, probabilities, classes, shape):
    """Write what evaluate writes, with its own functions."""
    predicted = probabilities.argmax(axis=1)
    rows = [
        [name, classes[true], classes[said], *(f"{value:.6f}" for value in p)]
        for name, true, said, p in zip(names, actual, predicted, probabilities, strict=True)
    ]
    columns = ["id", "label", "predicted", *(f"p_{name}" for name in classes)]
    write_rows(folder / "data/predictions/test.csv", columns, rows)
    wrong = np.flatnonzero(predicted != actual)[:6]
    row, column = np.mgrid[: shape[0], : shape[1]]
    heat = np.exp(-((row - shape[0] / 3) ** 2 + (column - shape[1] / 2) ** 2) / (shape[0] / 4) ** 2)
    maps = np.repeat(heat[None].astype(np.float32), len(wrong), axis=0)
    np.savez(folder / "data/predictions/occlusion.npz", ids=names[wrong].astype(np.str_), maps=maps)
    reliability = calibration_curve.reliability(predicted == actual, probabilities.max(axis=1), 10)
    for name, table in (
        ("confusion", curves.confusion(actual, predicted, classes)),
        ("roc", curves.roc(actual, probabilities, classes)),
        ("precision_recall", curves.precision_recall(actual, probabilities, classes)),
        ("calibration", reliability),
        ("risk_coverage", selective.risk_coverage(predicted == actual, probabilities.max(axis=1))),
    ):
        write_rows(folder / f"plots/{name}.csv", table.columns, table.itertuples(index=False))
    figures = scores.overall(actual, probabilities)
    figures |= {"expected_calibration_error": calibration_curve.expected_calibration_error(reliability)}
    figures |= {"images": len(actual)}
    by_class = scores.by_class(actual, probabilities, classes)
    columns = ("precision", "recall", "f1", "support")
    present = [name for name in classes if by_class.get(f"support_{name}")]
    rows = [[name, *(by_class[f"{column}_{name}"] for column in columns)] for name in present]
    write_rows(folder / "plots/by_class.csv", ["class", *columns], rows)
    for name, found in (("evaluate", figures), ("evaluate_by_class", by_class)):
        defined = {name: value for name, value in found.items() if np.isfinite(value)}
        files.write_json(folder / f"metrics/{name}.json", defined)


def write_model(folder, classes, shape, image):
    height, width, channels = shape
    layers = [
        ["normalize", "Rescaling", [height, width, channels], 0],
        ["conv_1", "Conv2D", [height, width, 32], 320],
        ["pool_1", "MaxPooling2D", [height // 2, width // 2, 32], 0],
        ["conv_2", "Conv2D", [height // 2, width // 2, 64], 18496],
        ["pool_2", "MaxPooling2D", [height // 4, width // 4, 64], 0],
        ["flatten", "Flatten", [height // 4 * (width // 4) * 64], 0],
        ["dense_1", "Dense", [128], 131200],
        ["head", "Dense", [len(classes)], 1290],
    ]
    keys = ("name", "type", "shape", "parameters")
    description = {
        "classes": classes, "shape": list(shape), "head": "softmax", "backend": "tensorflow", "threads": 2,
        "deterministic": True, "precision": "float32", "parameters": sum(layer[3] for layer in layers),
        "layers": [dict(zip(keys, layer, strict=True)) for layer in layers],
        "params": {
            "seed": 0,
            "model": {"network": "cnn", "blocks": [[32], [64]], "dropout": 0.25, "weights": None},
            "augment": {"flip_horizontal": False, "rotation": 8.0, "zoom": [0.9, 1.1]},
            "train": {"epochs": 12, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.001,
                      "class_weights": "none"},
        },
        "versions": {"python": "3.11.2", "tensorflow": "2.21.0", "keras": "3.15.1"},
    }  # fmt: skip
    files.write_json(folder / "models/model.json", description)
    turns = [cv2.getRotationMatrix2D((width / 2, height / 2), 4.0 * turn, 1) for turn in range(-4, 5)]
    nine = [
        cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE).reshape(shape)
        for turn in turns
    ]
    np.savez(folder / "models/augmented.npz", original=image, augmented=np.stack(nine))


def write_rows(path, columns, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


@pytest.fixture(scope="session")
def make_inputs(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Callable[..., Inputs]:
    """Return a function that makes the inputs of the stage plot in a folder of their own."""
    return lambda **options: build(tmp_path_factory.mktemp("plot"), root, **options)


@pytest.fixture(scope="session")
def digits(make_inputs: Callable[..., Inputs]) -> Inputs:
    """Return the inputs for ten digits, plotted once."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    pixels = (loaded.images / 16 * 255).round().astype(np.uint8)
    large = np.stack([cv2.resize(image, (16, 16), interpolation=cv2.INTER_LINEAR) for image in pixels])
    inputs = make_inputs(pixels=large[..., None], kinds=loaded.target, sureness=6)
    done = inputs.plot()
    assert done.returncode == 0, done.stderr
    return inputs


@pytest.fixture(scope="session")
def results(make_inputs: Callable[..., Inputs]) -> Results:
    """Return the outputs of a run of three classes with mistakes and wide pictures, for a test to change."""
    return pages.read(make_inputs(classes=pages.CLASSES, images=300, sureness=2.0, shape=(8, 12, 3)))
