"""`darkroom init` says what a source holds, as fetch and decode will have it, and writes params for it."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from darkroom import UserError
from darkroom.decode import archives
from darkroom.fetch.local import fetch_local
from darkroom.init import command, contents
from darkroom.params import Params, read_params

Write = Callable[..., Path]


@pytest.fixture
def write(project: Path) -> Write:
    """Return the function that writes pictures of noise into the inbox, by name."""

    def write(*names: str, side: int = 80, colour: bool = True) -> Path:
        for number, name in enumerate(names):
            shape = (side, side + 20, 3) if colour else (side, side + 20)
            picture = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
            path = project / "data" / "inbox" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), picture)
        return project / "data" / "inbox"

    return write


def init(path: str, *, force: bool = False, dry_run: bool = False) -> str:
    return command.run(path, Path(), force=force, dry_run=dry_run)


def params() -> Params:
    return read_params(Path("params.yaml"))


CLASSES = [f"pets/{name}/{number}.png" for name in ("cat", "dog") for number in range(3)]


def test_photos_in_folders_get_the_recipe_transfer(write):
    write(*CLASSES)
    said = init("pets")
    assert "class  cat   3  pets/cat/0.png" in said
    assert "100 x 80 pixels (median)" in said
    assert "6 coloured, 0 gray, 0 that cannot be used" in said
    assert said.endswith("next: `dvc add data/inbox/pets`, which versions the images, and `dvc repro`\n")
    found = params()
    assert (found.source.kind, found.source.path, found.labels.kind) == ("local", "pets", "folder")
    assert (found.model.application, found.image.resolution, found.image.color) == (
        "EfficientNetLite0",
        96,
        "rgb",
    )


@pytest.mark.parametrize(("side", "resolution"), [(8, 16), (28, 28), (63, 63)])
def test_small_gray_pictures_get_the_recipe_fast_small(write, side, resolution):
    write(*CLASSES, side=side, colour=False)
    init("pets")
    assert (params().model.network, params().image.resolution, params().image.color) == (
        "resnet",
        resolution,
        "grayscale",
    )


@pytest.mark.parametrize(("side", "resolution"), [(64, 64), (161, 224), (230, 224)])
def test_resolution_is_what_the_pictures_have_and_the_network_uses(write, side, resolution):
    write(*CLASSES, side=side)
    init("pets")
    assert params().image.resolution == resolution


def test_labels_in_names_are_found_and_splits_and_unlabelled_told(write):
    write(*[f"pets/train/{name}.{at}.png" for name in ("cat", "dog") for at in range(3)], "pets/test1/1.png")
    said = init("pets")
    assert params().labels.kind == "filename"
    assert "2 classes by the beginning of each file's name" in said
    assert "split     train  6" in said
    assert "no label         1" in said


def test_labels_two_folders_up_are_found(write):
    write(*[f"pets/{name}/of {name} {at}/1.png" for name in ("cat", "dog") for at in range(3)])
    init("pets")
    assert params().labels.depth == 2


def test_an_archive_is_read_like_the_folder_that_it_was(write, project):
    inbox = write(*CLASSES)
    of_folder = init("pets", dry_run=True)
    shutil.make_archive(str(inbox / "packed"), "gztar", inbox, "pets")
    assert init("packed.tar.gz", dry_run=True) == of_folder
    assert (project / "params.yaml").read_text() == "seed: 0\n"


def test_files_are_those_that_fetch_and_decode_find(write, root, project, tmp_path_factory):
    inbox = write(*CLASSES, "pets/cat/.0001.jpg", "pets/cat/._0.png", "pets/.git/x.png")
    (inbox / "pets" / "notes.txt").write_text("none")
    (inbox / "pets" / "dog.dvc").write_text("outs: []")
    with zipfile.ZipFile(inbox / "pets" / "more.zip", "w") as archive:
        archive.write(inbox / "pets/cat/0.png", "bird/0.png")
    raw, scratch = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("scratch")
    fetch_local(["pets"], inbox, raw)
    members, rejected = archives.members(raw, scratch / "decode", 10**9)
    defaults = read_params(root / "params.yaml")
    found, left_out = contents.members(inbox / "pets", inbox, scratch / "init", defaults)
    assert [one.id for one in found] == [one.id for one in members]
    assert left_out == rejected
    assert [archives.read(one) for one in found] == [archives.read(one) for one in members]


def test_files_that_are_no_pictures_or_cannot_be_used_are_told(write):
    inbox = write(*CLASSES)
    (inbox / "pets" / "LICENSE.txt").write_text("CC-BY")
    (inbox / "pets" / "cat" / "3.jpg").write_bytes(b"")
    said = init("pets")
    assert "left out  not an image  1  pets/LICENSE.txt" in said
    assert "1 that cannot be used: pets/cat/3.jpg (empty)" in said


def test_uncommitted_edits_are_overwritten_by_force_alone(write, project):
    write(*CLASSES)
    (project / "params.yaml").write_text("seed: 1\n")
    with pytest.raises(UserError, match="uncommitted edits; commit them, or overwrite them with --force"):
        init("pets")
    assert "params.yaml would be" in init("pets", dry_run=True)
    assert (project / "params.yaml").read_text() == "seed: 1\n"
    init("pets", force=True)
    assert params().source.path == "pets"


def test_images_outside_the_inbox_are_named_by_their_own_path(write, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "pets"
    (write(*CLASSES) / "pets").rename(elsewhere)
    assert "lies outside data/inbox/" in init(str(elsewhere))
    assert params().source.path == str(elsewhere)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["pets/1.png", "pets/2.png"], r"the folders of 2 pictures give 1, the beginnings of their names 0"),
        (["cats/cat/1.png"], r"'pets' is not there; looked in data/inbox/ .*; data/inbox/ holds cats"),
    ],
)
def test_what_is_no_set_of_classes_is_told(write, names, message):
    write(*names)
    with pytest.raises(UserError, match=message):
        init("pets")


def test_a_table_beside_unlabelled_pictures_is_pointed_at(write):
    inbox = write("pets/1.png", "pets/2.png")
    (inbox / "pets" / "labels.csv").write_text("path,label\n1.png,cat\n2.png,dog\n")
    with pytest.raises(UserError, match=r"if pets/labels\.csv names them, set labels\.kind: csv"):
        init("pets")


def test_a_folder_without_pictures_is_told(write):
    inbox = write()
    (inbox / "pets").mkdir()
    (inbox / "pets" / "notes.txt").write_text("none")
    with pytest.raises(UserError, match=r"no pictures among 1 files, as not an image: begins with b'none'"):
        init("pets")
