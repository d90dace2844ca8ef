"""Every recipe on real images, and our own beside the published ones: the figures of docs/results.md.

    make results                                     # on the photos in $DARKROOM_REAL_IMAGES, or ../shared/data
    python benchmarks/results.py --images FOLDER     # on others, a full data set say, in the same four sub-folders
    python benchmarks/results.py --only malaria fast-small --seeds 5
    python benchmarks/results.py --write             # only write what follows from the record

It writes docs/results.md, and the measured figures into the recipes' headers.

Each run is a real `dvc repro` in a temporary clone of the last commit, with seed and split.seed both set to the number
of the run, so that the spread over runs holds everything that chance decides. While it trains, every checkpoint is
kept; afterwards each is measured on the test images: what the model would have scored, had training been stopped
there. What was measured is added to docs/results.json at once, and a run that stands there is not made again. Run it on
an otherwise idle machine, since it compares times, or with --busy, which takes none.
"""

import argparse
import hashlib
import itertools
import json
import math
import os
import platform
import re
import shutil
import statistics
import tempfile
import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import pipeline
from scipy import stats

from darkroom import files, recipes
from darkroom.images import Images
from darkroom.train.checkpoint import Checkpoint

REAL = Path(os.environ.get("DARKROOM_REAL_IMAGES", pipeline.ROOT.parent / "shared" / "data"))
RECORD, PAGE = pipeline.ROOT / "docs" / "results.json", pipeline.ROOT / "docs" / "results.md"


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
RIVALS = {
    "fast-on-dogs-vs-cats-gray80": "dogs-vs-cats-gray80",
    "fast": "flowers-augmented",
    "fast-small": "malaria",
}
PAIRS = {
    "transfer": "fast",
    "transfer-at-288": "transfer",
    "transfer-on-dogs-vs-cats": "fast-on-dogs-vs-cats-gray80",
    "transfer-grayscale": "fast-on-dogs-vs-cats-gray80",
    "transfer-tuned": "fast-small",
}
"""Cases compared run by run, on the same test images."""

TIMED = 3
"""Runs of a case with a frozen network that start from nothing; later ones find what the last of these left."""


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


def summary(runs: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return means over runs; of seconds, over those that were timed, nan where none was."""
    timed = _timed(runs)
    return {
        "accuracy": statistics.mean(run["accuracy"] for run in runs.values()),
        "seconds": statistics.mean(run["train_seconds"] for run in timed) if timed else math.nan,
        "all_seconds": statistics.mean(run["all_seconds"] for run in timed) if timed else math.nan,
        "epochs": statistics.mean(len(run["epoch_test_accuracy"]) for run in runs.values()),
    }


def _timed(runs: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for run in runs.values() if "train_seconds" in run]


def with_spread(runs: dict[str, dict[str, Any]]) -> str:
    """Return the mean of the accuracies ± their standard deviation; a single run has none."""
    accuracies = [run["accuracy"] for run in runs.values()]
    spread = f" ± {statistics.stdev(accuracies):.3f}" if len(accuracies) > 1 else ""
    return f"{statistics.mean(accuracies):.3f}{spread}"


def seconds_to(runs: dict[str, dict[str, Any]], accuracy: float, started: bool = False) -> float:
    """Return the seconds after which the runs, on average, first had an accuracy on the test images; infinity: never.

    Not the mean of when each first did: of many epochs, the luckiest comes early. ``started`` leaves out what came
    before the first epoch.
    """
    times = zip(*(epoch_ends(run, started) for run in _timed(runs)), strict=True)
    accuracies = zip(*(run["epoch_test_accuracy"] for run in _timed(runs)), strict=True)
    reached = (
        statistics.mean(at)
        for at, values in zip(times, accuracies, strict=True)
        if statistics.mean(values) >= accuracy
    )
    return next(reached, math.inf)


def epoch_ends(run: dict[str, Any], started: bool) -> list[float]:
    """Return the seconds at the end of each epoch since ``train`` began, or since its first epoch did.

    Start-up, which does not grow with the images, is what the first epoch took more than the others.
    """
    first, *others = run["epoch_seconds"]
    before = first - (others[-1] - first) / len(others) if started and others else 0.0
    return [end - before for end in run["epoch_seconds"]]


def recipes_table(record: dict[str, Any]) -> list[str]:
    """Return a row a recipe: how many images, how accurate, how long."""
    lines = [
        "| run | train / validation / test images | epochs | test accuracy | training, s |",
        "|---|---|---|---|---|",
    ]
    for name in (name for name in CASES if name in record):
        means = summary(record[name])
        images = next(iter(record[name].values()))["images"]
        parts = " / ".join(f"{images[part]:,}" for part in ("train", "validation", "test"))
        lines.append(
            f"| {name} | {parts} | {means['epochs']:.0f} | {with_spread(record[name])} "
            f"| {_seconds(means['seconds'])} |"
        )
    return lines


def rivals_table(record: dict[str, Any]) -> list[str]:
    """Return a row a rival of our recipes: the gain, and when ours first was where the other ended."""
    lines = [
        "| data | other | its accuracy | ours | its accuracy | gain, points | level after | part of its time "
        "| of its epochs alone |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, other in RIVALS.items():
        if name in record and other in record:
            ours, theirs = summary(record[name]), summary(record[other])
            reached = seconds_to(record[name], theirs["accuracy"])
            epochs = seconds_to(record[name], theirs["accuracy"], started=True) / statistics.mean(
                epoch_ends(run, started=True)[-1] for run in _timed(record[other])
            )
            gain = 100 * (ours["accuracy"] - theirs["accuracy"])
            lines.append(
                f"| {CASES[name].data} | {other} | {with_spread(record[other])} "
                f"| {CASES[name].trained_by or name} | {with_spread(record[name])} | {gain:+.1f} "
                f"| {reached:,.0f} s of {theirs['seconds']:,.0f} s | {reached / theirs['seconds']:.2f} | {epochs:.2f} |"
            )
    return lines


def pairs_table(record: dict[str, Any]) -> list[str]:
    """Return a row a pair of cases: how much the one gains on the other, run by run on the same test images."""
    lines = [
        "| data | other | ours | runs | gain, points (95 %) | better in | seconds of ours | of the other |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, other in PAIRS.items():
        ours, theirs = record.get(name, {}), record.get(other, {})
        both = [
            number
            for number in ours
            if number in theirs and ours[number]["test_images"] == theirs[number].get("test_images")
        ]
        if len(both) < 2:
            continue
        gains = [100 * (ours[number]["accuracy"] - theirs[number]["accuracy"]) for number in both]
        half = stats.t.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
        lines.append(
            f"| {CASES[name].data} | {CASES[other].trained_by or other} | {name} | {len(both)} "
            f"| {statistics.mean(gains):+.1f} ± {half:.1f} | {sum(gain > 0 for gain in gains)} of {len(both)} "
            f"| {_seconds(summary(ours)['all_seconds'])} | {_seconds_beside(ours, theirs)} |"
        )
    return lines if len(lines) > 2 else ["No pair has two runs on the same test images yet."]


def _machines(runs: dict[str, dict[str, Any]]) -> set[str]:
    return {run["machine"] for run in _timed(runs)}


def _seconds_beside(ours: dict[str, dict[str, Any]], theirs: dict[str, dict[str, Any]]) -> str:
    """Return the seconds of ``theirs``, with its processor's instructions where those of ``ours`` are others."""
    seconds = _seconds(summary(theirs)["all_seconds"])
    others = sorted(name.rpartition("(")[2].rstrip(")") for name in _machines(theirs) - _machines(ours))
    return f"{seconds} ({', '.join(others)})" if others and _timed(ours) else seconds


def _seconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.0f}"


