"""Tables of pixels as sources: each kind, as others write it, and broken ones; each row is an image or a rejection."""

import gzip
import json
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from darkroom import UserError, images
from darkroom.decode import stage
from darkroom.fetch.stage import fetch
from darkroom.params import read_params
from tests.decode.small_sources import png

RAW, INBOX, OUT = Path("data/raw"), Path("data/inbox"), Path("data/images")
GENERATOR = np.random.default_rng(3)
PIXELS = GENERATOR.integers(0, 256, (6, 8, 8), np.uint8)
LABELS = np.array([3, 5, 3, 5, 3, 5])


pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def decoded(root: Path) -> Callable[..., pd.DataFrame]:
    """Return a function that runs fetch and decode on files of the inbox, and returns index.csv."""

    def run(*names: str, color: str = "grayscale", resolution: int = 8, **labels: Any) -> pd.DataFrame:
        params = read_params(root / "params.yaml")
        fetch(params.source.model_copy(update={"kind": "local", "path": list(names)}), INBOX, RAW)
        image = params.image.model_copy(update={"resolution": resolution, "color": color})
        decode = params.decode.model_copy(update={"max_rejected": 1.0})
        stage.decode(params.labels.model_copy(update=labels), image, decode, RAW, INBOX, OUT)
        return images.Images(OUT).index

    return run


def pixels() -> np.ndarray[Any, Any]:
    """Return what was decoded, in the order of the index."""
    found = images.Images(OUT)
    return found.take(np.arange(len(found)))


def rejected() -> dict[str, str]:
    table = pd.read_csv(OUT / "rejected.csv", keep_default_na=False)
    return {row.id: f"{row.reason}: {row.detail}" for row in table.itertuples()}


def write_csv(name: str, header: str, rows: list[str]) -> None:
    (INBOX / name).write_text("\n".join([header, *rows]) + "\n")


def line(number: int, separator: str = ",") -> str:
    return separator.join(map(str, PIXELS[number].ravel()))


COLUMNS = ",".join(f"pixel{number}" for number in range(64))


def test_a_column_for_each_pixel(decoded: Callable[..., pd.DataFrame]) -> None:
    write_csv("digits.csv", f"label,{COLUMNS}", [f"{LABELS[n]},{line(n)}" for n in range(6)])
    index = decoded("digits.csv")
    assert list(index["id"]) == [f"{number:07d}.png" for number in range(1, 7)]
    assert list(index["label"]) == list(map(str, LABELS))
    assert set(index["split"]) == {""}
    assert (pixels()[..., 0] == PIXELS).all()


def test_the_table_that_darkroom_writes_is_read_back_with_its_ids(
    decoded: Callable[..., pd.DataFrame],
) -> None:
    write_csv("own.csv", f"id,label,{COLUMNS}", [f"pets/cat é/{n}.jpg,cat é,{line(n)}" for n in (1, 0)])
    index = decoded("own.csv")
    assert list(index["id"]) == ["pets/cat é/0.jpg", "pets/cat é/1.jpg"]
    assert set(index["label"]) == {"cat é"}
    images.write_table(images.Images(OUT), INBOX / "again.csv")
    before = pixels()
    assert index.equals(decoded("again.csv"))
    assert (pixels() == before).all()


@pytest.mark.parametrize("shape", [(4, 6, 1), (4, 6, 3), (5, 5, 3)])
def test_colours_and_oblong_images_are_read_back(
    shape: tuple[int, int, int], decoded: Callable[..., pd.DataFrame], root: Path
) -> None:
    expected = GENERATOR.integers(0, 256, (3, *shape), np.uint8)
    folder = Path("made")
    folder.mkdir()
    images.write_shard(folder / images.shard_name(0, "npz"), expected)
    rows = [[f"{n}.png", "a", "", shape[1], shape[0], 1, "0" * 64, "0" * 16] for n in range(3)]
    pd.DataFrame(rows, columns=list(images.INDEX_COLUMNS)).to_csv(folder / "index.csv", index=False)
    images.write_description(folder, shape, ["a"], [images.shard_name(0, "npz")], {})
    images.write_table(images.Images(folder), INBOX / "table.csv")
    color = "rgb" if shape[2] == 3 else "grayscale"
    decoded("table.csv", color=color, resolution=list(shape[:2]))  # type: ignore[arg-type]
    assert (pixels() == expected).all()


