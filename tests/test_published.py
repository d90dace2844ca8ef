"""The published systems: their exact networks, the order of their classes, and their mistakes made good.

Everything is read from the recipes themselves, so that what a user gets is what is tested.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import files, images, recipes
from darkroom.decode.labels import labelling
from darkroom.params import (
    LabelsParams,
    Params,
)
from darkroom.split.stage import split
from darkroom.split_files import read_normalization
from darkroom.train import batches, networks, targets
from darkroom.train.config import Config
from darkroom.train.dataset import Examples

# TensorFlow's variables do not know NumPy 2's `copy` keyword yet, and Keras reads them through it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.usefixtures("tensorflow_started"),
]

FLOWERS = ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
MEMBERS = {  # one file a class, named as in the published archive; and the published order
    "cats-dogs-rgb64": [
        "training_set/training_set/dogs/dog.1.jpg",
        "training_set/training_set/cats/cat.1.jpg",
    ],
    "dogs-vs-cats-torch": ["train/dog.0.jpg", "train/cat.0.jpg"],
    "ox": ["train/X/1.png", "train/O/1.png"],
    "dogs-vs-cats-gray80": ["train/dog.0.jpg", "train/cat.0.jpg"],
    "flowers": [f"flower_photos/{name}/1.jpg" for name in reversed(FLOWERS)],
    "flowers-augmented": [f"flower_photos/{name}/1.jpg" for name in reversed(FLOWERS)],
    "malaria": ["cell_images/Uninfected/C1P1_cell_1.png", "cell_images/Parasitized/C2P1_cell_1.png"],
}
CLASSES = {
    "cats-dogs-rgb64": ["cats", "dogs"],
    "dogs-vs-cats-torch": ["cat", "dog"],
    "ox": ["O", "X"],
    "dogs-vs-cats-gray80": ["cat", "dog"],
    "flowers": FLOWERS,
    "flowers-augmented": FLOWERS,
    "malaria": ["Parasitized", "Uninfected"],
}
PARAMETERS = {
    "cats-dogs-rgb64": 4_419_649,
    "ox": 4_750_049,
    "dogs-vs-cats-gray80": 2_764_417,
    "flowers": 3_989_285,
    "flowers-augmented": 3_989_285,
    "malaria": 758_401,
}
OUTPUTS = dict.fromkeys(CLASSES, 1) | {"dogs-vs-cats-torch": 2, "flowers": 5, "flowers-augmented": 5}
SHAPES = {
    "cats-dogs-rgb64": (64, 64, 3),
    "dogs-vs-cats-torch": (128, 128, 3),
    "ox": (150, 150, 1),
    "dogs-vs-cats-gray80": (80, 80, 1),
    "flowers": (180, 180, 3),
    "flowers-augmented": (180, 180, 3),
    "malaria": (32, 32, 3),
}


@pytest.fixture
def recipe(root: Path) -> Any:
    return lambda name: recipes.read(root / "recipes", name).params()


def shape_of(params: Params) -> tuple[int, int, int]:
    image = params.image
    assert isinstance(image.resolution, int)
    return (image.resolution, image.resolution, 1 if image.color == "grayscale" else 3)


def build(params: Params, name: str, statistics: Any = ("rescale", {})) -> Any:
    model = params.model
    head = targets.resolve_head(model.head, CLASSES[name])
    return networks.build(model, shape_of(params), len(CLASSES[name]), head, statistics, 0, "float32")


@pytest.mark.parametrize("name", SHAPES)
def test_network_takes_and_gives_the_published_shapes(recipe, name):
    network = build(recipe(name), name)
    assert network.input_shape == (None, *SHAPES[name])
    assert network.output_shape == (None, OUTPUTS[name])


@pytest.mark.parametrize("name", PARAMETERS)
def test_network_has_exactly_the_published_number_of_parameters(recipe, name):
    assert build(recipe(name), name).count_params() == PARAMETERS[name]


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_numbered_in_the_published_order(recipe, name):
    labels = recipe(name).labels
    found = [label_of(member, labels) for member in MEMBERS[name]]
    assert sorted(found) == CLASSES[name]


def label_of(member: str, labels: LabelsParams) -> str | None:
    if labels.kind == "folder":
        return labelling.by_folder(labelling.folders(member), labels.depths, {})
    return labelling.by_name(member, re.compile(labels.pattern))


@pytest.mark.parametrize("name", ["cats-dogs-rgb64", "ox", "dogs-vs-cats-gray80", "malaria"])
def test_one_output_has_one_target_a_image_and_not_a_one_hot_pair(recipe, name):
    head = targets.resolve_head(recipe(name).model.head, CLASSES[name])
    assert targets.encode(CLASSES[name], CLASSES[name], head)[:].tolist() == [[0.0], [1.0]]


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """Return a function that writes an images folder whose pixels are the number of their row, as decode does."""

    def write(ids: list[str], labels: list[str], shape: tuple[int, int, int]) -> Path:
        pixels = np.broadcast_to(np.arange(len(ids), dtype=np.uint8)[:, None, None, None], (len(ids), *shape))
        path = tmp_path / "images"
        images.write_shard(path / images.shard_name(0, "npz"), np.ascontiguousarray(pixels))
        rng = np.random.default_rng(3)
        rows = [
            [
                id,
                label,
                "",
                40,
                30,
                1234,
                f"{row:064x}",
                f"{int(rng.integers(0, 2**64, dtype=np.uint64)):016x}",
            ]
            for row, (id, label) in enumerate(zip(ids, labels, strict=True))
        ]
        files.write_csv(path / "index.csv", images.INDEX_COLUMNS, rows)
        images.write_description(path, shape, sorted(set(labels)), [images.shard_name(0, "npz")], {})
        return path

    return write


def parts_of(params: Params, source: Path, out: Path) -> "pd.Series[str]":
    split(params.split, params.normalize, source, out)
    return pd.read_csv(out / "split.csv", dtype=str, keep_default_na=False)["split"]


def test_the_scaler_of_gray80_never_sees_a_test_image(recipe, folder, tmp_path):
    params = recipe("dogs-vs-cats-gray80")
    labels = ["cat", "dog"] * 60
    source = folder([f"{label}.{n}.jpg" for n, label in enumerate(labels)], labels, (4, 4, 1))
    parts = parts_of(params, source, tmp_path / "split")
    train = np.flatnonzero(parts == "train")
    method, statistics = read_normalization(tmp_path / "split")
    assert method == "minmax"
    assert (statistics["minimum"] == train.min()).all()
    assert (statistics["maximum"] == train.max()).all()
    assert {0, 119} - set(train), "the extremes lie in train alone; the test shows nothing"


@pytest.mark.parametrize("name", ["dogs-vs-cats-gray80", "dogs-vs-cats-torch"])
def test_validation_is_drawn_from_all_rows_and_holds_both_classes_alike(recipe, folder, tmp_path, name):
    labels = ["cat"] * 60 + ["dog"] * 60
    source = folder([f"{label}.{n}.jpg" for n, label in enumerate(labels)], labels, (4, 4, 1))
    content = recipe(name)
    parts = parts_of(content, source, tmp_path / "split")
    held_out = np.flatnonzero(parts == "validation")
    assert len(held_out) > 0
    assert abs((held_out < 60).mean() - 0.5) < 0.1
    assert held_out.min() < 30
    assert (np.diff(held_out) > 1).any()


@pytest.mark.parametrize(("name", "size"), [("dogs-vs-cats-gray80", 100), ("cats-dogs-rgb64", 32)])
def test_the_batch_size_declared_is_the_one_used(recipe, folder, name, size):
    params = recipe(name)
    source = images.Images(folder([f"{n}.jpg" for n in range(120)], ["cat", "dog"] * 60, shape_of(params)))
    examples = Examples(np.arange(120), np.zeros((120, 1), np.float32))
    with batches.training_batches(
        source, examples, Config(0, params.model, params.augment, params.train)
    ) as made:
        assert len(made[0][0]) == size


def test_drawings_are_predicted_with_the_preparation_they_were_trained_with(recipe):
    """What was forgotten outside of the model is its first layer: raw pixels go in, at any time."""
    network = build(recipe("ox"), "ox")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 1), dtype=np.uint8)
    first = network.layers[1]
    np.testing.assert_allclose(np.asarray(first(pixels)), pixels / 255, rtol=1e-6)


def test_cells_of_one_patient_never_fall_on_both_sides(recipe, folder, tmp_path):
    rng = np.random.default_rng(1)
    patients = [f"C{number}P{number}ThinF" for number in rng.integers(1, 40, 240)]
    labels = rng.choice(["Parasitized", "Uninfected"], 240).tolist()
    names = [
        f"cell_images/{label}/{patient}_cell_{n}.png"
        for n, (label, patient) in enumerate(zip(labels, patients, strict=True))
    ]
    parts = parts_of(recipe("malaria"), folder(names, labels, (4, 4, 3)), tmp_path / "split")
    assert set(parts) == {"train", "validation", "test"}
    assert pd.DataFrame({"patient": patients, "part": parts}).groupby("patient")["part"].nunique().max() == 1
