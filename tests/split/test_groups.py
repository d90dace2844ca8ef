"""Images that show the same picture or subject are one group, named by its first member."""

import numpy as np
import pandas as pd
import pytest

from darkroom import UserError
from darkroom.split import groups


def index(hashes: list[str], sha256: list[str] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"sha256": sha256 or [str(row) for row in range(len(hashes))], "phash": hashes})


def test_hashes_a_few_bits_apart_stay_together() -> None:
    table = index(["00000000000000ff", "ffff000000000000", "00000000000000fc", "00000000000000f0"])
    assert groups.look_alikes(table, 1).tolist() == [0, 1, 2, 3]
    assert groups.look_alikes(table, 2).tolist() == [0, 1, 0, 0]  # 2 and 3 are two bits apart, 0 and 3 four
    assert groups.look_alikes(table, None).tolist() == [0, 1, 2, 3]


def test_the_same_file_twice_stays_together_even_without_hashes() -> None:
    assert groups.look_alikes(index(["", "", ""], ["a", "b", "a"]), None).tolist() == [0, 1, 0]


def test_images_without_a_hash_are_alike_to_none() -> None:
    assert groups.look_alikes(index(["", "", "0" * 16, "0" * 16]), 2).tolist() == [0, 1, 2, 2]


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
    with pytest.raises(UserError, match=r"params\.yaml: split\.group_by: 'Q' matches none of the 2 ids"):
        groups.with_subjects(np.arange(2), ["a", "b"], "Q")