def test_kaggles_pair_of_tables_in_a_zip(decoded: Callable[..., pd.DataFrame]) -> None:
    with zipfile.ZipFile(INBOX / "digit-recognizer.zip", "w") as archive:
        lines = [f"{LABELS[n]},{line(n)}" for n in range(6)]
        archive.writestr("train.csv", "\n".join([f"label,{COLUMNS}", *lines]))
        archive.writestr("test.csv", "\n".join([COLUMNS, *(line(n) for n in range(2))]))
        archive.writestr("sample_submission.csv", "ImageId,Label\n1,0\n2,0\n")
    index = decoded("digit-recognizer.zip")
    assert Counter(index["label"]) == {"3": 3, "5": 3}
    assert list(images.Images(OUT / "unlabelled").index["id"]) == [
        "test.csv/0000001.png",
        "test.csv/0000002.png",
    ]
    assert list(rejected()) == ["sample_submission.csv"]


def test_pixels_in_one_column_with_a_split(decoded: Callable[..., pd.DataFrame]) -> None:
    usages = ["Training", "PublicTest", "PrivateTest"] * 2
    rows = [f'{LABELS[n]},"{line(n, " ")}",{usages[n]}' for n in range(6)]
    write_csv("fer2013.csv", "emotion,pixels,Usage", rows)
    index = decoded("fer2013.csv", map={"3": "happy"})
    assert Counter(index["split"]) == {"train": 2, "validation": 2, "test": 2}
    assert set(index["label"]) == {"happy", "5"}


@pytest.mark.parametrize("last", [False, True])
def test_a_table_without_names_of_columns(last: bool, decoded: Callable[..., pd.DataFrame]) -> None:
    dark = PIXELS.copy()
    dark[:, [0, -1], [0, -1]] = 0
    rows = [",".join(map(str, picture.ravel())) for picture in dark]
    lines = [f"{row},{label}" if last else f"{label},{row}" for row, label in zip(rows, LABELS, strict=True)]
    write_csv("mnist.csv", lines[0], lines[1:])
    assert list(decoded("mnist.csv")["label"]) == list(map(str, LABELS))
    assert (pixels()[..., 0] == dark).all()


def test_bad_rows_are_told_and_the_others_used(decoded: Callable[..., pd.DataFrame]) -> None:
    good = [f"{LABELS[n]},{line(n)}" for n in range(4)]
    bad = ["3,x" + line(0)[1:], "3,256" + ",0" * 63, "3,1,2", "5,0.5" + ",0" * 63]
    write_csv("digits.csv", f"label,{COLUMNS}", [*good, *bad])
    assert len(decoded("digits.csv")) == 4
    told = rejected()
    assert len(told) == 4
    assert "could not convert" in told["0000005.png"]
    assert "values of 0 to 256" in told["0000006.png"]
    assert "corrupt" in told["0000007.png"]


@pytest.mark.parametrize(
    "content",
    [
        "path,0,1,2,3,4\na.png,1,0,0,0,0\n",
        "path,p1,p2,p3,p4\na.png,1,0,0,0\n",
        "1,0,0,0,1\n",
        "",
        "x" * 200_000,
        '"never closed\n' * 3,
    ],
)
def test_other_tables_are_left_alone(content: str, decoded: Callable[..., pd.DataFrame]) -> None:
    write_csv("digits.csv", f"label,{COLUMNS}", [f"{LABELS[n]},{line(n)}" for n in range(6)])
    with zipfile.ZipFile(INBOX / "both.zip", "w") as archive:
        archive.write(INBOX / "digits.csv", "digits.csv")
        archive.writestr("other.csv", content)
    assert len(decoded("both.zip")) == 6
    assert list(rejected()) == ["other.csv"]
    assert "not an image" in rejected()["other.csv"] or "empty" in rejected()["other.csv"]


def test_marks_of_classes_by_number_are_still_read_as_labels(decoded: Callable[..., pd.DataFrame]) -> None:
    with zipfile.ZipFile(INBOX / "marked.zip", "w") as archive:
        for number in range(6):
            archive.writestr(f"{number}.png", png(number))
        rows = [f"{number}.png,{int(number % 2 == 0)},{int(number % 2 == 1)},0,0,0" for number in range(6)]
        archive.writestr("labels.csv", "\n".join(["path,0,1,2,3,4", *rows]))
    columns = ["0", "1", "2", "3", "4"]
    index = decoded("marked.zip", kind="csv", file="labels.csv", label_columns=columns)
    assert Counter(index["label"]) == {"0": 3, "1": 3}


def test_an_oblong_table_says_what_it_lacks(decoded: Callable[..., pd.DataFrame]) -> None:
    names = ",".join(f"pixel{number}" for number in range(60))
    write_csv("digits.csv", f"label,{names}", ["1" + ",0" * 60])
    with pytest.raises(UserError, match=r"60 columns of pixels are no square image.*height and width"):
        decoded("digits.csv")


