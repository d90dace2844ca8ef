"""Files appear whole or not at all, with fixed formatting."""

import os
import stat
from pathlib import Path

import pytest

from darkroom import files


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with files.whole(target) as part:
        part.write_text("old")

    def fail() -> None:
        with files.whole(target) as part:
            part.write_text("half of the new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_file_gets_the_permissions_of_any_other(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files.write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o666 & ~umask


def test_json_keeps_its_order_and_its_letters(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_bytes() == '{\n  "b": 1,\n  "a": "é"\n}\n'.encode()
    assert files.read_json(tmp_path / "a.json") == {"b": 1, "a": "é"}


def test_json_refuses_what_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "a.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_json_must_be_an_object(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(ValueError, match="expected a JSON object, got list"):
        files.read_json(tmp_path / "a.json")


def test_csv_formats_floats_the_same_everywhere(tmp_path: Path) -> None:
    files.write_csv(tmp_path / "a.csv", ["x", "y"], [[1, 1 / 3], ["a,b", 2.0]])
    assert (tmp_path / "a.csv").read_bytes() == b'x,y\n1,0.333333\n"a,b",2\n'


def test_an_empty_folder_is_empty(tmp_path: Path) -> None:
    (tmp_path / "out" / "sub").mkdir(parents=True)
    (tmp_path / "out" / "sub" / "old").write_text("")
    assert not list(files.empty_folder(tmp_path / "out").iterdir())
