"""A million images of a thousand classes through split, train, evaluate and plot: the time and memory of each.

    python benchmarks/scale.py                       # a million images; half an hour, 4 GB on disk
    python benchmarks/scale.py --images 10000        # a minute
    python benchmarks/scale.py --only split

The images are synthetic: 32x32 pixels of random low frequencies, hashed as decode hashes, and 16x16 in the shards that
decode would write. Of 100, one is a file that stands elsewhere too, five are another image saved again (a little
brighter or darker, with noise), and ten belong to families whose perceptual hashes are nearly the same, although they
are different pictures. The function of each stage runs in a process of its own, whose peak memory is told with the
seconds; training is cut to a hundred steps, since what is asked is what the number of images and classes costs, and
decode, which takes one image after the other, to a zip of a hundred thousand.
"""

import argparse
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import numpy.typing as npt

from darkroom import files, images, phash
from darkroom.decode import shards
from darkroom.images import Images
from darkroom.params import read_params
from darkroom.train import random_numbers

ROOT = Path(__file__).resolve().parents[1]
PARAMS = read_params(ROOT / "params.yaml")

EXACT, COPIES, FAMILIES = 0.01, 0.05, 0.10
STEPS, DECODED = 100, 100_000


def draws(purpose: str, keys: npt.NDArray[np.uint64], count: int = 1) -> npt.NDArray[np.float64]:
    return random_numbers.uniform(0, purpose, 0, keys, count)


def pictures(
    signs: npt.NDArray[np.uint64], sizes: npt.NDArray[np.uint64], own: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint8]:
    """Draw pictures, uint8 (n, 32, 32): equal ``signs`` give like hashes, equal ``sizes`` as well the same picture.

    Where ``own`` is not the number of ``sizes``, the picture is saved again: brightness changed, noise added.
    """
    rank = np.arange(8)
    weights = np.where(draws("signs", signs, 64) < 0.5, -1.0, 1.0) * (0.2 + 0.8 * draws("sizes", sizes, 64))
    spectrum = weights.reshape(-1, 8, 8) / (1 + rank[:, None] + rank)
    spectrum[:, 0, 0] = 0
    drawn = phash._COSINES.T @ spectrum @ phash._COSINES
    drawn *= 50 / drawn.std(axis=(1, 2), keepdims=True)
    again = (own != sizes)[:, None, None]
    factor = 0.9 + 0.2 * draws("brightness", own)[..., None]
    noise = 4 * (draws("noise", own, phash.SIDE**2).reshape(drawn.shape) - 0.5)
    return np.clip(np.where(again, (128 + drawn) * factor + noise, 128 + drawn), 0, 255).astype(np.uint8)


