"""Predicting: `darkroom predict` against a bare loop that overlaps OpenCV and the same network, and serve against it.

    python benchmarks/predict.py                # 1,500 photos, three rounds, some minutes
    python benchmarks/predict.py --repeat 1 --recipes digits

Photos of dogs and cats, about 500x375: those of DARKROOM_REAL_IMAGES, prepared and predicted as the recipes say, by
networks of their own shape. The bare loop is what the libraries alone can do: threads read, decode and resize ahead,
by OpenCV (no check, no format but JPEG) or by Darkroom's own preparation, and the network, as one graph of constants,
takes their batches as they come. Rivals take turns, and the medians are compared. Of `darkroom serve` the time of one
photo is measured, from the request to the answer over HTTP, beside that of the network alone. The peak memory is that
of the command in a process of its own, for the photos once and tenfold.
"""

import argparse
import io
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import requests

from darkroom import backends, files, recipes
from darkroom.decode.pictures.preparation import Preparation
from darkroom.predict import command, inputs, output_formats
from darkroom.predict.model import Model, load

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parents[1]
BATCH = 256
LEAST = 0.9
THREADS = 2


def photos() -> list[str]:
    folder = Path(os.environ.get("DARKROOM_REAL_IMAGES", ROOT.parent / "shared" / "data")) / "dogs-vs-cats"
    found = sorted(str(path) for path in folder.rglob("*.jpg"))
    if not found:
        sys.exit(f"no photos in {folder}; set DARKROOM_REAL_IMAGES to a folder that holds dogs-vs-cats")
    return found


def write_model(recipe: str, folder: Path) -> None:
    """Write the network of a recipe, untrained but for what it brings, and its description."""
    from darkroom.train import model_file, networks

    params = recipes.read(ROOT / "recipes", recipe).params()
    preparation = Preparation.of(params.image, params.decode)
    model, shape = params.model, preparation.shape
    network = networks.build(model, shape, 2, "softmax", ("rescale", {}), 0)
    folder.mkdir()
    model_file.write_model(folder / "model.keras", network)
    content = {
        "classes": ["cat", "dog"],
        "shape": list(shape),
        "preparation": preparation.to_json(),
        "head": "softmax",
        "backend": "tensorflow",
        "threads": THREADS,
        "deterministic": True,
        "params": {"train": {"device": "auto"}},
    }
    files.write_json(folder / "model.json", content)


def by_opencv(model: Model) -> Callable[[bytes], np.ndarray]:
    """Return what decodes and resizes a JPEG, and does nothing else."""
    flag = cv2.IMREAD_GRAYSCALE if model.shape[2] == 1 else cv2.IMREAD_COLOR_RGB
    size = (model.shape[1], model.shape[0])

    def prepare(data: bytes) -> np.ndarray:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
        assert picture is not None
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).reshape(model.shape)

    return prepare


def bare(model: Model, paths: list[str], prepare: Callable[[bytes], np.ndarray]) -> None:
    """Read and prepare ahead in threads, predict on batches: nothing else."""
    with ThreadPoolExecutor(THREADS) as threads:
        prepared = threads.map(lambda path: prepare(Path(path).read_bytes()), paths)
        while batch := list(itertools.islice(prepared, BATCH)):
            model.probabilities(np.stack(batch))


def darkroom(model: Model, paths: list[str], scratch: Path) -> None:
    """Do what `darkroom predict` does once the model is loaded: find the files, predict, write the table."""
    options = command.Options(batch_size=BATCH, workers=THREADS)
    found, bad = inputs.find(paths, b"", inputs.Sources(scratch, options.max_bytes))
    table = output_formats.table("csv", model.classes)
    bad += command.write(model, found, table, io.BytesIO(), options)
    assert not bad


def decoded_alone(model: Model, paths: list[str]) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda path: model.prepare(Path(path).read_bytes()), paths))


def predicted_alone(model: Model, count: int) -> None:
    pixels = np.zeros((BATCH, *model.shape), np.uint8)
    for start in range(0, count, BATCH):
        model.probabilities(pixels[: count - start])


def keras_alone(model: Model, count: int) -> None:
    pixels = np.zeros((BATCH, *model.shape), np.uint8)
    for start in range(0, count, BATCH):
        model.network.predict_on_batch(pixels[: count - start])


