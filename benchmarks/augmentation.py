"""Augmentation: at least 8 times the images per second of the Keras layers, and beside the training step.

    python benchmarks/augmentation.py               # against the Keras layers, one minute
    python benchmarks/augmentation.py --training    # also what it adds to an epoch, fifteen minutes

Run it on an idle machine: with anything else at work the figures halve and the ratios turn round. docs/augmentation.md
holds the figures measured with it. All figures are medians over rounds in which the rivals take turns.
"""

import argparse
import csv
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# As the train stage sets it; TensorFlow reads it when it is imported.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"

import cv2
import keras
import numpy as np
from joblib import cpu_count

from darkroom import backends, recipes
from darkroom import images as formats
from darkroom.array_types import Pixels
from darkroom.images import Images
from darkroom.params import AugmentParams
from darkroom.train.augmentation import augment
from darkroom.train.batches import training_batches
from darkroom.train.config import Config
from darkroom.train.dataset import Examples
from darkroom.train.random_numbers import image_keys

TIMES, LONGER, OF_IN_MEMORY = 8.0, 1.05, 0.97
SHAPES = [(80, 80, 1), (64, 64, 3), (112, 112, 3), (150, 150, 3)]
BATCH = 100
CHANGES = {
    "flip_horizontal": True,
    "rotation": 15.0,
    "zoom": [0.9, 1.1],
    "shift": 0.1,
    "brightness": 0.1,
    "contrast": 0.2,
}

recipe = recipes.read(Path(__file__).parents[1] / "recipes", "dogs-vs-cats-gray80").params()
plain = recipe.augment
augmented = AugmentParams.model_validate(plain.model_dump() | CHANGES)


def keras_layers() -> keras.Sequential:
    """Return the layers that do to a batch what ``augmented`` does."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(15 / 360, fill_mode="nearest"),
            layers.RandomZoom(0.1, fill_mode="nearest"),
            layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
            layers.RandomBrightness(0.1),
            layers.RandomContrast(0.2),
        ]
    )


def against_keras(rounds: int) -> bool:
    """Print the images per second of both, in memory, on all cores; ours is bounded by its own conversion too."""
    import tensorflow as tf

    fast = True
    threads = cpu_count()
    print(f"\n{'':>14}{'Keras layers':>16}{'one thread':>14}{f'{threads} threads':>14}{'times':>8}")
    for shape in SHAPES:
        x = np.random.default_rng(0).integers(0, 256, (BATCH, *shape), dtype=np.uint8)
        keys = image_keys(map(str, range(BATCH)))
        layers, floats = keras_layers(), tf.constant(x, tf.float32)
        theirs = tf.function(lambda batch, layers=layers: layers(batch, training=True))

        def ours(turn: int, x: Pixels = x, keys: Any = keys) -> Pixels:
            return augment(x, keys, 0, turn, augmented)  # the warp leaves x as it is

        with ThreadPoolExecutor(threads, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
            speeds = in_turns(
                rounds,
                lambda: timed(8, lambda: [theirs(floats).numpy() for _ in range(8)]),  # noqa: B023
                lambda: timed(8, lambda: [ours(turn) for turn in range(8)]),
                lambda: timed(8 * threads, lambda: list(pool.map(ours, range(8 * threads)))),
            )
        times = speeds[2] / speeds[0]
        fast &= times >= TIMES
        print(
            f"{'x'.join(map(str, shape)):>14}{speeds[0]:>16,.0f}{speeds[1]:>14,.0f}{speeds[2]:>14,.0f}{times:>8.1f}"
        )
    return fast


def against_memory(rounds: int, steps: int) -> bool:
    """Print the images per second of training on one batch in memory, and through batches, plain and augmented."""
    with tempfile.TemporaryDirectory() as folder:
        images = write_images(Path(folder), steps * BATCH, (80, 80, 1))
        model = gray80()
        x, y = images.take(np.arange(BATCH)), np.arange(BATCH, dtype=np.float32)[:, None] % 2
        for _ in range(3):
            model.train_on_batch(x, y)

        memory, without, through = in_turns(
            rounds,
            lambda: timed(steps, lambda: [model.train_on_batch(x, y) for _ in range(steps)]),
            lambda: epoch(model, images, plain, steps),
            lambda: epoch(model, images, augmented, steps),
        )
    print(f"\ntrain_on_batch, one batch in memory    {memory:8.1f} images/s")
    print(f"fit, plain                             {without:8.1f} images/s: {without / memory:.3f} of that")
    print(
        f"fit, augmented                         {through:8.1f} images/s: {without / through:.3f} of the time"
    )
    return without / memory >= OF_IN_MEMORY and without / through <= LONGER


def in_turns(rounds: int, *rivals: Callable[[], float]) -> list[float]:
    """Return each rival's median speed over so many rounds; the first, uncounted one warms up."""
    results = [[rival() for rival in rivals] for _ in range(rounds + 1)]
    return [statistics.median(column) for column in zip(*results[1:], strict=True)]