def test_a_table_of_labels_is_none_of_pixels(decoded: Callable[..., pd.DataFrame]) -> None:
    write_csv("digits.csv", f"label,{COLUMNS}", [f"{LABELS[n]},{line(n)}" for n in range(6)])
    write_csv("labels.csv", "path,label", ["a.png,cat"])
    with zipfile.ZipFile(INBOX / "both.zip", "w") as archive:
        archive.write(INBOX / "digits.csv", "digits.csv")
        archive.write(INBOX / "labels.csv", "labels.csv")
    assert len(decoded("both.zip")) == 6
    assert list(rejected()) == ["labels.csv"]


def one_hot() -> np.ndarray[Any, Any]:
    return np.eye(6)[LABELS]


@pytest.mark.parametrize(
    ("arrays", "labels"),
    [
        ({"x_train": PIXELS[:4], "y_train": LABELS[:4], "x_test": PIXELS[4:], "y_test": LABELS[4:]}, "split"),
        ({"train_images": PIXELS, "train_labels": LABELS[:, None]}, "plain"),
        ({"images": PIXELS.reshape(6, 64), "labels": one_hot()}, "plain"),
        ({"X": PIXELS[..., None], "y": LABELS.astype(float)}, "plain"),
        ({"data": PIXELS, "target": np.array(["3", "5"] * 3)}, "plain"),
        ({"images": PIXELS.astype(np.float32), "labels": LABELS.astype(np.uint8)}, "plain"),
    ],
)
@pytest.mark.parametrize("form", ["npz", "npy", "hdf5"])
def test_arrays_are_matched_by_name(
    form: str, arrays: dict[str, Any], labels: str, decoded: Callable[..., pd.DataFrame]
) -> None:
    if form == "npz":
        np.savez_compressed(INBOX / "set.npz", **arrays)
    elif form == "hdf5":
        with h5py.File(INBOX / "set.npz", "w") as file:
            for name, array in arrays.items():
                file[name] = array.astype("S1") if array.dtype.kind == "U" else array
        (INBOX / "set.npz").rename(INBOX / "set.h5")
    else:
        (INBOX / "set").mkdir()
        for name, array in arrays.items():
            np.save(INBOX / "set" / name, array)
    index = decoded({"npz": "set.npz", "hdf5": "set.h5", "npy": "set"}[form])
    assert rejected() == {}
    assert Counter(index["label"]) == {"3": 3, "5": 3}
    order = np.argsort(index["id"].str.contains("test").to_numpy(), kind="stable")
    assert (pixels()[order][..., 0] == PIXELS).all()
    if labels == "split":
        assert Counter(index["split"]) == {"train": 4, "test": 2}


def test_colours_of_arrays_and_names_of_classes(decoded: Callable[..., pd.DataFrame]) -> None:
    colours = GENERATOR.integers(0, 256, (4, 8, 8, 3), np.uint8)
    names = np.array(["cat", "dog"])
    np.savez(INBOX / "last.npz", images=colours, labels=[0, 1, 0, 1], class_names=names)
    assert list(decoded("last.npz", color="rgb")["label"]) == ["cat", "dog", "cat", "dog"]
    assert (pixels() == colours).all()
    np.savez(INBOX / "first.npz", images=np.moveaxis(colours, 3, 1), labels=[0, 1, 0, 1])
    decoded("first.npz", color="rgb")
    assert (pixels() == colours).all()


def idx(array: np.ndarray[Any, Any]) -> bytes:
    return (
        struct.pack(">HBB", 0, 8, array.ndim)
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.astype(np.uint8).tobytes()
    )


def test_mnists_own_files(decoded: Callable[..., pd.DataFrame]) -> None:
    for name, array in {
        "train-images-idx3": PIXELS[:4],
        "train-labels-idx1": LABELS[:4],
        "t10k-images-idx3": PIXELS[4:],
        "t10k-labels-idx1": LABELS[4:],
    }.items():
        (INBOX / f"{name}-ubyte.gz").write_bytes(gzip.compress(idx(array)))
    names = [path.name for path in INBOX.glob("*.gz")]
    index = decoded(*names)
    assert Counter(zip(index["split"], index["label"], strict=True)) == {
        ("train", "3"): 2,
        ("train", "5"): 2,
        ("test", "3"): 1,
        ("test", "5"): 1,
    }
    assert (pixels()[[2, 3, 4, 5, 0, 1], ..., 0] == PIXELS).all()


def test_the_real_files_of_fashion_mnist(decoded: Callable[..., pd.DataFrame]) -> None:
    folder = Path("/usr/share/datasets/fashion-mnist")
    if not folder.is_dir():
        pytest.skip("Debian's dataset-fashion-mnist is not installed")
    names = [str(path) for path in sorted(folder.glob("t10k-*.gz"))]
    index = decoded(*names, resolution=28)
    assert Counter(index["label"]) == {str(label): 1000 for label in range(10)}


