"""Images that show the same picture or subject are one group, named by its first member."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from darkroom import UserError
from darkroom.images import Images
from darkroom.split import groups

Write = Callable[..., Path]


def test_a_group_of_look_alikes_is_named_by_its_first_member(write_images: Write) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (4, 8, 8, 1), np.uint8)
    pixels[3] = pixels[1] // 2 + 10
    images = Images(write_images(["a", "b"] * 2, pixels=pixels))
    assert groups.look_alikes(images, 8).tolist() == [0, 1, 2, 1]
    assert groups.look_alikes(images, None).tolist() == [0, 1, 2, 3]


def test_the_same_file_twice_stays_together_whatever_its_looks(write_images: Write) -> None:
    images = Images(write_images(["a", "b", "a"]))
    images.index.loc[2, ["sha256", "phash"]] = images.index.loc[0, ["sha256", "phash"]]
    assert groups.look_alikes(images, None).tolist() == [0, 1, 0]
    assert groups.look_alikes(images, 8).tolist() == [0, 1, 0]


def test_a_subject_is_the_first_group_or_the_whole_match() -> None:
    assert groups.subject("cells/C12P4_1.png", r"/(C\d+)P") == "C12"
    assert groups.subject("cells/C12P4_1.png", r"C\d+") == "C12"
    assert groups.subject("cells/P4_1.png", r"C\d+") == ""
    assert groups.subject("cells/C12.png", r"C12(P\d+)?") == ""


def test_one_subject_joins_what_looks_joined() -> None:
    ids = ["C1_a", "C2_a", "C1_b", "x", "y"]
    alike = np.array([0, 1, 2, 1, 4])
    assert groups.with_subjects(alike, ids, r"C\d+").tolist() == [0, 1, 0, 1, 4]
    assert groups.with_subjects(alike, ids, None) is alike


def test_a_pattern_that_finds_nothing_is_a_mistake() -> None:
    with pytest.raises(
        UserError, match=r"params\.yaml: split\.group_by: 'Q' matches none of the 2 ids, such as 'a';"
    ):
        groups.with_subjects(np.arange(2), ["a", "b"], "Q")
