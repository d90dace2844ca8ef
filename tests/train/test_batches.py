"""Prove that batches depend on their step alone, and that Keras gets each of them once and in order."""

import csv
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import numpy.typing as npt
import pytest

from darkroom import UserError
from darkroom import images as formats
from darkroom.images import Images
from darkroom.params import AugmentParams, TrainParams, read_params
from darkroom.train.batches import AHEAD, Batch, Batches, training_batches, validation_batches
from darkroom.train.config import Config
from darkroom.train.dataset import Examples
from darkroom.train.processes import Group
from darkroom.train.targets import encode

NUMBER = 50
ROWS = np.arange(3, 43)
TARGETS = np.arange(40, dtype=np.float32)[:, None]  # a target names its image


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Return 50 images in two shards, the row's number in their first pixel."""
    folder = tmp_path_factory.mktemp("images")
    pixels = np.random.default_rng(0).integers(0, 256, (NUMBER, 9, 11, 1), dtype=np.uint8)
    pixels[:, 0, 0, 0] = np.arange(NUMBER)
    for number, part in enumerate([pixels[:30], pixels[30:]]):
        formats.write_shard(folder / formats.shard_name(number, "npz"), part)
    names = [formats.shard_name(number, "npz") for number in range(2)]
    formats.write_description(folder, (9, 11, 1), ["a", "b"], names, {})
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(formats.INDEX_COLUMNS)
        writer.writerows([f"train/cat.{n}.jpg", *[""] * 7] for n in range(NUMBER))
    return Images(folder)


@pytest.fixture
def augment(root: Path) -> Callable[..., AugmentParams]:
    section = read_params(root / "params.yaml").augment
    off = {"rotation": 0.0, "shift": 0.0, "zoom": [1.0, 1.0]}
    return lambda **changes: AugmentParams.model_validate(section.model_dump() | off | changes)


@pytest.fixture
def train(root: Path) -> Callable[..., TrainParams]:
    section = read_params(root / "params.yaml").train
    return lambda **changes: TrainParams.model_validate(section.model_dump() | changes)


@pytest.fixture
def make(
    images: Images, augment: Callable[..., AugmentParams], train: Callable[..., TrainParams], root: Path
) -> Any:
    """Return training batches of 40 images, 16 at a time, all changes at once unless told otherwise."""
    opened = []
    everything = {"rotation": 20.0, "zoom": [0.8, 1.3], "brightness": 0.2, "contrast": 0.2, "erase": 0.3}

    def make(
        on: dict[str, object] | None = None,
        batch_size: int = 16,
        steps_per_epoch: int | None = None,
        rows: npt.NDArray[np.int64] = ROWS,
        seed: int = 0,
        weights: npt.NDArray[np.float32] | None = None,
        shuffle: str = "images",
        **options: Any,
    ) -> Batches:
        settings = train(batch_size=batch_size, steps_per_epoch=steps_per_epoch, shuffle=shuffle)
        changes = augment(**(everything if on is None else on))
        config = Config(seed, read_params(root / "params.yaml").model, changes, settings)
        examples = Examples(rows, TARGETS[: len(rows)], weights)
        batches = training_batches(images, examples, config, **options)
        opened.append(batches)
        return batches

    yield make
    for batches in opened:
        batches.close()


def same(one: Batch, other: Batch) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_pass_holds_every_image_once_with_its_target_and_pixels(make: Any, images: Images) -> None:
    batches = make({})

    epoch = [batches[step] for step in range(batches.steps_per_epoch)]

    assert [len(x) for x, _ in epoch] == [16, 16, 8]
    assert all((x.dtype, y.dtype) == (np.uint8, np.float32) for x, y in epoch)
    y = np.concatenate([y for _, y in epoch])[:, 0].astype(int)
    assert sorted(y) == list(range(40))
    assert np.array_equal(np.concatenate([x for x, _ in epoch]), images.take(ROWS[y]))


def test_each_pass_and_each_seed_has_an_order_of_its_own(make: Any) -> None:
    batches, other = make({}, batch_size=40), make({}, batch_size=40, seed=1)

    orders = [tuple(b[step][1][:, 0]) for b in (batches, other) for step in range(3)]

    assert len({*orders, tuple(range(40))}) == 7


def test_further_images_do_not_reorder_the_others(make: Any) -> None:
    fewer = make({}, batch_size=40, rows=ROWS[:25])[0][1][:, 0]
    more = make({}, batch_size=40)[0][1][:, 0]

    assert np.array_equal(more[more < 25], fewer)


