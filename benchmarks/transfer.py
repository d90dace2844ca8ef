"""The recipe transfer: features beside a bare loop, a second head, twenty heads, and the whole way beside a CNN's.

    python benchmarks/transfer.py               # on the cats and dogs in $DARKROOM_REAL_IMAGES, or ../shared/data
    python benchmarks/transfer.py --rival       # and dogs-vs-cats-gray80 from archive to metrics, half an hour more

The bare loop makes the network with its normalizations folded one graph of constants and takes the same pixels, from
memory, through it in batches of 32; ``predict`` is Keras' own, on the network as it was trained and folded. Rivals take
turns, and medians are compared. A second head is `dvc repro` after one line of ``train`` was changed; what DVC itself
takes is the same with nothing changed. Run it on an otherwise idle machine.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pipeline
import results_runs

from darkroom import backends, compiled_network, recipes
from darkroom.features import Extractor
from darkroom.images import Images

THREADS = 2


def rates(images: Images, repeat: int) -> None:
    """Print how many images a second features, the bare loop and ``predict`` take."""
    backends.start("tensorflow", "cpu", THREADS, True, "avx2", "benchmarks")
    import keras
    import tensorflow as tf

    from darkroom.train import applications, efficientnet_lite, feature_maps, packaged_weights, torch_files

    params = recipes.read(pipeline.ROOT / "recipes", "transfer").params().model
    inputs = keras.layers.Input(images.shape, name="pixels", dtype="float32")
    trained = applications.pretrained_weights(params, images.shape[:2])
    trunk = keras.Model(inputs, applications.features(inputs, params, ("rescale", {}), trained), name="trunk")
    rows = np.arange(len(images))
    pixels = images.take(rows)
    x = applications.prepare(inputs, params.application)
    unfolded = efficientnet_lite.build(params.application, x)
    efficientnet_lite.assign(unfolded, torch_files.read(packaged_weights.read(params.application)))
    pooled = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(unfolded.output))

    def in_batches(compute: Callable[[np.ndarray], object]) -> None:
        for start in range(0, len(pixels), 32):
            compute(pixels[start : start + 32])

    def with_features() -> None:
        with tempfile.TemporaryDirectory() as name:
            os.environ["DVC_ROOT"] = name
            (Path(name) / ".dvc").mkdir()
            feature_maps.compute(Extractor(trunk, {}, "benchmark"), images, rows)

    rivals = {
        "bare loop": lambda: in_batches(compiled_network.compiled(trunk)),
        "predict, folded": lambda: in_batches(trunk.predict_on_batch),
        "predict": lambda: in_batches(pooled.predict_on_batch),
        "features": with_features,
        "features, kept": lambda: feature_maps.compute(Extractor(trunk, {}, "benchmark"), images, rows),
    }
    found: dict[str, list[float]] = {name: [] for name in rivals}
    with tempfile.TemporaryDirectory() as kept:
        for number in range(repeat + 1):
            for name, rival in rivals.items():
                os.environ["DVC_ROOT"] = kept
                (Path(kept) / ".dvc").mkdir(exist_ok=True)
                start = time.perf_counter()
                rival()
                if number:
                    found[name].append(len(rows) / (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in found.items()}
    print(
        f"images of {images.shape[0]}x{images.shape[1]} a second, median of {repeat}, TensorFlow {tf.__version__}:"
    )
    for name, median in medians.items():
        print(f"  {name:<16}{median:7.0f}   {median / medians['bare loop']:.2f} of the bare loop")
    print(f"  features {medians['features'] / medians['predict']:.2f} of predict")


def seconds(clone: Path, *settings: str) -> float:
    """Return the seconds of `dvc repro` after ``settings``."""
    if settings:
        recipes.override(clone / "params.yaml", settings)
    return pipeline.seconds(clone)


def heads(clone: Path) -> None:
    """Print what another head costs, once and twenty times, beside DVC's own time."""
    nothing = statistics.median(seconds(clone) for _ in range(3))
    once = seconds(clone, "train.class_weights=balanced")
    print(
        f"dvc repro with nothing to do {nothing:.1f} s; with another head {once:.1f} s, {once - nothing:.1f} s more"
    )
    start = time.perf_counter()
    for number in range(20):
        recipes.override(clone / "params.yaml", [f"seed={number + 100}"])
        pipeline.stage_starts(clone, "--single-item", "train")
    each = (time.perf_counter() - start) / 20
    start = time.perf_counter()
    pipeline.stage_starts(clone, "--single-item", "train")
    own = time.perf_counter() - start
    print(
        f"twenty heads, `dvc repro --single-item train`: {20 * each:.0f} s, {20 * (each - own):.0f} s beyond DVC's"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, default=results_runs.REAL)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rival", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        whole = {}
        for case in ("transfer-on-dogs-vs-cats", *(["dogs-vs-cats-gray80"] if options.rival else [])):
            clone = pipeline.clone(Path(name) / case)
            results_runs.prepare(results_runs.CASES[case], options.images.resolve(), 0, clone)
            began = pipeline.stage_starts(clone)
            whole[case] = began["plot"] - began["fetch"]
            print(f"{case}, from archive to metrics: {whole[case]:.0f} s", flush=True)
        if options.rival:
            print(f"  {whole['transfer-on-dogs-vs-cats'] / whole['dogs-vs-cats-gray80']:.3f} of its time")
        clone = Path(name) / "transfer-on-dogs-vs-cats"
        heads(clone)
        rates(Images(clone / "data" / "images"), options.repeat)


if __name__ == "__main__":
    main()
