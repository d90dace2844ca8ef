"""Checkpoints: under 5 % of the time of a training, and a killed one repeats at most one epoch.

    python benchmarks/training.py           # two minutes
    python benchmarks/training.py --images 2000 --epochs 5

Trains the network of dogs-vs-cats-gray80 (2,764,417 parameters, a checkpoint of 33 MB) on random pixels, and
times what each epoch spends on its checkpoint. Run it on an idle machine.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from darkroom import files
from darkroom.images import INDEX_COLUMNS, write_description, write_shard
from darkroom.params import AugmentParams, ModelParams, TrainParams
from darkroom.train.checkpoint import Checkpoint, State
from darkroom.train.config import Config
from darkroom.train.stage import train

LARGEST_PART = 0.05
NETWORK = {
    "blocks": [[32], [64], [128, 128], [256, 256]],
    "dense": [256],
    "dropout": 0.5,
    "dense_dropout": 0.0,
}


class Timed(Checkpoint):
    """A checkpoint that adds up the seconds it takes."""

    seconds = 0.0
    saves = 0

    def save(self, state: State) -> None:
        start = time.perf_counter()
        super().save(state)
        Timed.seconds += time.perf_counter() - start
        Timed.saves += 1


def write_data(folder: Path, count: int) -> None:
    """Write random images of two classes, the last tenth for validation."""
    rng = np.random.default_rng(0)
    labels = [f"{number % 2}" for number in range(count)]
    rows = [[f"{n}.png", label, "", 80, 80, 1, "", ""] for n, label in enumerate(labels)]
    files.write_csv(folder / "images" / "index.csv", INDEX_COLUMNS, rows)
    write_shard(folder / "images" / "shard-00000.npz", rng.integers(0, 256, (count, 80, 80, 1), np.uint8))
    write_description(
        folder / "images", (80, 80, 1), ["0", "1"], ["shard-00000.npz"], {"resolution": [80, 80]}
    )
    parts = [[n, "train" if n < count * 0.9 else "validation", n] for n in range(count)]
    files.write_csv(folder / "split" / "split.csv", ["id", "split", "group"], parts)
    np.savez(folder / "split" / "normalization.npz", method=np.array("rescale"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=int, default=1400)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    content = YAML(typ="safe").load(Path("params.yaml").read_text(encoding="utf-8"))
    model = ModelParams.model_validate(content["model"] | NETWORK)
    augment = AugmentParams.model_validate(content["augment"])
    changes = {"epochs": options.epochs, "batch_size": 100, "optimizer": "rmsprop"}
    params = TrainParams.model_validate(content["train"] | changes)

    from darkroom.train import checkpoint

    checkpoint.Checkpoint = Timed  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder, options.images)
        (folder / ".dvc").mkdir()
        os.environ["DVC_ROOT"] = name
        start = time.perf_counter()
        train(
            Config(0, model, augment, params),
            folder / "images",
            folder / "split",
            folder / "weights",
            folder / "models",
            folder / "h.csv",
        )
        total = time.perf_counter() - start
    part = Timed.seconds / total
    print(f"{Timed.saves} checkpoints, {Timed.seconds / Timed.saves:.3f} s each: {part:.1%} of {total:.1f} s")
    if part > LARGEST_PART:
        raise SystemExit(f"expected at most {LARGEST_PART:.0%}")


if __name__ == "__main__":
    main()