@pytest.mark.parametrize("on", [None, {"mixup": 0.4, "cutmix": 1.0, "flip_horizontal": True}])
def test_threads_start_and_order_of_asking_change_no_bit(make: Any, on: dict[str, object] | None) -> None:
    batches = make(on, workers=1)
    expected = [batches[step] for step in range(12)]
    threaded, resumed = make(on, workers=4), make(on, start_epoch=2)

    assert all(same(threaded[step], expected[step]) for step in range(12))
    assert all(same(threaded[step], expected[step]) for step in (7, 2, 3, 3, 0, 11))
    assert all(same(resumed[step], expected[step + 6]) for step in range(6))
    threaded.close()
    assert same(threaded[5], expected[5])


def test_an_image_is_augmented_alike_in_batches_of_any_size(make: Any) -> None:
    def second_pass(batch_size: int) -> dict[float, bytes]:
        batches = make(batch_size=batch_size)
        steps = range(batches.steps_per_epoch, 2 * batches.steps_per_epoch)
        return {y.item(): x.tobytes() for step in steps for x, y in zip(*batches[step], strict=True)}

    assert second_pass(16) == second_pass(7)


def test_every_pass_augments_anew(make: Any) -> None:
    batches = make(batch_size=40)

    first, second = ({y.item(): x.tobytes() for x, y in zip(*batches[step], strict=True)} for step in (0, 1))

    assert all(first[image] != second[image] for image in first)


def test_epochs_of_other_lengths_run_on_over_passes(make: Any) -> None:
    whole, short, long = (
        make(),
        make(steps_per_epoch=2, start_epoch=3),
        make(steps_per_epoch=7, start_epoch=1),
    )

    assert (whole.steps_per_epoch, short.steps_per_epoch, long.steps_per_epoch) == (3, 2, 7)
    assert same(short[0], whole[6])
    assert same(long[0], whole[7])


def test_a_batch_larger_than_the_data_is_all_of_it(make: Any) -> None:
    batches = make(batch_size=1000)

    assert batches.steps_per_epoch == 1
    assert len(batches[5][0]) == 40


def test_weights_come_third_and_follow_their_images(make: Any) -> None:
    batches = make(weights=TARGETS[:, 0] / 10)

    _, y, weights = batches[4]

    assert weights.dtype == np.float32
    assert np.array_equal(weights, y[:, 0] / np.float32(10))


