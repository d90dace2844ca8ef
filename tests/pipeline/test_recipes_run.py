"""Each recipe runs through all six stages on real images in the layout in which its data set comes."""

import csv
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from darkroom import recipes

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


EVERY = 4
"""Of the photos each so-many-th is taken: what a layout is shows in a few hundred."""


def zip_files(path: Path, members: list[tuple[str, Path]]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, source in members:
            archive.write(source, name)


def cats_and_dogs(real: Path, inbox: Path) -> str:
    """Lay out as Kaggle's tongpython/cat-and-dog: a folder a class, in training_set and test_set."""
    members = []
    for number, photo in enumerate(sorted((real / "dogs-vs-cats/train").glob("*.jpg"))[::EVERY]):
        part = "test_set" if number % 5 == 0 else "training_set"
        members.append((f"{part}/{part}/{photo.name[:3]}s/{photo.name}", photo))
    zip_files(inbox / "archive.zip", members)
    return "archive.zip"


def dogs_vs_cats(real: Path, inbox: Path) -> str:
    """Lay out as Kaggle's competition: train.zip and test1.zip inside one zip."""
    inner = inbox.parent / "inner"
    inner.mkdir()
    for name, every in (("train", EVERY), ("test1", 1)):
        photos = sorted((real / "dogs-vs-cats" / name).glob("*.jpg"))[::every]
        zip_files(inner / f"{name}.zip", [(f"{name}/{photo.name}", photo) for photo in photos])
    zip_files(inbox / "dogs-vs-cats.zip", [(path.name, path) for path in sorted(inner.iterdir())])
    return "dogs-vs-cats.zip"


def flower_photos(real: Path, inbox: Path) -> str:
    """Lay out as TensorFlow's flower_photos.tgz."""
    with tarfile.open(inbox / "flower_photos.tgz", "w:gz", compresslevel=1) as archive:
        for photo in sorted((real / "flower_photos").rglob("*.jpg"))[::EVERY]:
            archive.add(photo, photo.relative_to(real))
    return "flower_photos.tgz"


def cell_images(real: Path, inbox: Path) -> str:
    """Lay out as the NLM's cell_images.zip."""
    cells = sorted((real / "cell_images").rglob("*.png"))[::EVERY]
    zip_files(inbox / "cell_images.zip", [(str(cell.relative_to(real)), cell) for cell in cells])
    return "cell_images.zip"


def drawings(real: Path, inbox: Path) -> str:
    """Lay out as folders train, validation and test, each with O and X."""
    (inbox / "oxo").symlink_to(real / "oxo")
    return "oxo"


FLOWERS = ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
CELLS = ["Parasitized", "Uninfected"]
RECIPES = {
    "cats-dogs-rgb64": (cats_and_dogs, ["cats", "dogs"]),
    "dogs-vs-cats-torch": (dogs_vs_cats, ["cat", "dog"]),
    "dogs-vs-cats-gray80": (dogs_vs_cats, ["cat", "dog"]),
    "ox": (drawings, ["O", "X"]),
    "flowers": (flower_photos, FLOWERS),
    "flowers-augmented": (flower_photos, FLOWERS),
    "malaria": (cell_images, CELLS),
    "fast": (flower_photos, FLOWERS),
    "fast-small": (cell_images, CELLS),
    "transfer": (flower_photos, FLOWERS),
    "transfer-grayscale": (dogs_vs_cats, ["cat", "dog"]),
    "transfer-tuned": (cell_images, CELLS),
}


OFTEN = ("dogs-vs-cats-torch", "malaria", "ox", "transfer")
"""One of each layout, and both kinds of networks; the others wait for the week's end."""


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.weekly) for name in RECIPES]
)
def test_recipe_runs_on_real_images_in_their_published_layout(repository, real_images, name):
    lay_out, classes = RECIPES[name]
    source = lay_out(real_images, repository.path("data/inbox"))
    repository.run("darkroom", "recipe", "use", name, "--inbox", source)
    changes: dict[str, Any] = {"train.epochs": 1}
    if name == "transfer-tuned":
        changes = {"train.fine_tune_epochs": 1}
    if name == "dogs-vs-cats-torch":
        changes["train.backend"] = (
            "tensorflow"  # the extra need not be installed; test_backends compares the two
        )
    repository.change(changes)
    assert repository.repro() == ["fetch", "decode", "split", "train", "evaluate", "plot"]
    decode = repository.metrics("decode")
    assert decode["used"] + decode["rejected"] + decode["unlabelled"] == decode["files"]
    with repository.path("data/predictions/test.csv").open() as file:
        header, *rows = list(csv.reader(file))
    assert header == ["id", "label", "predicted", *(f"p_{label}" for label in classes)]
    assert len(rows) == repository.metrics("split")["test"]
    if source == "dogs-vs-cats.zip":
        with repository.path("data/predictions/unlabelled.csv").open() as file:
            assert len(list(csv.DictReader(file))) == 100


def test_cells_of_one_patient_stay_together(repository, real_images):
    cell_images(real_images, repository.path("data/inbox"))
    repository.run("darkroom", "recipe", "use", "malaria", "--inbox", "cell_images.zip")
    repository.change({"split.group_by": recipes.read(ROOT / "recipes", "malaria").params().split.group_by})
    repository.dvc("repro", "split")
    parts: dict[str, set[str]] = {}
    with repository.path("data/split/split.csv").open() as file:
        for row in csv.DictReader(file):
            parts.setdefault(Path(row["id"]).name.split("P")[0], set()).add(row["split"])
    assert [patient for patient, found in parts.items() if len(found) > 1] == []
