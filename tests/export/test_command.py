"""Mistakes end in one message with nothing written; what is written is whole, checked and the same every time."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.export.conftest import SUFFIXES, Project, python, write_data

SPOIL = """
import sys, keras
model = keras.models.load_model("models/model.keras", compile=False)
head = model.get_layer("head")
kernel, bias = head.get_weights()
head.set_weights([{}, bias])
model.save("models/model.keras")
"""


@pytest.fixture
def sketch(tmp_path: Path) -> Project:
    """Return a project whose model is described but empty: enough for what is found out before it is loaded."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
    write_data(tmp_path, pixels, ["a", "b"] * 10, "rescale")
    description = {
        "classes": ["a", "b"], "shape": [8, 8, 1], "head": "softmax", "backend": "tensorflow", "threads": 2,
        "deterministic": True, "params": {"train": {"device": "auto"}},
        "preparation": json.loads((tmp_path / "data/images/images.json").read_text())["preparation"],
    }  # fmt: skip
    models = tmp_path / "models"
    models.mkdir()
    (models / "model.json").write_text(json.dumps(description))
    zipfile.ZipFile(models / "model.keras", "w").close()
    return Project(tmp_path)


def refused(project: Project, *arguments: str | Path, model: str = "models", **variables: str) -> str:
    """Export, see that it ends in one message and changes nothing, and return the message."""
    before = project.files()
    done = project.export(*arguments, model=model, **variables)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith("darkroom: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert project.files() == before
    return done.stderr.removeprefix("darkroom: ").removesuffix("\n")


def test_an_unknown_format_is_refused_with_those_there_are(sketch: Project) -> None:
    assert refused(sketch, "--to", "coreml") == "--to: got 'coreml', expected one of onnx, tflite, savedmodel"


@pytest.mark.parametrize("hidden", ["onnx", "onnxruntime", "tf2onnx"])
def test_a_missing_package_is_named_with_what_installs_it(
    sketch: Project, tmp_path_factory: pytest.TempPathFactory, hidden: str
) -> None:
    shim = tmp_path_factory.mktemp("shim")
    (shim / "sitecustomize.py").write_text(f"import sys\nsys.modules[{hidden!r}] = None\n")
    expected = f"--to onnx: {hidden} is not installed; `make extra-onnx`"
    path = os.pathsep.join([str(shim), *filter(None, [os.environ.get("PYTHONPATH")])])
    assert refused(sketch, "--to", "onnx", PYTHONPATH=path) == expected


def test_what_exists_is_replaced_only_when_asked(sketch: Project) -> None:
    (sketch.folder / "model.onnx").write_text("an earlier one")
    assert refused(sketch, "--to", "onnx") == (
        "model.onnx: exists already; --force replaces it, --output writes elsewhere"
    )


def test_even_when_asked_only_an_export_is_replaced(sketch: Project) -> None:
    said = refused(sketch, "--to", "savedmodel", "--output", "data", "--force")
    assert (
        said == "data: exists and is no SavedModel, so --force does not replace it; choose another --output"
    )
    (sketch.folder / "folder.onnx").mkdir()
    said = refused(sketch, "--to", "onnx", "--output", "folder.onnx", "--force")
    assert said == "folder.onnx: a folder, so --force does not replace it; choose another --output"
    said = refused(sketch, "--to", "onnx", "--output", "models/model.keras", "--force")
    assert said == "--output models/model.keras: expected a name that ends in .onnx, for --to onnx"


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(sketch: Project) -> None:
    locked = sketch.folder / "locked"
    locked.mkdir(mode=0o555)
    if os.access(locked, os.W_OK):  # root may write anywhere but here
        locked = Path("/proc")
    said = refused(sketch, "--to", "onnx", "--output", locked / "new" / "model.onnx")
    assert said.startswith(f"{locked}/new/model.onnx: cannot be written: ")
    said = refused(sketch, "--to", "onnx", "--output", "models/model.json/model.onnx")
    assert said.startswith("models/model.json/model.onnx: cannot be written: Not a directory")


def test_without_images_to_check_on_nothing_is_exported(sketch: Project) -> None:
    table = sketch.folder / "data" / "split" / "split.csv"
    table.write_text(table.read_text().replace("test", "train"))
    assert refused(sketch, "--to", "onnx") == (
        "data/split/split.csv: no image is in test, so there is none to check on; name pictures with --images"
    )
    shutil.rmtree(sketch.folder / "data")
    assert refused(sketch, "--to", "onnx") == (
        "data/images/images.json: no such file, so there are no test images to check on; `dvc repro split` makes it, "
        "or name pictures with --images"
    )
    assert refused(sketch, "--to", "onnx", "--images", "photos.zip") == "photos.zip: no such file or folder"


def test_images_of_another_size_are_told_from_those_of_the_model(sketch: Project) -> None:
    path = sketch.folder / "models" / "model.json"
    path.write_text(path.read_text().replace('"shape": [8, 8, 1]', '"shape": [9, 8, 1]'))
    assert refused(sketch, "--to", "onnx").startswith(
        "data/images/images.json: images of 8x8x1, and the model takes 9x8x1; `dvc repro` makes both again"
    )


def test_what_is_no_model_is_refused(sketch: Project) -> None:
    said = refused(sketch, "--to", "onnx", model="nowhere")
    assert said.startswith("nowhere/model.json: no such file")
    (sketch.folder / "models" / "model.keras").write_bytes(b"\x89HDF")
    said = refused(sketch, "--to", "tflite")
    assert said.startswith("models/model.keras: not a model in Keras' format")


@pytest.mark.slow
def test_pictures_of_the_user_are_prepared_and_bad_ones_told(
    project: Callable[[str], Project], tmp_path: Path
) -> None:
    here = project("photos")
    shutil.copytree(here.folder / "pictures", tmp_path / "mine")
    (tmp_path / "mine" / "notes.txt").write_text("no picture")
    shutil.make_archive(str(tmp_path / "packed"), "zip", here.folder / "pictures")
    arguments = ["--to", "onnx", "--output", tmp_path / "mine.onnx", "--images"]
    done = here.export(*arguments, tmp_path / "mine", "--images", tmp_path / "packed.zip")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path}/mine.onnx: checked against Keras on 80 pictures: at most ")
    assert done.stderr == f"{tmp_path}/mine/notes.txt: not an image: begins with b'no picture'\n"
    (tmp_path / "mine.onnx").unlink()
    said = refused(here, *arguments, tmp_path / "mine" / "notes.txt")
    assert said.startswith("--images: none of 1 files is a picture to check on; the first, ")
    assert not (tmp_path / "mine.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        # The same for all classes, so softmax takes it out again, but not the digits that float32 lost to it.
        ("kernel + 1e6", "the exported model differs from Keras by "),
        ("kernel * float('nan')", "the model's own probabilities are not numbers (NaN)"),
    ],
)
def test_a_model_that_does_not_agree_is_not_written(
    project: Callable[[str], Project], tmp_path: Path, kernel: str, said: str
) -> None:
    spoilt = Project(tmp_path / "spoilt")
    shutil.copytree(project("digits").folder, spoilt.folder)
    python(SPOIL.format(kernel), cwd=spoilt.folder)
    assert refused(spoilt, "--to", "onnx", "--output", "new/model.onnx").startswith(said)
    assert not (spoilt.folder / "new").exists()