def serve_one(model: Model, models: Path, photo: str) -> None:
    """Print how long `darkroom serve` takes for one photo, and the network alone for one."""
    command_line = [
        sys.executable,
        "-c",
        "from darkroom.cli import app; app()",
        "serve",
        str(models),
        "--port",
        "0",
    ]
    with subprocess.Popen(
        command_line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        address = next(said[0] for line in server.stdout if (said := re.search(r"http://\S+?:\d+", line)))
        data, pixels = Path(photo).read_bytes(), np.zeros((1, *model.shape), np.uint8)

        def ask() -> None:
            requests.post(
                f"{address}/predict", files={"files": ("photo.jpg", data)}, timeout=60
            ).raise_for_status()

        try:
            found = rates({"serve": ask, "network": lambda: model.probabilities(pixels)}, 1, 100)
        finally:
            server.terminate()
    served, alone = (1000 / statistics.median(found[name]) for name in ("serve", "network"))
    print(
        f"one photo: darkroom serve {served:.1f} ms, the network alone {alone:.1f} ms: {served / alone:.2f} of it"
    )


def rates(rivals: Mapping[str, Callable[[], object]], count: int, repeat: int) -> dict[str, list[float]]:
    """Return images a second, ``repeat`` rounds in which the rivals take turns, after one that is not measured."""
    found: dict[str, list[float]] = {name: [] for name in rivals}
    for number in range(repeat + 1):
        for name, rival in rivals.items():
            start = time.perf_counter()
            rival()
            if number:
                found[name].append(count / (time.perf_counter() - start))
    return found


def peak_memory(models: Path, paths: list[str]) -> int:
    """Return the peak memory of the command in a process of its own, MB."""
    program = (
        "import sys; sys.argv[0] = 'darkroom'; from darkroom.cli import app; app(standalone_mode=False); "
        "status = dict(line.split(':', 1) for line in open('/proc/self/status')); "
        "print(int(status['VmHWM'].split()[0]) // 1024, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "predict", "--model", str(models), "-"],
        input="\n".join(paths),
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stderr.split()[-1])


def measure(recipe: str, models: Path, paths: list[str], repeat: int, bfloat16: bool) -> None:
    model = load(models, BATCH)
    rivals: dict[str, Callable[[], None]] = {
        "decoding alone": lambda: decoded_alone(model, paths),
        "network alone": lambda: predicted_alone(model, len(paths)),
        "predict_on_batch alone": lambda: keras_alone(model, len(paths)),
        "bare loop, OpenCV": lambda: bare(model, paths, by_opencv(model)),
        "bare loop, our preparation": lambda: bare(model, paths, model.prepare),
        "darkroom predict": lambda: darkroom(model, paths, models),
    }
    if bfloat16:
        halved = load(models, BATCH, precision="bfloat16")
        rivals["darkroom predict, bfloat16"] = lambda: darkroom(halved, paths, models)
    found = rates(rivals, len(paths), repeat)
    shape = "x".join(map(str, model.shape))
    print(f"\n{recipe}: {shape}, {model.network.count_params():,} parameters", flush=True)
    for name, rate in found.items():
        print(f"{name:28}{statistics.median(rate):10,.0f} images/s   ({min(rate):,.0f} to {max(rate):,.0f})")
    middle = {name: statistics.median(rate) for name, rate in found.items()}
    ratio = middle["darkroom predict"] / max(rate for name, rate in middle.items() if "bare" in name)
    print(f"{'to the faster bare loop':28}{ratio:10.2f}   asked for: {LEAST:.2f}")
    print(f"{'to the network alone':28}{middle['darkroom predict'] / middle['network alone']:10.2f}")
    serve_one(model, models, paths[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, default=3, help="rounds; the medians are printed")
    parser.add_argument("--photos", type=int, help="so many of them; default: all")
    parser.add_argument("--bfloat16", action="store_true", help="measure --precision bfloat16 too")
    parser.add_argument("--recipes", nargs="+", default=["transfer", "dogs-vs-cats-gray80", "digits"])
    options = parser.parse_args()
    paths = photos()[: options.photos]
    print(f"{len(paths)} photos, batches of {BATCH}, {THREADS} threads")
    backends.start("tensorflow", "auto", THREADS, True, "avx2", "this benchmark")
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as temporary:
        for recipe in options.recipes:
            write_model(recipe, Path(temporary, recipe))
            measure(recipe, Path(temporary, recipe), paths, options.repeat, options.bfloat16)
        last = Path(temporary, options.recipes[-1])
        once, tenfold = (peak_memory(last, paths * times) for times in (1, 10))
    print(
        f"\npeak memory, {options.recipes[-1]}: {len(paths)} photos {once} MB, {10 * len(paths)} {tenfold} MB"
    )


if __name__ == "__main__":
    main()