@pytest.mark.parametrize("on", [None, {"mixup": 0.4, "cutmix": 1.0}])
@pytest.mark.parametrize(("count", "devices"), [(2, 2), (3, 3), (4, 4), (2, 6)])
def test_processes_share_each_batch_and_its_mean(
    make: Any, on: dict[str, object] | None, count: int, devices: int
) -> None:
    whole = make(on, batch_size=17, weights=np.linspace(0.5, 2, 40, dtype=np.float32))
    parts = [
        make(
            on,
            batch_size=17,
            weights=np.linspace(0.5, 2, 40, dtype=np.float32),
            group=Group(number, count, devices),
        )
        for number in range(count)
    ]

    for step in range(whole.steps_per_epoch):
        x, y, weights = whole[step]
        pieces = [part[step] for part in parts]
        assert len({len(piece[0]) for piece in pieces}) == 1
        assert len(pieces[0][0]) % (devices // count) == 0
        shared = [np.concatenate(arrays) for arrays in zip(*pieces, strict=True)]
        counted = shared[2] > 0
        assert np.array_equal(shared[0][counted], x)
        assert np.array_equal(shared[1][counted], y)
        assert (shared[1][~counted] == -1).all()
        np.testing.assert_allclose(
            (y[:, 0] * weights).mean(), (shared[1][:, 0] * shared[2]).mean(), rtol=1e-6
        )


def test_processes_share_the_validation_images(images: Images) -> None:
    examples = Examples(ROWS, TARGETS)
    with ExitStack() as stack:
        parts = [
            stack.enter_context(validation_batches(images, examples, 16, Group(number, 3, 3)))
            for number in range(3)
        ]
        seen = [y[weights > 0] for step in range(3) for _, y, weights in (part[step] for part in parts)]

    assert np.array_equal(np.concatenate(seen), TARGETS)


def test_colours_that_the_images_lack_are_refused_before_any_batch(make: Any) -> None:
    with pytest.raises(UserError, match=r"augment\.hue"):
        make({"hue": 10.0})


def test_validation_comes_once_in_order_and_untouched(images: Images) -> None:
    with validation_batches(images, Examples(ROWS, TARGETS), 16) as batches:
        all_of_them = list(batches)

        assert batches.num_batches == batches.steps_per_epoch == 3
        assert np.array_equal(np.concatenate([x for x, _ in all_of_them]), images.take(ROWS))
        assert np.array_equal(np.concatenate([y for _, y in all_of_them]), TARGETS)
        with pytest.raises(IndexError):
            batches[3]


def test_asking_for_one_batch_makes_the_next_ones_too() -> None:
    made = {step: threading.Event() for step in range(AHEAD + 2)}

    def make(step: int) -> Batch:
        made[step].set()
        return np.zeros((1, 2, 2, 1), np.uint8), np.zeros((1, 1), np.float32)

    with Batches(make, None, 10) as batches:
        batches[0]

        assert all(made[step].wait(30) for step in range(AHEAD + 1))
    assert not made[AHEAD + 1].is_set()


def test_what_goes_wrong_in_a_thread_reaches_the_asker() -> None:
    def make(step: int) -> Batch:
        raise OSError(f"shard gone at step {step}")

    with Batches(make, None, 10) as batches, pytest.raises(OSError, match="shard gone at step 3"):
        batches[3]


def test_closing_ends_the_threads(make: Any) -> None:
    before = threading.active_count()
    batches = make(workers=3)
    for step in range(5):
        batches[step]
    assert threading.active_count() > before

    batches.close()

    assert threading.active_count() == before


def network() -> keras.Model:
    """Return a linear model, the same every time: its weights remember what it saw, and in which order."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((9, 11, 1), dtype="uint8")
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs)))
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    return model


def weights(model: keras.Model) -> npt.NDArray[np.float32]:
    return np.concatenate([array.ravel() for array in model.get_weights()])


def fit(batches: Batches, model: keras.Model, start: int, end: int, **options: Any) -> None:
    with batches:
        model.fit(
            batches,
            initial_epoch=start,
            epochs=end,
            steps_per_epoch=batches.steps_per_epoch,
            shuffle=False,
            verbose=0,
            **options,
        )


old_keras_new_numpy = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 hands its variables to NumPy 2 in a way that jax warns of."""


@old_keras_new_numpy
@pytest.mark.parametrize("steps_per_epoch", [None, 2])
def test_fit_trains_on_each_batch_once_and_in_order(make: Any, steps_per_epoch: int | None) -> None:
    batches = make(steps_per_epoch=steps_per_epoch)
    steps = 3 * batches.steps_per_epoch
    by_hand, other_way_round, fitted = network(), network(), network()

    for step in range(steps):
        by_hand.train_on_batch(*batches[step])
        other_way_round.train_on_batch(*batches[steps - 1 - step])
    fit(batches, fitted, 0, 3)

    assert weights(fitted) == pytest.approx(weights(by_hand), abs=1e-5)
    assert np.abs(weights(other_way_round) - weights(by_hand)).max() > 1e-3


@old_keras_new_numpy
def test_a_fit_in_two_parts_ends_with_the_weights_of_one(make: Any, images: Images) -> None:
    def held_out() -> Batches:
        return validation_batches(images, Examples(ROWS, TARGETS), 16)

    whole, parts = network(), network()
    fit(make(), whole, 0, 4, validation_data=held_out())
    fit(make(), parts, 0, 1, validation_data=held_out())
    fit(make(start_epoch=1), parts, 1, 4, validation_data=held_out())

    assert np.array_equal(weights(parts), weights(whole))


@pytest.mark.parametrize(("classes", "head"), [(2, "sigmoid"), (2, "softmax"), (30, "softmax")])
def test_targets_are_made_as_they_are_asked_for(classes: int, head: Any) -> None:
    names = [f"c{number}" for number in range(classes)]
    labels = [names[number] for number in np.random.default_rng(0).integers(0, classes, 200)]
    targets = encode(labels, names, head, smoothing=0.1)
    numbers = np.array([names.index(label) for label in labels])
    expected = np.eye(classes, dtype=np.float32)[numbers]
    if head == "sigmoid":
        expected = expected[:, 1:]
    expected = expected * np.float32(0.9) + np.float32(0.1 / classes)
    places = np.array([3, 150, 3])
    assert np.array_equal(targets[places], expected[places])
    assert np.array_equal(targets[:], expected)
    assert targets[:].dtype == np.float32
    assert len(targets) == 200


def test_blocks_are_read_as_batches_too(make: Any, images: Images) -> None:
    batches = make({}, shuffle="blocks")
    y = np.concatenate([batches[step][1] for step in range(3)])[:, 0].astype(int)
    assert sorted(y) == list(range(40))