def test_parquet_as_hugging_face_exports_it(decoded: Callable[..., pd.DataFrame]) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    pictures = [{"bytes": png(number), "path": f"{number}.png"} for number in range(4)]
    notes = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    table = pa.table({"image": pictures, "label": [0, 1, 0, 1]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(notes)})
    folder = INBOX / "pets" / "data"
    folder.mkdir(parents=True)
    parquet.write_table(table.slice(0, 2), folder / "train-00000-of-00002.parquet")
    parquet.write_table(table.slice(2, 1), folder / "train-00001-of-00002.parquet")
    parquet.write_table(table.slice(3), folder / "test-00000-of-00001.parquet")
    (folder / "broken.parquet").write_bytes(b"PAR1 and no more")
    index = decoded("pets")
    assert list(index["id"]) == [
        "pets/data/test-00000-of-00001.parquet/test/0000001.png",
        "pets/data/train-00000-of-00002.parquet/train/0000001.png",
        "pets/data/train-00000-of-00002.parquet/train/0000002.png",
        "pets/data/train-00001-of-00002.parquet/train/0000001.png",
    ]
    assert list(index["label"]) == ["dog", "cat", "dog", "cat"]
    assert list(index["split"]) == ["test", "train", "train", "train"]
    assert list(rejected()) == ["pets/data/broken.parquet"]


BROKEN = {
    "x.npy": b"\x93NUMPY\x01\x00",
    "short-idx3-ubyte": idx(PIXELS)[:-1],
    "long-idx3-ubyte": idx(PIXELS) + b"0",
    "huge-idx3-ubyte": struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 2**31),
    "empty.h5": b"\x89HDF\r\n\x1a\n",
    "text.parquet": b"no parquet",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_rejected_and_the_others_used(
    name: str, decoded: Callable[..., pd.DataFrame]
) -> None:
    write_csv("digits.csv", f"label,{COLUMNS}", [f"{LABELS[n]},{line(n)}" for n in range(6)])
    (INBOX / name).write_bytes(BROKEN[name])
    assert len(decoded("digits.csv", name)) == 6
    assert list(rejected()) == [name]


def test_pickles_are_not_opened(decoded: Callable[..., pd.DataFrame]) -> None:
    np.savez(INBOX / "set.npz", images=PIXELS, labels=np.array([{"a": 1}] * 6, dtype=object))
    with pytest.raises(UserError, match=r"none of 6 files has a label.*labels\.npy.*Python objects"):
        decoded("set.npz")


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x": PIXELS, "y": LABELS[:5]}, "expected a label an image"),
        ({"x": PIXELS / 300, "y": LABELS}, "expected whole numbers of 0 to 255"),
        ({"x": PIXELS.reshape(6, 2, 32).reshape(6, 64)[:, :60], "y": LABELS}, "of square images"),
        ({"x": PIXELS, "y": np.ones((6, 3))}, "one label an image"),
        ({"weights": PIXELS}, "no array of images: weights"),
        ({"x": PIXELS.astype(complex), "y": LABELS}, "holds complex128; expected numbers"),
        ({"x": PIXELS - 300.5, "y": LABELS}, "expected whole numbers of 0 to 255"),
    ],
)
def test_arrays_that_are_no_images_are_told(
    arrays: dict[str, Any], told: str, decoded: Callable[..., pd.DataFrame]
) -> None:
    np.savez(INBOX / "set.npz", **arrays)
    with pytest.raises(UserError, match=told):
        decoded("set.npz")


def test_nothing_outside_an_hdf5_file_is_read(decoded: Callable[..., pd.DataFrame]) -> None:
    with h5py.File(INBOX / "secret.h5", "w") as file:
        file["images"] = PIXELS
    with h5py.File(INBOX / "set.h5", "w") as file:
        file["images"] = h5py.ExternalLink(str((INBOX / "secret.h5").resolve()), "/images")
    with pytest.raises(UserError, match="no array of images"):
        decoded("set.h5")


def test_rows_of_a_table_get_labels_of_a_second_one(decoded: Callable[..., pd.DataFrame]) -> None:
    write_csv("pixels.csv", f"id,{COLUMNS}", [f"{n}.png,{line(n)}" for n in range(6)])
    write_csv("labels.csv", "path,label", [f"{n}.png,{LABELS[n]}" for n in range(6)])
    index = decoded("pixels.csv", kind="csv", file="labels.csv")
    assert list(index["label"]) == list(map(str, LABELS))


def test_two_rows_of_one_id_are_one_image_and_a_reason(decoded: Callable[..., pd.DataFrame]) -> None:
    write_csv("own.csv", f"id,label,{COLUMNS}", [f"a.png,{n},{line(n)}" for n in range(2)])
    assert list(decoded("own.csv")["label"]) == ["0"]
    assert "duplicate name" in rejected()["a.png"]
