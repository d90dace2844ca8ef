"""NPZ files are NumPy's, with the same bytes under every Python, and their arrays are found for mapping."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from darkroom import npz

ARRAYS = {
    "images": np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1),
    "names": np.array(["a", "ümlaut"]),
    "method": np.array("minmax"),
    "empty": np.empty((0, 3), np.float32),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


def test_numpy_reads_what_was_written(tmp_path: Path) -> None:
    npz.write(tmp_path / "a.npz", **ARRAYS)
    with np.load(tmp_path / "a.npz") as content:
        assert content.files == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert content[name].dtype == array.dtype
            np.testing.assert_array_equal(content[name], array)


def test_bytes_are_those_of_every_python() -> None:
    # numpy.savez's differ between Python 3.11.2 and 3.11.7; run this under both.
    buffer = io.BytesIO()
    npz.write(buffer, **ARRAYS)
    assert (
        hashlib.sha256(buffer.getvalue()).hexdigest()
        == "2ad2cf205ae9e84bd821d0af5dbe439fa23c5038661c15aba01294f412c221e5"
    )


def test_array_that_needs_the_longer_fields_gets_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    large = np.arange(2000, dtype=np.uint8)
    npz.write(tmp_path / "a.npz", large=large)
    offset, shape, dtype = npz.place(tmp_path / "a.npz", "large")
    np.testing.assert_array_equal(np.memmap(tmp_path / "a.npz", dtype, "r", offset, shape), large)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["large"], large)


@pytest.mark.parametrize("name", ["images", "names", "empty"])
def test_place_is_where_the_array_begins(tmp_path: Path, name: str) -> None:
    npz.write(tmp_path / "a.npz", **ARRAYS)
    offset, shape, dtype = npz.place(tmp_path / "a.npz", name)
    stored = (tmp_path / "a.npz").read_bytes()[offset : offset + ARRAYS[name].nbytes]
    np.testing.assert_array_equal(np.frombuffer(stored, dtype).reshape(shape), ARRAYS[name])


def test_array_stored_by_columns_is_refused(tmp_path: Path) -> None:
    npz.write(tmp_path / "a.npz", **ARRAYS)
    with pytest.raises(ValueError, match="columns is stored by columns"):
        npz.place(tmp_path / "a.npz", "columns")


def test_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        npz.write(tmp_path / "a.npz", objects=np.array([None]))