@pytest.mark.slow
@pytest.mark.weekly
@pytest.mark.parametrize("format", ["tflite", "savedmodel"])  # tf2onnx promises no order
def test_two_exports_are_the_same_bytes(
    project: Callable[[str], Project], tmp_path: Path, format: str
) -> None:
    made = []
    for number, folder in enumerate(("one", "two/deeper"), 1):
        here = Project(tmp_path / folder)
        shutil.copytree(project("application").folder, here.folder)
        # The second checks on other images, in another place, and replaces what was there.
        more = ["--images", here.folder / "pictures", "--force"] if number == 2 else []
        path = here.folder / f"model{SUFFIXES[format]}"
        if number == 2 and format == "savedmodel":
            shutil.copytree(made[0], path)
            (path / "left over").touch()
        elif number == 2:
            path.write_text("left over")
        done = here.export(
            "--to", format, *more, PYTHONHASHSEED=str(number), TZ=f"Etc/GMT+{number}", LC_ALL="C"
        )
        assert done.returncode == 0, done.stderr
        made.append(path)
    assert contents(made[0]) == contents(made[1])


def contents(path: Path) -> dict[str, bytes]:
    """Return the content of a file, or of all files in a folder by their names."""
    paths = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(one.relative_to(path)): one.read_bytes() for one in paths if one.is_file()}