def write_page(record: dict[str, Any], path: Path) -> None:
    """Put the tables between the markers of docs/results.md; what stands around them is prose."""
    text = path.read_text(encoding="utf-8")
    tables = {"recipes": recipes_table, "rivals": rivals_table, "pairs": pairs_table}
    for name, table in ((name, make(record)) for name, make in tables.items()):
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, rest = text.split(start)
        text = before + start + "\n".join(table) + "\n" + end + rest.split(end)[1]
    with files.whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_header(name: str, runs: dict[str, dict[str, Any]], folder: Path) -> None:
    """Put what was measured into the header of the recipe ``name``."""
    path = folder / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    for field, value in measured(name, runs).items():
        lines = textwrap.wrap(
            f"# {field}: {value}",
            108,
            subsequent_indent="#    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        before, after = re.split(rf"(?m)^# {field}: .*\n(?:#    .*\n)*", text, maxsplit=1)
        text = before + "\n".join(lines) + "\n" + after
    with files.whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def measured(name: str, runs: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the two fields of a recipe's header that tell what its runs gave."""
    means, (first, *others) = summary(runs), runs.values()
    images = first["images"]
    interval = "" if others else f" ({first['low']:.3f} to {first['high']:.3f})"
    return {
        "Measured": f"test accuracy {with_spread(runs)}{interval}, "
        + (f"{len(runs)} runs of other seeds and splits" if others else "one run")
        + f", {images['train']:,} images for training and {images['test']:,} for the test: "
        f"`python benchmarks/results.py --only {name} --seeds {len(runs)}`, {first['machine']}",
        "Time": f"{means['seconds']:,.0f} s of training there, {means['all_seconds']:,.0f} s for all six stages",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, default=REAL)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--write", action="store_true", help="run nothing")
    parser.add_argument("--busy", action="store_true", help="take no times: the machine does other things")
    options = parser.parse_args()
    record = files.read_json(options.record) if options.record.is_file() else {}
    if not options.write:
        with tempfile.TemporaryDirectory() as folder:
            # Rivals side by side, run by run: a machine is not equally fast all day.
            for number, name in itertools.product(range(options.seeds), options.only):
                if str(number) not in record.get(name, {}):
                    result = measured_in(Path(folder), name, options.images.resolve(), number)
                    if options.busy:
                        result = {key: value for key, value in result.items() if not key.endswith("_seconds")}
                    record.setdefault(name, {})[str(number)] = result
                    files.write_json(options.record, record)
    write_page(record, options.page)
    for name in sorted(record):
        if CASES[name].recipe == name:
            write_header(name, record[name], pipeline.ROOT / "recipes")


def measured_in(clones: Path, name: str, images: Path, number: int) -> dict[str, Any]:
    """Make one run and return what came of it: in a clone of its own, or of a frozen network in the one left before."""
    again = number >= TIMED and "transfer" in CASES[name].recipe
    clone = clones / name
    if clone.exists() and not again:
        shutil.rmtree(clone)
    result = run(CASES[name], images, number, clone if clone.exists() else pipeline.clone(clone))
    print(f"{name}, run {number}: {result['accuracy']:.4f}", flush=True)
    return result


if __name__ == "__main__":
    main()
