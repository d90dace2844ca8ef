"""Shards hold what was written, in either format, and are read without being loaded."""

import resource
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from darkroom import UserError, files, images
from darkroom.array_types import Pixels
from darkroom.params import read_params
from tests.parameters import PARAMS, preparation_of

SHAPE = (5, 4, 3)
LABELS = ["cat", "NA", 'a "dog", here', "", "007", "ümlaut", "-1"]


def pixels(rows: int, shape: tuple[int, int, int] = SHAPE) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (rows, *shape), np.uint8)


def write(folder: Path, suffix: Literal["npz", "csv"], sizes: tuple[int, ...] = (3, 4)) -> Pixels:
    """Write shards of ``sizes`` rows and return all their pixels."""
    everything = pixels(sum(sizes))
    names, start = [], 0
    for number, size in enumerate(sizes):
        names.append(images.shard_name(number, suffix))
        stop = start + size
        images.write_shard(folder / names[-1], everything[start:stop], LABELS[start:stop])
        start = stop
    rows = [[f"{n}.png", LABELS[n % 7], "", 9, 8, 99, "0" * 64, "f" * 16] for n in range(len(everything))]
    files.write_csv(folder / "index.csv", images.INDEX_COLUMNS, rows)
    images.write_description(folder, SHAPE, sorted(set(LABELS)), names, {"resolution": [5, 4]})
    return everything


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_images_come_back_as_written(tmp_path: Path, suffix: Literal["npz", "csv"]) -> None:
    everything = write(tmp_path, suffix)
    opened = images.Images(tmp_path)
    assert len(opened) == 7
    assert opened.shape == SHAPE
    assert opened.description["preparation"] == {"resolution": [5, 4]}
    assert list(opened.index.columns) == list(images.INDEX_COLUMNS)
    assert list(opened.index["label"]) == LABELS
    order = [6, 0, 3, 2, 2]
    assert np.array_equal(opened.take(order), everything[order])
    assert opened.take([]).shape == (0, *SHAPE)
    assert np.array_equal(np.concatenate(list(opened.chunks(range(7), 2))), everything)


def test_npz_shards_are_mapped_not_loaded(tmp_path: Path) -> None:
    images.write_shard(tmp_path / "s.npz", pixels(3))
    assert isinstance(images.read_shard(tmp_path / "s.npz", SHAPE), np.memmap)
    with np.load(tmp_path / "s.npz") as content:
        assert np.array_equal(content["images"], pixels(3))


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_a_shard_may_be_empty(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"s.{suffix}"
    images.write_shard(path, pixels(0))
    assert images.read_shard(path, SHAPE).shape == (0, *SHAPE)


@pytest.mark.parametrize("suffix", ["npz", "csv"])
@pytest.mark.parametrize("shape", [(5, 4, 1), (1, 4, 3), (1, 1, 1)])
def test_a_side_or_a_channel_may_be_one(tmp_path: Path, suffix: str, shape: tuple[int, int, int]) -> None:
    path = tmp_path / f"s.{suffix}"
    images.write_shard(path, pixels(1, shape))
    assert np.array_equal(images.read_shard(path, shape), pixels(1, shape))


def test_csv_is_a_label_and_one_column_a_pixel(tmp_path: Path) -> None:
    images.write_shard(tmp_path / "s.csv", pixels(7), LABELS)
    frame = pd.read_csv(tmp_path / "s.csv", dtype={"label": str}, keep_default_na=False)
    assert list(frame.columns) == ["label", *(f"pixel{n}" for n in range(60))]
    assert list(frame["label"]) == LABELS
    assert np.array_equal(frame.drop(columns="label").to_numpy(), pixels(7).reshape(7, -1))


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_the_same_pixels_are_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        images.write_shard(tmp_path / f"{name}.{suffix}", pixels(3), LABELS[:3])
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"one.{suffix}", f"two.{suffix}"]


def test_rows_and_shards_must_agree(tmp_path: Path) -> None:
    write(tmp_path, "npz")
    images.write_shard(tmp_path / images.shard_name(1, "npz"), pixels(3))
    with pytest.raises(ValueError, match=r"7 rows in index\.csv, 6 images in the shards"):
        images.Images(tmp_path)


