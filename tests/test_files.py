"""Files appear whole or not at all, with fixed formatting."""

import hashlib
import os
import stat
import subprocess
from collections.abc import Callable
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


def sealed(folder: Path) -> Path:
    for name in ("b.txt", "a.txt", "deep/c.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    files.seal(folder)
    return folder


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_a_seal_is_what_md5sum_reads_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    folder = sealed(tmp_path)
    done = subprocess.run(["md5sum", "--check", "--strict", files.SEAL], cwd=folder, check=False)
    assert done.returncode == 0
    before = (folder / files.SEAL).read_bytes()
    files.seal(folder)
    assert (folder / files.SEAL).read_bytes() == before
    assert files.damage(folder) == {}


def test_damaged_and_lost_files_are_found_with_the_sum_they_had(tmp_path: Path) -> None:
    folder = sealed(tmp_path)
    (folder / "deep/c.txt").write_text("other")
    (folder / "a.txt").unlink()
    (folder / "later.txt").touch()
    assert files.damage(folder) == {folder / name: md5(name) for name in ("a.txt", "deep/c.txt")}


@pytest.mark.parametrize(
    "damage",
    [lambda seal: seal.replace(b"a", b"b"), lambda seal: seal[:50], lambda seal: b"", lambda seal: b"\xff"],
)
def test_a_damaged_seal_is_told_from_damaged_files(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    folder = sealed(tmp_path)
    seal = (folder / files.SEAL).read_bytes()
    (folder / files.SEAL).write_bytes(damage(seal))
    assert files.damage(folder) == {folder / files.SEAL: md5(seal.decode())}


def test_a_folder_without_a_seal_has_no_damage(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    assert files.damage(tmp_path) == {}


def test_scratch_lies_in_the_repository_that_dvc_names(tmp_path, monkeypatch):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    assert files.scratch("train") == Path(".dvc/tmp/darkroom/train")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert files.scratch("train") == tmp_path / ".dvc" / "tmp" / "darkroom" / "train"
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "nowhere"))
    assert files.scratch("train") is None
