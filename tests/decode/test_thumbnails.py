"""Thumbnails of rejected files: what can be made out, no more of them than asked, the same bytes every time."""

import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from darkroom.decode import stage
from darkroom.decode.pictures import decoder_stderr, rejected_thumbnails
from darkroom.decode.rejections import Reason
from darkroom.params import read_params


def photo(height: int = 300, width: int = 400) -> np.ndarray:
    """Draw a picture that is red above and blue below: uint8, BGR."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, :, 2], picture[height // 2 :, :, 0] = 200, 200
    return picture


def encoded(picture: np.ndarray, suffix: str = ".jpg") -> bytes:
    return cv2.imencode(suffix, picture)[1].tobytes()


def thumbnail(
    data: bytes, reason: Reason = Reason.TRUNCATED, max_pixels: int = 1_000_000
) -> np.ndarray | None:
    with decoder_stderr.listening():
        return rejected_thumbnails.of_file(data, reason, max_pixels)


def test_of_a_jpeg_that_ends_too_early_the_first_lines_are_seen():
    noise = np.random.default_rng(0).integers(0, 60, (300, 400, 3)).astype(np.uint8)
    data = encoded(photo() + noise)
    small = thumbnail(data[: len(data) * 2 // 5])
    assert small is not None
    assert small.shape == (72, 96, 3)
    red, _, blue = small[4:20].mean(axis=(0, 1))
    assert red > 150 > blue + 50
    assert np.ptp(small[60:]) < 10  # filled with grey


def test_a_small_picture_keeps_its_pixels():
    picture = np.random.default_rng(0).integers(0, 256, (4, 7, 3)).astype(np.uint8)
    small = thumbnail(encoded(picture, ".png"), Reason.TOO_SMALL)
    assert small is not None
    assert (small == picture[..., ::-1]).all()


def test_too_large_a_picture_is_never_decoded():
    assert thumbnail(encoded(photo()), max_pixels=300 * 400) is not None
    assert thumbnail(encoded(photo()), max_pixels=300 * 400 - 1) is None


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff\xd8", encoded(photo(), ".png")[:60]])
def test_of_what_no_decoder_takes_there_is_none(data: bytes):
    assert thumbnail(data) is None


def test_examples_are_the_first_of_each_reason():
    rejected = [(f"{number:02d}.jpg", Reason.TRUNCATED, "") for number in range(20)]
    rejected += [("z.jpg", Reason.TOO_SMALL, ""), ("zz.jpg", Reason.EMPTY, "")]
    known = {name: np.zeros((2, 2, 3), np.uint8) for name, _, _ in rejected[1:-1]}
    assert list(rejected_thumbnails.examples(rejected, known)) == [
        *(f"{n:02d}.jpg" for n in range(1, 9)),
        "z.jpg",
    ]


def decode(root: Path, folder: Path, **changes: Any) -> dict[str, np.ndarray]:
    """Decode data/raw of ``folder`` with the project's params and some changes; return the thumbnails."""
    params = read_params(root / "params.yaml")
    sections = [
        section.model_copy(
            update={key: value for key, value in changes.items() if key in type(section).model_fields}
        )
        for section in (params.labels, params.image, params.decode)
    ]
    out = folder / "data/images"
    stage.decode(*sections, folder / "data/raw", folder / "data/inbox", out)  # type: ignore[arg-type]
    return rejected_thumbnails.read(out / "rejected.npz")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / ".dvc").mkdir()
    return tmp_path


def pack(folder: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(folder / "data/raw/source.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_the_stage_keeps_thumbnails_of_what_it_rejects_whoever_does_the_work(root: Path, folder: Path):
    generator = np.random.default_rng(0)
    whole = [encoded(generator.integers(0, 256, (20, 30, 3)).astype(np.uint8), ".png") for _ in range(400)]
    members = {f"{'ab'[number % 2]}/{number:04d}.png": data for number, data in enumerate(whole)}
    cut = encoded(photo())[:-400]
    members |= {f"a/cut-{number:02d}.jpg": cut for number in range(20)}
    members |= {
        "a/twin.png": whole[0] + b"\0",
        "b/twin.png": whole[0] + b"\0",
        "b/tiny.png": encoded(photo(3, 3), ".png"),
    }
    members |= {"a/empty.jpg": b"", "a/text.jpg": b"<html>"}
    pack(folder, members)
    kept = {}
    for workers in (1, 3):
        found = decode(root, folder, workers=workers, min_side=8, label_conflicts="reject")
        kept[workers] = (folder / "data/images/rejected.npz").read_bytes()
    assert [name[-10:] for name in found if "cut" in name] == [f"cut-{n:02d}.jpg" for n in range(8)]
    assert any(name.endswith("tiny.png") for name in found)
    assert sum(name.endswith("twin.png") for name in found) == 2
    assert not any("empty" in name or "text" in name for name in found)
    assert kept[1] == kept[3]


def test_without_a_rejection_there_is_no_file(root: Path, folder: Path):
    members = {f"{label}/{number}.png": encoded(photo(9 + number, 9), ".png")
               for label, number in (("a", 0), ("a", 1), ("b", 2), ("b", 3))}  # fmt: skip
    pack(folder, members)
    assert decode(root, folder) == {}
    assert not (folder / "data/images/rejected.npz").exists()