def test_a_compressed_shard_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "s.npz", images=pixels(2))
    with pytest.raises(ValueError, match="compressed"):
        images.read_shard(tmp_path / "s.npz", SHAPE)


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 3, 3, 1), np.float32), np.zeros((2, 3, 3), np.uint8)],
)
def test_other_arrays_are_refused(tmp_path: Path, array: Pixels) -> None:
    np.savez(tmp_path / "s.npz", images=array)
    with pytest.raises(ValueError, match="expected uint8 images"):
        images.read_shard(tmp_path / "s.npz", SHAPE)


def test_a_shard_may_have_the_long_header_of_the_second_version(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "s.npz", "w") as archive, archive.open("images.npy", "w") as file:
        np.lib.format.write_array(file, pixels(3), version=(2, 0))
    assert np.array_equal(images.read_shard(tmp_path / "s.npz", SHAPE), pixels(3))


def test_a_csv_shard_without_labels_has_an_empty_column_of_them(tmp_path: Path) -> None:
    images.write_shard(tmp_path / "s.csv", pixels(2))
    assert [line.partition(b",")[0] for line in (tmp_path / "s.csv").read_bytes().splitlines()] == [
        b"label",
        b'""',
        b'""',
    ]
    assert np.array_equal(images.read_shard(tmp_path / "s.csv", SHAPE), pixels(2))


def test_images_of_another_preparation_are_refused_by_what_differs(tmp_path: Path) -> None:
    params = read_params(PARAMS).image
    made = preparation_of(PARAMS)
    for changes in ({}, {"bit_depth": "something found"}):
        images.write_description(tmp_path, SHAPE, [], [], made | changes)
        images.check_prepared(tmp_path, params)
    images.write_description(tmp_path, SHAPE, [], [], made | {"color": "none"})
    with pytest.raises(UserError) as error:
        images.check_prepared(tmp_path, params)
    expected = f"these images were made with image.color 'none', where params.yaml says {params.color!r}: they are of"
    assert expected in str(error.value)
    images.write_description(tmp_path, SHAPE, [], [], made | {"bit_depth": "of its own"})
    with pytest.raises(
        UserError, match=r"made with image\.bit_depth 'of its own', where params\.yaml says 'clip'"
    ):
        images.check_prepared(tmp_path, params.model_copy(update={"bit_depth": "clip"}))


def test_a_damaged_shard_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "s.npz").write_bytes(b"damaged")
    with pytest.raises(zipfile.BadZipFile):
        images.read_shard(tmp_path / "s.npz", SHAPE)


def mapped(folder: Path) -> int:
    return sum(folder in path.resolve().parents for path in Path("/proc/self/fd").iterdir())


def test_more_shards_than_may_be_mapped_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_mappable", lambda shards: 3)
    everything = write(tmp_path, "npz", (1,) * 7)
    opened = images.Images(tmp_path)
    assert mapped(tmp_path) == 0
    for order in ([6, 0, 3, 2, 2], [0, 1, 2, 3, 4, 5, 6]):
        assert np.array_equal(opened.take(order), everything[order])
        assert mapped(tmp_path) == 3


@pytest.mark.parametrize(
    ("shards", "granted", "most", "expected"),
    [
        (10, 1024, 4096, 10),
        (1000, 1024, 4096, 1000),
        (4000, 1024, 4096, 2048),
        (4000, 256, -1, 4000),
        (0, 9, 9, 1),
    ],
)
def test_as_many_shards_are_mapped_as_the_system_grants_files(
    monkeypatch: pytest.MonkeyPatch, shards: int, granted: int, most: int, expected: int
) -> None:
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (granted, most))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    assert images._mappable(shards) == expected
    assert asked == ([] if 2 * shards <= granted else [(2 * expected, most)])


def test_reading_ahead_takes_any_rows_and_changes_nothing(tmp_path: Path) -> None:
    everything = write(tmp_path, "npz", (3, 0, 4))
    opened = images.Images(tmp_path)
    for rows in ([], [6], range(7), [2, 3, 5, 3]):
        opened.read_ahead(rows)
    assert np.array_equal(opened.take(range(7)), everything)
