"""What an archive is, and how it is named."""

import gzip
import io
import random
import tarfile
from pathlib import Path

import pytest

from darkroom.fetch import archives
from tests.fetch.conftest import make_zip


def make_tar(mode: str, kind: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=kind) as archive:
        info = tarfile.TarInfo("cats/1.jpg")
        info.size = 5000
        archive.addfile(info, io.BytesIO(bytes(range(250)) * 20))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (make_zip(100), ".zip"),
        (make_tar("w:gz"), ".tar.gz"),
        (make_tar("w:bz2"), ".tar.bz2"),
        (make_tar("w:xz"), ".tar.xz"),
        (make_tar("w:", tarfile.GNU_FORMAT), ".tar"),
        (make_tar("w:", tarfile.PAX_FORMAT), ".tar"),
        (b"\xff\xd8\xff\xe0" * 200, None),
        (b"<html>" + b" " * 600, None),
        (b"\0" * 600, None),
        (b"", None),
    ],
)
def test_an_archive_is_told_by_its_first_bytes(content: bytes, suffix: str | None) -> None:
    assert archives.suffix_of(content[: archives.HEAD]) == suffix


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz", "w:"])
def test_a_tar_is_whole_or_it_is_not(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    content = make_tar(mode)
    path.write_bytes(content)
    archives.check_whole(path)
    path.write_bytes(content[: min(len(content) * 2 // 3, 4000)])
    with pytest.raises(ValueError, match=r"."):
        archives.check_whole(path)


def test_a_tar_ends_where_its_last_file_does(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w:") as archive:
        info = tarfile.TarInfo("cats/1.jpg")
        info.size = 5120
        archive.addfile(info, io.BytesIO(bytes(5120)))
        archive.addfile(tarfile.TarInfo("cats/empty"))
    content = path.read_bytes()
    path.write_bytes(content[: 512 + 5120])
    archives.check_whole(path)
    path.write_bytes(content[: 512 + 5119])
    with pytest.raises(ValueError, match="breaks off"):
        archives.check_whole(path)


def test_a_compressed_archive_is_read_to_its_end_unless_it_expands_beyond_all_photos(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    # Some ninety times as large as the file, which a set of drawings may be; and a thousand times.
    for content, told in (
        (random.Random(0).randbytes(100_000) + bytes(10_000_000), True),
        (bytes(30_000_000), False),
    ):
        path.write_bytes(gzip.compress(content)[:-8])
        if told:
            with pytest.raises(ValueError, match="end-of-stream"):
                archives.check_whole(path)
        else:
            archives.check_whole(path)


@pytest.mark.parametrize(
    "page", ["<!DOCTYPE HTML>", "\n\n  <html lang=en>", "\ufeff<html>", '<?xml version="1.0"?><html>']
)
def test_a_web_page_is_told_by_its_first_bytes(page: str) -> None:
    assert archives.is_html(page.encode())


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("photos.zip", "photos.zip"),
        ("Photos.TGZ", "Photos.TGZ"),
        ("download.php", "download.php.zip"),
        ("", "archive.zip"),
        ("..", "archive.zip"),
        ("..\\..\\x.zip", "_.._x.zip"),
        (".hidden.zip", "hidden.zip"),
        ("a b (1).zip", "a b (1).zip"),
        ("a\x00b\n.zip", "a_b_.zip"),
        ("source.json", "source.json.zip"),
        ("x" * 130 + ".zip", "x" * 116 + ".zip"),
    ],
)
def test_names_are_made_fit_for_a_folder(name: str, fit: str) -> None:
    assert archives.name_for(name, make_zip(1), []) == fit


def test_names_differ_also_where_case_does_not_count() -> None:
    assert archives.name_for("A.zip", b"PK", ["a.zip", "2-a.ZIP"]) == "3-A.zip"
