"""Runs of recipes on real images, each a `dvc repro` in a clone, whose every checkpoint is measured afterwards."""

import hashlib
import json
import os
import platform
import re
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import pipeline

from darkroom import recipes
from darkroom.images import Images
from darkroom.train.checkpoint import Checkpoint

REAL = Path(os.environ.get("DARKROOM_REAL_IMAGES", pipeline.ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Case:
    """A recipe on a data set.

    ``data`` is a sub-folder of the images, and ``recipe`` says how they are read and split. ``trained_by`` names the
    recipe whose sections normalize, model, augment and train take the place of its own. ``settings`` change params
    last, as for `dvc exp run -S`.
    """

    data: str
    recipe: str
    trained_by: str | None = None
    settings: tuple[str, ...] = ()


BY_PATIENT = r"split.group_by='(C\d+)[^/]*$'"
FLOWERS_SPLIT = ("split.train=0.8", "split.validation=0.1", "split.test=0.1")
GRAY80_SPLIT = ("labels.kind=filename", "split.train=0.49", "split.validation=0.21", "split.test=0.3")
CASES = {
    "cats-dogs-rgb64": Case(
        # the photos lie in one folder here, not in training_set and test_set: labels from names, a test part split off
        "dogs-vs-cats/train",
        "cats-dogs-rgb64",
        settings=("labels.kind=filename", "split.train=0.64", "split.validation=0.16", "split.test=0.2"),
    ),
    "dogs-vs-cats-torch": Case("dogs-vs-cats", "dogs-vs-cats-torch"),
    "ox": Case("oxo", "ox"),
    "flowers": Case("flower_photos", "flowers"),
    "dogs-vs-cats-gray80": Case("dogs-vs-cats", "dogs-vs-cats-gray80"),
    "fast-on-dogs-vs-cats-gray80": Case("dogs-vs-cats", "dogs-vs-cats-gray80", "fast"),
    "flowers-augmented": Case("flower_photos", "flowers-augmented"),
    "fast": Case("flower_photos", "fast"),
    "malaria": Case("cell_images", "malaria", settings=(BY_PATIENT,)),
    # The images and the split of the next are those of malaria.
    "fast-small": Case("cell_images", "fast-small", settings=(BY_PATIENT,)),
    "transfer": Case("flower_photos", "transfer", settings=FLOWERS_SPLIT),
    "transfer-at-288": Case(
        "flower_photos",
        "transfer",
        settings=(*FLOWERS_SPLIT, "image.resolution=288", "augment.flip_horizontal=true"),
    ),
    "transfer-on-dogs-vs-cats": Case("dogs-vs-cats", "transfer", settings=GRAY80_SPLIT),
    "transfer-grayscale": Case("dogs-vs-cats", "transfer-grayscale", settings=GRAY80_SPLIT),
    # And the split of this one.
    "transfer-tuned": Case("cell_images", "transfer-tuned", settings=(BY_PATIENT,)),
    "transfer-tuned-on-flowers": Case("flower_photos", "transfer-tuned", settings=FLOWERS_SPLIT),
}


class Checkpoints:
    """Keeps what each epoch of a training under way leaves behind: a hard link to every checkpoint, as it appears."""

    def __init__(self, repository: Path, kept: Path) -> None:
        self._folder = repository / ".dvc" / "tmp" / "darkroom" / "train"
        self._kept = kept
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Checkpoints":
        self._kept.mkdir()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        seen: set[int] = set()
        while not self._done.wait(0.02):
            for path in self._folder.glob("*.checkpoint"):
                try:
                    if path.stat().st_ino in seen:
                        continue
                    link = self._kept / f"{len(seen):05}.checkpoint"
                    link.hardlink_to(path)
                    seen.add(link.stat().st_ino)  # the next epoch may have come between the two
                except FileNotFoundError:  # the next epoch has just replaced it
                    continue


def run(case: Case, images: Path, number: int, clone: Path) -> dict[str, Any]:
    """Run ``case`` in ``clone`` and return what came of it."""
    prepare(case, images, number, clone)
    with tempfile.TemporaryDirectory(dir=clone.parent) as name:
        kept = Path(name) / "checkpoints"
        with Checkpoints(clone, kept):
            began = pipeline.stage_starts(clone)
        metrics = json.loads((clone / "metrics" / "evaluate.json").read_text(encoding="utf-8"))
        seconds, accuracies = curve(clone, kept, began["train"])
    split = json.loads((clone / "metrics" / "split.json").read_text(encoding="utf-8"))
    parts = pd.read_csv(clone / "data" / "split" / "split.csv", dtype=str, keep_default_na=False)
    test = "\n".join(sorted(parts["id"][parts["split"] == "test"]))
    return {
        "test_images": hashlib.sha256(test.encode()).hexdigest()[:16],
        "images": {part: split[part] for part in ("train", "validation", "test")},
        "accuracy": metrics["accuracy"],
        "low": metrics["accuracy_low"],
        "high": metrics["accuracy_high"],
        **times(began),
        "epoch_seconds": seconds,
        "epoch_test_accuracy": accuracies,
        "machine": machine(),
    }


def times(began: dict[str, float]) -> dict[str, float]:
    """Return the seconds of training, of all up to the figures, and of all stages; nothing unless all were run."""
    if "decode" not in began:
        return {}
    return {
        "train_seconds": round(began["evaluate"] - began["train"], 1),
        "metrics_seconds": round(began["plot"] - began["fetch"], 1),
        "all_seconds": round(began["end"] - began["fetch"], 1),
    }


def machine() -> str:
    """Return how many cores of which processor this machine has, and its widest instructions: they decide the bits."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.is_file() else ""
    found = re.search(r"(?m)^model name\s*: (.+)$", text)
    widest = next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in text), None)
    name = found[1] if found else platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores of {name}" + (f" ({widest})" if widest else "")


def prepare(case: Case, images: Path, number: int, clone: Path) -> None:
    """Write params.yaml, and put the images where it looks for them."""
    source = clone / "data" / "inbox" / Path(case.data).name
    if not source.is_symlink():
        source.symlink_to(images / case.data)
    params = clone / "params.yaml"
    recipes.use(recipes.read(clone / "recipes", case.recipe), params, inbox=source.name, force=True)
    if case.trained_by:
        trained_by = recipes.read(clone / "recipes", case.trained_by)
        recipes.use(trained_by, params, force=True, training_only=True)
    settings = (f"seed={number}", f"split.seed={number}", *case.settings)
    recipes.override(params, settings)


def curve(clone: Path, kept: Path, began: float) -> tuple[list[float], list[float]]:
    """Return, by epoch, the seconds since training began and the accuracy on the test images."""
    import keras

    paths, epochs = sorted(kept.iterdir()), len(pd.read_csv(clone / "plots" / "history.csv"))
    if len(paths) != epochs:  # each is another file: as many as epochs are one of each
        raise SystemExit(f"saw {len(paths)} of {epochs} checkpoints: is the machine busy? Run the same again")
    images = Images(clone / "data" / "images")
    parts = pd.read_csv(clone / "data" / "split" / "split.csv", dtype=str, keep_default_na=False)["split"]
    rows = np.flatnonzero(parts == "test")
    pixels = images.take(rows)
    classes = images.description["classes"]
    labels = np.array([classes.index(label) for label in images.index["label"].iloc[rows]])
    model = keras.models.load_model(clone / "models" / "model.keras", compile=False)
    seconds, accuracies = [], []
    for path in paths:
        state = Checkpoint(kept, path.stem).load()
        assert state is not None
        model.set_weights(state.best)
        output = np.concatenate(
            [np.asarray(model.predict_on_batch(pixels[at : at + 64])) for at in range(0, len(rows), 64)]
        )
        chosen = output.argmax(axis=1) if output.shape[1] > 1 else (output[:, 0] > 0.5).astype(int)
        seconds.append(round(path.stat().st_mtime - began, 1))
        accuracies.append(round(float((chosen == labels).mean()), 4))
    return seconds, accuracies
