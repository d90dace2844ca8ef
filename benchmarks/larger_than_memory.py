"""Images of four times the memory there is: train in both orders, evaluate, and features of a frozen network.

    python benchmarks/larger_than_memory.py                         # as root
    python benchmarks/larger_than_memory.py --only train train_in_blocks --steps 100 --iops 150 --mbps 120

The second is on a disk as slow as a spinning one, and cuts training to a hundred steps of 256 images.

Synthetic images (benchmarks/scale.py) of 64x64 pixels in colour are written, and each stage's function runs in a
control group that has --limit MB for everything, cached files included, beginning with nothing of them in memory. Told
are the seconds, the group's peak, and the peak of what is no file's and cannot be dropped and read again.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import scale

from darkroom import split_files

SIDE, CHANNELS, CLASSES = 64, 3, 100
STEPS = ("train", "train_in_blocks", "evaluate", "features")
GROUPS = Path("/sys/fs/cgroup")


def write(folder: Path, limit: int) -> int:
    """Write four times ``limit`` MB of images and a split of them; return how many they are."""
    count = 4 * limit * 10**6 // (SIDE * SIDE * CHANNELS)
    scale.write_images(folder / "data" / "images", count, CLASSES, SIDE, CHANNELS)
    part = np.random.default_rng(0).choice(split_files.PARTS, count, p=(0.8, 0.1, 0.1))
    rows = ((f"{number}", name, f"{number}") for number, name in enumerate(part))
    split_files.write(folder / "data" / "split", rows, "rescale", {})
    return count


def run(step: str, folder: Path, most: int | None) -> None:
    """Run one step; train ``most`` steps, or a pass."""
    steps = scale.Steps(folder, 0, CLASSES)
    if step == "evaluate":
        steps.evaluate()
        return
    from darkroom.train.config import Config
    from darkroom.train.stage import train

    params = scale.PARAMS
    shuffle = "blocks" if step.endswith("blocks") else "images"
    short = {"epochs": 1, "batch_size": 256, "shuffle": shuffle, "steps_per_epoch": most}
    model: dict[str, Any] = {"network": "cnn", "blocks": [[8]], "dense": []}
    augment = params.augment
    if step == "features":
        model = {
            "network": "application",
            "application": "MobileNetV3Small",
            "freeze": True,
            "dense": [],
            "dropout": 0.0,
        }
        model["weights"] = str(folder / "weights" / "own.weights.h5")
        augment = augment.model_copy(update={"rotation": 0.0, "shift": 0.0, "zoom": [1.0, 1.0]})
    config = Config(0, params.model.model_copy(update=model), augment, params.train.model_copy(update=short))
    train(
        config, steps.images, steps.parts, folder / "weights", folder / "models", folder / "plots" / "h.csv"
    )


def write_weights(folder: Path) -> None:
    """Write random weights of a small network, as if they had been trained elsewhere."""
    program = (
        "import keras, sys; keras.utils.set_random_seed(0); keras.applications.MobileNetV3Small("
        f"include_top=False, weights=None, input_shape=({SIDE}, {SIDE}, 3)).save_weights(sys.argv[1])"
    )
    (folder / "weights").mkdir()
    path = folder / "weights" / "own.weights.h5"
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


class Group:
    """A control group below this process's own, with a limit on memory and, if asked, on reading.

    Of version 1, whose files root may write. Where there is version 2 alone, a step can be run by hand:
    ``systemd-run --scope -p MemoryMax=1G python benchmarks/larger_than_memory.py --folder FOLDER --step train``.
    """

    def __init__(self, limit: int, device: str, iops: int, mbps: int) -> None:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        own = {line.split(":")[1]: line.split(":")[2].strip("/") for line in lines}
        kinds = ("memory", "blkio") if iops or mbps else ("memory",)
        self.folders = {kind: GROUPS / kind / own[kind] / f"darkroom-{os.getpid()}" for kind in kinds}
        for folder in self.folders.values():
            folder.mkdir()
        (self.folders["memory"] / "memory.limit_in_bytes").write_text(str(limit * 10**6))
        for name, most in (("iops", iops), ("bps", mbps * 10**6)):
            if most:
                (self.folders["blkio"] / f"blkio.throttle.read_{name}_device").write_text(f"{device} {most}")

    def run(self, command: list[str]) -> tuple[float, int, int]:
        """Run a command in the group; return seconds, and the peaks of all bytes and of those that are no file's."""
        start, memory, own = time.perf_counter(), self.folders["memory"], 0
        (memory / "memory.max_usage_in_bytes").write_text("0")
        child = subprocess.Popen(command, preexec_fn=self._enter)
        while child.poll() is None:
            time.sleep(0.2)
            now = dict(line.split() for line in (memory / "memory.stat").read_text().splitlines())
            own = max(own, int(now["total_rss"]))
        if child.returncode:
            raise SystemExit(f"{command}: ended with {child.returncode}")
        peak = int((memory / "memory.max_usage_in_bytes").read_text())
        return time.perf_counter() - start, peak, own

    def _enter(self) -> None:
        for folder in self.folders.values():
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def close(self) -> None:
        for folder in self.folders.values():
            folder.rmdir()


def forget(folder: Path) -> None:
    """Have the system drop what it keeps of the files in memory: pages that another group has read are not counted."""
    os.sync()
    for path in folder.rglob("*.*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=1000, help="MB (default 1000)")
    parser.add_argument("--steps", type=int, help="of training; a pass over the images, if not given")
    parser.add_argument("--iops", type=int, default=0, help="reads a second, at most")
    parser.add_argument("--mbps", type=int, default=0, help="MB read a second, at most")
    parser.add_argument("--only", choices=STEPS, nargs="*", default=STEPS)
    parser.add_argument("--folder", type=Path, help="keep everything there, for a later --only or --step")
    parser.add_argument("--step", choices=STEPS, help="run this one here, without a group")
    options = parser.parse_args()
    if options.step:
        run(options.step, options.folder.resolve(), options.steps)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        if not (folder / "weights").is_dir():
            write(folder, options.limit)
            write_weights(folder)
        pixels = sum(path.stat().st_size for path in (folder / "data" / "images").glob("*.npz"))
        print(f"{pixels / 1e6:,.0f} MB of images, {options.limit:,} MB of memory")
        number = folder.stat().st_dev
        device = f"{os.major(number)}:{os.minor(number)}"
        group = Group(options.limit, device, options.iops, options.mbps)
        try:
            for step in [step for step in STEPS if step in options.only]:
                forget(folder)
                command = [sys.executable, __file__, "--folder", str(folder), "--step", step]
                command += ["--steps", str(options.steps)] if options.steps else []
                seconds, peak, own = group.run(command)
                print(
                    f"  {step:16}{seconds:8.1f} s, peak {peak / 1e6:6.0f} MB with files, {own / 1e6:6.0f} MB without",
                    flush=True,
                )
        finally:
            group.close()


if __name__ == "__main__":
    main()
