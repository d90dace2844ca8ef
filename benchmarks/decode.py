"""Decoding: the whole stage against a bare loop, against Keras and against the published CSV way, in one run.

    python benchmarks/decode.py                # 2,000 photos, three rounds, about a minute
    python benchmarks/decode.py --photos 25000 --repeat 1

Photos of dogs and cats, about 500x375, to 80x80 grayscale: those of DARKROOM_REAL_IMAGES, repeated if more are asked.
Run it on an idle machine with two cores: with anything else at work the figures halve and the ratios turn round. All
figures are medians over rounds in which the rivals take turns. The peak memory is that of the stage alone, in a process
of its own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pandas as pd

from darkroom.decode.stage import decode
from darkroom.params import read_params

ROOT = Path(__file__).resolve().parents[1]
PARAMS = read_params(ROOT / "params.yaml")
SIDE = 80
IMREAD = {"full": cv2.IMREAD_GRAYSCALE, "reduced": cv2.IMREAD_REDUCED_GRAYSCALE_2}


def photos(count: int) -> list[tuple[str, bytes]]:
    """Return ``count`` photos as (name, bytes); each name tells the label before its first dot."""
    folder = (
        Path(os.environ.get("DARKROOM_REAL_IMAGES", ROOT.parent / "shared" / "data"))
        / "dogs-vs-cats"
        / "train"
    )
    found = sorted(folder.glob("*.jpg"))
    if not found:
        sys.exit(f"no photos in {folder}; set DARKROOM_REAL_IMAGES to a folder that holds dogs-vs-cats/train")
    return [
        (f"{found[n % len(found)].stem}.{n}.jpg", found[n % len(found)].read_bytes()) for n in range(count)
    ]


def bare(files: list[bytes], flag: int, interpolation: int) -> None:
    """Decode and resize in two threads, from memory to memory: what the libraries alone can do."""

    def half(part: list[bytes]) -> list[cv2.typing.MatLike | None]:
        return [
            cv2.resize(
                cv2.imdecode(np.frombuffer(data, np.uint8), flag),  # type: ignore[arg-type]
                (SIDE, SIDE),
                interpolation=interpolation,
            )
            for data in part
        ]

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(half, [files[start::8] for start in range(8)]))


def stage(raw: Path, out: Path, suffix: str, reduced: bool) -> None:
    """Run the decode stage, archive to shards."""
    decode(
        PARAMS.labels.model_copy(update={"kind": "filename"}),
        PARAMS.image.model_copy(update={"resolution": SIDE}),
        PARAMS.decode.model_copy(update={"format": suffix, "reduced": reduced, "workers": 2}),
        raw,
        raw,
        out,
    )


def keras_pass(folder: Path) -> None:
    """Read every photo once by ``keras.utils.image_dataset_from_directory``."""
    import keras

    dataset = keras.utils.image_dataset_from_directory(
        folder,
        labels=None,
        color_mode="grayscale",
        image_size=(SIDE, SIDE),
        batch_size=100,
        shuffle=False,
        verbose=0,
    )
    for _ in dataset:
        pass


def csv_way(folder: Path, out: Path) -> None:
    """Do as published: imread, resize, one DataFrame a class, merged, shuffled, written as CSV."""
    frames = []
    for label, name in enumerate(("cat", "dog")):
        rows = []
        for path in sorted(folder.glob(f"{name}.*")):
            picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            assert picture is not None
            rows.append(cv2.resize(picture, (SIDE, SIDE)).ravel())
        frame = pd.DataFrame(np.array(rows))
        frame.insert(0, "label", label)
        frames.append(frame)
    pd.concat(frames).sample(frac=1, random_state=0).to_csv(out, index=False)


def peak_memory(raw: Path, out: Path) -> int:
    """Return the peak memory of the stage in a process of its own, MB."""
    program = (
        "import sys; sys.path[:0] = sys.argv[3:]; from pathlib import Path; from decode import stage; "
        "stage(Path(sys.argv[1]), Path(sys.argv[2]), 'npz', False); "
        "status = dict(line.split(':', 1) for line in open('/proc/self/status')); "
        "print(int(status['VmHWM'].split()[0]) // 1024)"  # ru_maxrss would count the parent of a process, too
    )
    command = [
        sys.executable,
        "-c",
        program,
        str(raw),
        str(out),
        str(Path(__file__).parent),
        str(ROOT / "src"),
    ]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3, help="rounds; the medians are printed")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    named = photos(options.photos)
    files = [data for _, data in named]
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        raw, loose, out = home / "raw", home / "loose", home / "out"
        raw.mkdir()
        loose.mkdir()
        with zipfile.ZipFile(raw / "train.zip", "w") as archive:
            for name, data in named:
                archive.writestr(name, data)
                (loose / name).write_bytes(data)
        rivals: dict[str, Callable[[], None]] = {
            "bare loop, full + area": lambda: bare(files, IMREAD["full"], cv2.INTER_AREA),
            "bare loop, full + linear": lambda: bare(files, IMREAD["full"], cv2.INTER_LINEAR),
            "bare loop, reduced + area": lambda: bare(files, IMREAD["reduced"], cv2.INTER_AREA),
            "stage, npz": lambda: stage(raw, out, "npz", False),
            "stage, npz, reduced": lambda: stage(raw, out, "npz", True),
            "stage, csv": lambda: stage(raw, out, "csv", False),
            "keras, one pass": lambda: keras_pass(loose),
            "published CSV way": lambda: csv_way(loose, home / "published.csv"),
        }
        rates: dict[str, list[float]] = {name: [] for name in rivals}
        os.chdir(home)
        for rival in ("stage, npz", "keras, one pass"):
            rivals[rival]()  # imports and first calls are not what is measured
        for _ in range(options.repeat):
            for name, rival_run in rivals.items():
                start = time.perf_counter()
                rival_run()
                rates[name].append(len(files) / (time.perf_counter() - start))
        median = {name: statistics.median(found) for name, found in rates.items()}
        for name, rate in median.items():
            print(f"{name:28}{rate:10,.0f} images/s   ({min(rates[name]):,.0f} to {max(rates[name]):,.0f})")
        print()
        for one, other, least in (
            ("stage, npz", "bare loop, full + area", 0.85),
            ("stage, npz, reduced", "bare loop, reduced + area", 0.85),
            ("stage, npz, reduced", "keras, one pass", 1.0),
            ("stage, npz", "published CSV way", 8.0),
            ("stage, csv", "published CSV way", 4.0),
        ):
            print(f"{one:20} / {other:28}{median[one] / median[other]:6.2f}   asked for: {least:.2f}")
        print(f"\npeak memory of the stage, {len(files)} photos: {peak_memory(raw, out)} MB")


if __name__ == "__main__":
    main()
