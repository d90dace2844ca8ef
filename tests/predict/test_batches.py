"""Pictures come out in their order and in full batches, and few of them are in memory at a time."""

import threading

import numpy as np
import pytest

from darkroom.decode.archives.extents import Place
from darkroom.decode.rejections import Reason, Rejected
from darkroom.predict.batches import batches
from darkroom.predict.inputs import Picture


@pytest.fixture
def pictures(tmp_path):
    """Return a hundred files, each of one byte, its number."""
    path = tmp_path / "all"
    path.write_bytes(bytes(range(100)))
    return [Picture(str(number), Place(str(path), number, 1, 1)) for number in range(100)]


def filled(data):
    return np.full((2, 3, 1), data[0], np.uint8)


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_pictures_keep_their_order(pictures, workers):
    made = list(batches(pictures, filled, (2, 3, 1), 32, workers))
    assert [len(batch.ids) for batch in made] == [32, 32, 32, 4]
    assert [one for batch in made for one in batch.ids] == [str(number) for number in range(100)]
    assert [int(pixels[0, 0, 0]) for batch in made for pixels in batch.pixels] == list(range(100))
    assert {batch.pixels.shape[1:] for batch in made} == {(2, 3, 1)}


def test_bad_files_leave_no_gap(pictures):
    def prepare(data):
        if data[0] % 2:
            raise Rejected(Reason.CORRUPT, "odd")
        return filled(data)

    made = list(batches(pictures, prepare, (2, 3, 1), 32, 2))
    assert [len(batch.ids) for batch in made] == [32, 18]
    assert [one.id for batch in made for one in batch.bad] == [str(number) for number in range(1, 100, 2)]
    assert {(one.reason, one.detail) for batch in made for one in batch.bad} == {("corrupt", "odd")}


def test_bad_files_alone_are_still_told(pictures, tmp_path):
    (tmp_path / "all").unlink()
    (batch,) = batches(pictures[:3], filled, (2, 3, 1), 32, 2)
    assert batch.ids == []
    assert [one.detail for one in batch.bad] == ["No such file or directory"] * 3


def test_only_a_few_batches_are_made_ahead(pictures):
    prepared = []

    def prepare(data):
        prepared.append(data)
        return filled(data)

    made = batches(pictures * 50, prepare, (2, 3, 1), 10, 2)
    next(made)
    made.close()
    assert len(prepared) <= 10 + 2 * 10 + 2 * 8 + 4 * 8


def test_a_bug_in_a_thread_is_not_swallowed_and_ends_the_threads(pictures):
    def prepare(data):
        raise ZeroDivisionError

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        next(batches(pictures, prepare, (2, 3, 1), 10, 2))
    assert threading.active_count() == before