def kinds(count: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return for each image the numbers that :func:`pictures` takes."""
    own = np.arange(count, dtype=np.uint64)
    kind, other = draws("kind", own)[:, 0], (draws("other", own)[:, 0] * count).astype(np.uint64)
    taken = kind < EXACT + COPIES
    sizes = np.where(taken, other, own)
    # Of a picture taken from elsewhere the signs are what they are there. A few families are large, most are small.
    family = (draws("family", own)[:, 0] ** 3 * max(1, count // 50)).astype(np.uint64)
    signs = np.where((kind > 1 - FAMILIES), np.uint64(1 << 40) + family, own)
    return signs[sizes], sizes, np.where(kind < EXACT, sizes, own)


def write_images(folder: Path, count: int, classes: int, side: int = 16, channels: int = 1) -> None:
    """Write an images folder as decode does, images of a class together."""
    signs, sizes, own = kinds(count)
    names, rows = [], []
    for number, part in enumerate(shards.plan(count, (side, side, channels), PARAMS.decode.shard_images)):
        here = slice(part.start, part.stop)
        drawn = pictures(signs[here], sizes[here], own[here])
        names.append(images.shard_name(number, "npz"))
        small = (
            drawn.reshape(len(drawn), side, 32 // side, side, -1).mean(axis=(2, 4)) if side < 32 else drawn
        )
        small = np.repeat(np.repeat(small, max(1, side // 32), axis=1), max(1, side // 32), axis=2)
        images.write_shard(folder / names[-1], np.repeat(small[..., None], channels, axis=3).astype(np.uint8))
        for row, hashed in zip(part, phash.perceptual_hashes(drawn).tolist(), strict=True):
            label = f"class{row * classes // count:04d}"
            digest = f"{int(own[row]):016x}" * 4
            rows.append(
                [f"{label}/picture-{row:08d}.jpg", label, "", 500, 375, 20_000, digest, f"{hashed:016x}"]
            )
    files.write_csv(folder / "index.csv", images.INDEX_COLUMNS, rows)
    labels = [f"class{number:04d}" for number in range(classes)]
    images.write_description(folder, (side, side, channels), labels, names, {"resolution": [side, side]})
    files.write_csv(folder / "rejected.csv", ["id", "reason", "detail"], [])


class Steps:
    """The steps, in order: each is a method, run in a process of its own."""

    def __init__(self, folder: Path, count: int, classes: int) -> None:
        self.folder, self.count, self.classes = folder, count, classes
        self.images, self.parts = folder / "data" / "images", folder / "data" / "split"
        self.metrics, self.plots, self.models = folder / "metrics", folder / "plots", folder / "models"

    def write(self) -> None:
        """Write the images, which is no stage, and what fetch and decode would have counted."""
        write_images(self.images, self.count, self.classes)
        files.write_json(self.metrics / "fetch.json", {"archives": 1, "bytes": 20_000 * self.count})
        files.write_json(
            self.metrics / "decode.json", {"files": self.count, "used": self.count, "rejected": 0}
        )

    def seal(self) -> None:
        """Sum up every file, as the stage that writes a folder does, and each that reads it."""
        files.seal(self.images)

    def archive(self) -> None:
        """Write a zip of the first hundred thousand pictures, 32x32."""
        (self.folder / "raw").mkdir(parents=True, exist_ok=True)
        numbers = [part[: min(self.count, DECODED)] for part in kinds(self.count)]
        with zipfile.ZipFile(self.folder / "raw" / "pictures.zip", "w") as archive:
            for at in range(0, len(numbers[0]), 1024):
                for row, picture in enumerate(pictures(*(part[at : at + 1024] for part in numbers)), at):
                    label = f"class{row * self.classes // len(numbers[0]):04d}"
                    archive.writestr(f"{label}/{row:08d}.png", cv2.imencode(".png", picture)[1].tobytes())

    def decode(self) -> None:
        """Run the decode stage on that zip."""
        from darkroom.decode.stage import decode

        raw = self.folder / "raw"
        decode(PARAMS.labels, PARAMS.image, PARAMS.decode, raw, raw, self.folder / "decoded")

    def split(self) -> None:
        """Run the split stage."""
        from darkroom.split.stage import split

        files.write_json(
            self.metrics / "split.json", split(PARAMS.split, PARAMS.normalize, self.images, self.parts)
        )

    def index(self) -> None:
        """Open the images and take a thousand of them from anywhere."""
        Images(self.images).take(np.random.default_rng(0).integers(0, self.count, 1000))

    def passes(self, shuffle: str) -> None:
        from darkroom import split_files
        from darkroom.train.batches import training_batches
        from darkroom.train.config import Config
        from darkroom.train.dataset import Examples
        from darkroom.train.targets import encode

        source = Images(self.images)
        rows = split_files.rows_of(split_files.read_table(self.parts), "train")
        labels = source.index["label"].iloc[rows].tolist()
        train = PARAMS.train.model_copy(update={"batch_size": 256, "shuffle": shuffle})
        config = Config(0, PARAMS.model, PARAMS.augment, train)
        examples = Examples(rows, encode(labels, source.description["classes"], "softmax"))
        with training_batches(source, examples, config) as batches:
            start = time.perf_counter()
            for step in range(batches.steps_per_epoch):
                batches[step]
        print(
            f"    a pass of {len(rows):,} images: {len(rows) / (time.perf_counter() - start):,.0f} a second"
        )

    def batches(self) -> None:
        """Make every batch of a pass, augmented, images in a random order."""
        self.passes("images")

    def batches_in_blocks(self) -> None:
        """Make them with train.shuffle: blocks."""
        self.passes("blocks")

    def train(self) -> None:
        """Run the train stage: one epoch, cut short."""
        from darkroom.train.config import Config
        from darkroom.train.stage import train

        model = PARAMS.model.model_copy(update={"blocks": [[8]], "dense": []})
        short = {"epochs": 1, "batch_size": 256, "steps_per_epoch": STEPS}
        config = Config(0, model, PARAMS.augment, PARAMS.train.model_copy(update=short))
        history = self.plots / "history.csv"
        trained = train(config, self.images, self.parts, self.folder / "weights", self.models, history)
        files.write_json(self.metrics / "train.json", trained)

    def evaluate(self) -> None:
        """Run the evaluate stage."""
        from darkroom.evaluate.stage import evaluate

        predictions = self.folder / "data" / "predictions"
        measured, by_class = evaluate(
            PARAMS.evaluate, self.images, self.parts, self.models, predictions, self.plots
        )
        files.write_json(self.metrics / "evaluate.json", measured)
        files.write_json(self.metrics / "evaluate_by_class.json", by_class)

    def plot(self) -> None:
        """Run the plot stage."""
        from darkroom.plot.stage import plot

        predictions = self.folder / "data" / "predictions"
        plot(PARAMS.plot, self.images, self.parts, self.models, predictions, self.metrics, self.plots)
        print(f"    report.html: {(self.plots / 'report.html').stat().st_size / 1e6:.1f} MB")


STEP_NAMES = (
    "archive",
    "decode",
    "write",
    "seal",
    "split",
    "index",
    "batches",
    "batches_in_blocks",
    "train",
    "evaluate",
    "plot",
)


def measured(work: Callable[[], None]) -> tuple[float, float, float]:
    """Run ``work`` in a process of its own; return its seconds, those of processors, and its peak memory in MB."""
    start = time.perf_counter()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            work()
            sys.stdout.flush()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(os.waitstatus_to_exitcode(status))
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--only", choices=STEP_NAMES, nargs="*", default=STEP_NAMES)
    parser.add_argument("--folder", type=Path, help="keep everything there, for a later --only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        steps = Steps((options.folder or Path(temporary)).resolve(), options.images, options.classes)
        print(f"{options.images:,} images, {options.classes:,} classes")
        for name in [name for name in STEP_NAMES if name in options.only]:
            seconds, busy, peak = measured(getattr(steps, name))
            print(f"  {name:18}{seconds:8.1f} s{busy:8.1f} s of processors{peak:8.0f} MB", flush=True)


if __name__ == "__main__":
    main()