def timed(batches: int, work: Callable[[], object]) -> float:
    """Return images per second of ``work`` on so many batches."""
    start = time.perf_counter()
    work()
    return batches * BATCH / (time.perf_counter() - start)


def epoch(model: keras.Model, images: Images, changes: AugmentParams, steps: int) -> float:
    """Return the images per second of the second of two epochs: the first one starts the threads."""
    begun: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begun.append(time.perf_counter()),
        on_epoch_end=lambda epoch, logs: begun.append(time.perf_counter()),
    )
    rows = np.arange(len(images))
    examples = Examples(rows, rows[:, None].astype(np.float32) % 2)
    with training_batches(images, examples, Config(0, recipe.model, changes, recipe.train)) as batches:
        model.fit(batches, epochs=2, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[clock])
    return steps * BATCH / (begun[3] - begun[2])


def gray80() -> keras.Model:
    """Return the network of dogs-vs-cats-gray80: 2,764,417 parameters."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((80, 80, 1), dtype="uint8"), layers.Rescaling(1 / 255)])
    for block in ([32], [64], [128, 128], [256, 256]):
        for width in block:
            model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    for layer in (
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(256, "relu"),
        layers.Dense(1, "sigmoid"),
    ):
        model.add(layer)
    assert model.count_params() == 2_764_417
    model.compile(
        keras.optimizers.RMSprop(1e-4), "binary_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    return model


def write_images(folder: Path, number: int, shape: tuple[int, int, int]) -> Images:
    """Write so many images of noise as the decode stage writes images."""
    pixels = np.random.default_rng(0).integers(0, 256, (number, *shape), dtype=np.uint8)
    formats.write_shard(folder / formats.shard_name(0, "npz"), pixels)
    formats.write_description(folder, shape, ["a", "b"], [formats.shard_name(0, "npz")], {})
    with (folder / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([formats.INDEX_COLUMNS, *([f"{n}.png", *[""] * 7] for n in range(number))])
    return Images(folder)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--training", action="store_true", help="also train the dogs-vs-cats-gray80 network")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=15, help="of 100 images in an epoch")
    arguments = parser.parse_args()
    settings = recipe.train  # what TensorFlow is in a training, for the rivals too
    backends.start(
        "tensorflow",
        "cpu",
        settings.threads,
        settings.deterministic,
        settings.instruction_set,
        "this benchmark",
    )
    fast = against_keras(arguments.rounds)
    if arguments.training:
        fast &= against_memory(arguments.rounds, arguments.steps)
    print(
        f"\n{'as promised' if fast else 'SLOWER THAN PROMISED'}: at least {TIMES:g} times the Keras layers; "
        f"fit at least {OF_IN_MEMORY} of training in memory, an augmented epoch at most {LONGER} of a plain one"
    )
    raise SystemExit(not fast)


if __name__ == "__main__":
    main()
