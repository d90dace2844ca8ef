"""The same image under two labels is found; copies under one label are counted."""

from darkroom.decode import duplicates
from darkroom.decode.rejections import Reason
from darkroom.decode.shards import Row


def row(id: str, label: str, sha256: str, content: str = "", phash: str = "0", flat: str = "") -> Row:
    return Row(id, 8, 8, 100, sha256, phash, content or sha256, label=label, flat=flat)


def test_distinct_images_are_neither_copies_nor_conflicts() -> None:
    rows = [row("a", "cat", "1"), row("b", "dog", "2")]
    assert duplicates.conflicts(rows) == {}
    assert duplicates.count(rows) == 0


def test_a_file_under_two_labels_is_a_conflict_of_both() -> None:
    rows = [row("a", "cat", "1"), row("b", "dog", "1"), row("c", "cat", "2")]
    assert duplicates.conflicts(rows) == {
        "a": "label cat; b has label dog",
        "b": "label dog; a has label cat",
    }


def test_the_same_pixels_in_another_file_are_the_same_image() -> None:
    assert set(duplicates.conflicts([row("a", "cat", "1", "p"), row("b", "dog", "2", "p")])) == {"a", "b"}


def test_pixels_made_equal_by_a_step_are_not_the_same_image() -> None:
    rows = [row("a", "cat", "1", "black", "12"), row("b", "dog", "2", "black", "34")]
    assert duplicates.conflicts(rows) == {}


def test_pixels_of_one_flat_value_say_nothing_of_the_picture() -> None:
    blank = [row("a", "cat", "1", "white", flat="white"), row("b", "dog", "2", "white", flat="white")]
    assert duplicates.conflicts(blank) == {}
    assert duplicates.count(blank) == 0
    assert set(duplicates.conflicts([*blank, row("c", "dog", "1", "white", flat="white")])) == {"a", "c"}


def test_every_copy_of_a_conflicting_image_is_one() -> None:
    rows = [row("a", "cat", "1"), row("b", "cat", "1"), row("c", "dog", "1")]
    assert set(duplicates.conflicts(rows)) == {"a", "b", "c"}


def test_copies_under_one_label_are_counted() -> None:
    rows = [row("a", "cat", "1"), row("b", "cat", "1"), row("c", "cat", "2", "1"), row("d", "cat", "3")]
    assert duplicates.conflicts(rows) == {}
    assert duplicates.count(rows) == 2


def test_a_conflict_is_a_documented_rejection() -> None:
    assert duplicates.rejections({"a": "why"}) == [("a", Reason.LABEL_CONFLICT, "why")]
