"""The whole stage on real archives: every file accounted for, the same bytes however the work is done."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from darkroom import UserError, files, images
from darkroom.decode import resume, shards, stage
from darkroom.decode.pictures.preparation import Preparation
from darkroom.params import read_params
from tests.decode.small_sources import PROGRAM, digest, many, pack, png, start


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    Path("data/raw").mkdir(parents=True)
    Path("data/inbox").mkdir()
    Path(".dvc").mkdir()


def run(root: Path, out: str = "data/images", **changes: Any) -> dict[str, Any]:
    """Decode data/raw with the project's own params.yaml and some changes to them."""
    params = read_params(root / "params.yaml")
    sections = []
    for section in (params.labels, params.image, params.decode):
        known = {key: value for key, value in changes.items() if key in type(section).model_fields}
        sections.append(section.model_copy(update=known))
    labels, image, decode = sections
    metrics = stage.decode(labels, image, decode, Path("data/raw"), Path("data/inbox"), Path(out))
    assert metrics["used"] + metrics["rejected"] + metrics["unlabelled"] == metrics["files"]
    return metrics


def test_images_keep_their_order_label_and_pixels(root: Path) -> None:
    pack(dict(reversed(many(6).items())))
    metrics = run(root, resolution=[12, 10])
    found = images.Images(Path("data/images"))
    assert metrics == {
        "files": 6,
        "used": 6,
        "rejected": 0,
        "unlabelled": 0,
        "classes": 2,
        "duplicates": 0,
        "label_conflicts": 0,
        "flat_images": 0,
        "warnings": 0,
    }
    assert list(found.index["id"]) == sorted(many(6))
    assert list(found.index["label"]) == ["a"] * 3 + ["b"] * 3
    assert found.description["classes"] == ["a", "b"]
    for row, (_, data) in enumerate(sorted(many(6).items())):
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert np.array_equal(found.take([row])[0, :, :, 0], expected)
        assert found.index["sha256"][row] == hashlib.sha256(data).hexdigest()
        assert found.index["bytes"][row] == len(data)
    assert set(found.index["width"]) == {10}
    assert set(found.index["height"]) == {12}


def test_every_odd_file_is_accounted_for(
    root: Path, real_images: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pack({f"odd/{path.name}": path.read_bytes() for path in (real_images / "odd").iterdir()})
    metrics = run(root, resolution=64, color="rgb")
    assert (metrics["files"], metrics["used"], metrics["rejected"]) == (42, 31, 11)
    assert metrics["rejected_truncated"] == 3
    rejected = pd.read_csv("data/images/rejected.csv")
    assert list(rejected.columns) == ["id", "reason", "detail"]
    assert rejected["id"].is_monotonic_increasing
    told = capfd.readouterr()
    assert told.out.startswith(
        "decode: 2 pictures have 16 bits; the brightest sample is 65475: 16 bits hold all"
    )
    assert told.out.count("\n") == 1
    assert metrics["bit_depth"] == 16
    *table, warning = told.err.splitlines()
    assert table == [
        "decode: what was understood (images, the first of them)",
        "  class     odd           31  odd/1_trns.png",
        "  split     none          31  odd/1_trns.png",
        "  left out  corrupt        4  odd/broken.png",
        "  left out  empty          1  odd/zero_byte.jpg",
        "  left out  not an image   1  odd/html_error_page.jpg",
        "  left out  system file    1  odd/Thumbs.db",
        "  left out  too large      1  odd/png_decompression_dos.png",
        "  left out  truncated      3  odd/truncated_end_chunk.png",
    ]
    assert warning.startswith(f"decode: warning: {metrics['flat_images']} images are of one flat value")


def test_images_without_a_label_are_kept_apart(root: Path) -> None:
    pack({"train/cat.0.jpg": png(0), "train/dog.0.jpg": png(1), "test1/1.jpg": png(2), "test1/2.jpg": png(3)})
    metrics = run(root, kind="filename")
    assert (metrics["used"], metrics["unlabelled"]) == (2, 2)
    assert list(images.Images(Path("data/images")).index["label"]) == ["cat", "dog"]
    apart = images.Images(Path("data/images/unlabelled"))
    assert list(apart.index["id"]) == ["test1/1.jpg", "test1/2.jpg"]
    assert apart.description["classes"] == ["cat", "dog"]


def test_no_folder_for_unlabelled_images_where_there_are_none(root: Path) -> None:
    pack(many(2))
    run(root)
    assert not Path("data/images/unlabelled").exists()


def test_a_finished_run_leaves_no_work_behind(root: Path) -> None:
    pack(many(2))
    run(root)
    assert not list(Path(".dvc/tmp/darkroom/decode").iterdir())


def test_a_raised_limit_takes_up_what_was_decoded(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack({"a/1.png": png(1), "b/2.png": b"broken"})
    with pytest.raises(UserError):
        run(root, max_rejected=0.1)
    run(root, max_rejected=0.5)
    assert "1 of 1 shards were finished by an earlier run" in capsys.readouterr().out


def test_the_same_image_under_two_labels_is_rejected_twice(root: Path) -> None:
    pack({"a/1.png": png(1), "b/1.png": png(1), "a/2.png": png(2), "b/3.png": png(3), "b/4.png": png(3)})
    metrics = run(root)
    assert (metrics["used"], metrics["rejected_duplicate_with_another_label"]) == (3, 2)
    assert (metrics["label_conflicts"], metrics["duplicates"]) == (2, 1)
    rejected = pd.read_csv("data/images/rejected.csv")
    assert list(rejected["detail"]) == ["label a; b/1.png has label b", "label b; a/1.png has label a"]
    found = images.Images(Path("data/images"))
    assert list(found.index["id"]) == ["a/2.png", "b/3.png", "b/4.png"]
    assert np.array_equal(found.take([1]), found.take([2]))


def test_the_same_image_under_two_labels_may_be_kept(root: Path) -> None:
    pack({"a/1.png": png(1), "b/1.png": png(1)})
    metrics = run(root, label_conflicts="keep")
    assert (metrics["used"], metrics["rejected"], metrics["label_conflicts"]) == (2, 0, 2)


@pytest.mark.parametrize("changes", [{"workers": 1}, {"workers": 5}, {"backend": "loky"}])
def test_the_bytes_do_not_depend_on_how_the_work_is_spread(root: Path, changes: dict[str, Any]) -> None:
    pack(many(600) | {"a/broken.png": png(0)[:-30], "c.png": png(0)})
    first = run(root, "one")
    assert run(root, "two", **changes) == first
    assert digest(Path("one")) == digest(Path("two"))


def test_npz_and_csv_hold_the_same(root: Path) -> None:
    pack(many(20) | {"c.png": png(99)})
    for suffix in ("npz", "csv"):
        run(root, suffix, format=suffix, color="rgb", shard_images=6)
    one, other = images.Images(Path("npz")), images.Images(Path("csv"))
    assert [Path(name).suffix for name in other.description["shards"]] == [".csv"] * 4
    assert np.array_equal(one.take(range(20)), other.take(range(20)))
    pd.testing.assert_frame_equal(one.index, other.index)
    table = pd.read_csv("csv/shard-00000.csv")
    assert set(table["label"]) <= {"a", "b"}


def test_nothing_to_decode_says_why(root: Path) -> None:
    pack({"a/1.jpg": b"<html>", "a/2.jpg": b"", "b/3.jpg": b"<html>"})
    with pytest.raises(
        UserError, match=r"none of 3 files could be used: 2 not an image, 1 empty; .*a/1\.jpg"
    ):
        run(root)


def test_no_label_at_all_says_so(root: Path) -> None:
    pack({"1.png": png(1), "2.png": png(2)})
    with pytest.raises(UserError, match="none of 2 files has a label"):
        run(root)


def test_too_many_rejections_stop_the_run_and_leave_what_was(root: Path) -> None:
    pack({"a/1.png": png(1), "b/2.png": png(2), "b/3.png": b"broken", "b/4.png": b""})
    before = run(root, max_rejected=0.5)
    assert before["rejected"] == 2
    stood = digest(Path("data/images"))
    with pytest.raises(
        UserError, match=r"2 of 4 files are unusable \(1 not an image, 1 empty\).*decode\.max_rejected"
    ):
        run(root, max_rejected=0.49)
    assert digest(Path("data/images")) == stood


def test_labels_left_out_on_purpose_do_not_count_as_unusable(root: Path) -> None:
    pack(many(4) | {f"c/{n}.png": png(100 + n) for n in range(20)})
    metrics = run(root, skip=["c"], max_rejected=0.0)
    assert (metrics["used"], metrics["rejected_label_skipped"]) == (4, 20)


def test_a_killed_run_goes_on_with_the_shards_it_finished(root: Path) -> None:
    pack(many(400))
    undisturbed = start(root, workers=1, shard_images=10)
    undisturbed.communicate()
    assert undisturbed.returncode == 0
    expected = digest(Path("data/images"))

    killed = start(root, workers=1, shard_images=10)
    work = Path(".dvc/tmp/darkroom/decode")
    while len(list(work.glob("*/*/shard-*.json"))) < 3 and killed.poll() is None:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    finished = len(list(work.glob("*/*/shard-*.json")))
    assert 3 <= finished < 40

    again = start(root, workers=1, shard_images=10)
    out, _ = again.communicate()
    assert again.returncode == 0
    assert f"{finished} of 40 shards were finished by an earlier run" in out
    assert digest(Path("data/images")) == expected


def test_two_runs_at_once_end_in_the_same_bytes(root: Path) -> None:
    pack(many(200))
    runs = [start(root, workers=1, shard_images=10) for _ in range(2)]
    for one in runs:
        assert one.communicate(timeout=120)
        assert one.returncode == 0
    assert images.Images(Path("data/images")).take(range(200)).shape == (200, 300, 300, 1)


def test_work_abandoned_long_ago_is_removed(root: Path) -> None:
    home = Path(".dvc/tmp/darkroom/decode")
    (home / "old").mkdir(parents=True)
    (home / "old.lock").touch()
    os.utime(home / "old.lock", (0, 0))
    with resume.opened("new") as folder:
        assert folder.is_dir()
        assert sorted(path.name for path in home.iterdir()) == ["new", "new.lock"]


MEMORY = """
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(root: Path) -> None:
    peaks = {}
    cells = [png(seed) for seed in range(100)]
    for count in (1_000, 50_000):
        pack({f"{'ab'[n % 2]}/{n:05d}.png": cells[n % 100] for n in range(count)})
        command = [sys.executable, "-c", PROGRAM.replace("300", "80") + MEMORY, str(root), "{}"]
        environment = {**os.environ, "PYTHONPATH": str(root / "src")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        peaks[count] = int(done.stdout.split()[-1])
    assert max(peaks.values()) < 500
    assert peaks[50_000] < peaks[1_000] + 200


def gray16(seed: int, most: int = 4095) -> np.ndarray:
    picture = np.random.default_rng(seed).integers(0, most + 1, (12, 10), np.uint16)
    picture[0, 0] = most
    return picture


def of_16_bits(suffix: str) -> dict[str, bytes]:
    """Return a data set in which most shards of two images hold a picture of 12 bits in 16."""
    members = {}
    for number in range(9):
        picture = gray16(number, [4095, 900, 2000][number % 3]) if number < 7 else gray16(number) >> 4
        picture = picture if number < 7 else picture.astype(np.uint8)
        members[f"{'ab'[number % 2]}/{number}.{suffix}"] = cv2.imencode(f".{suffix}", picture)[1].tobytes()
    return members


@pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
def test_the_whole_set_tells_how_many_of_16_bits_are_used(
    root: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    members = of_16_bits(suffix)
    pack(members)
    metrics = run(root, resolution=[12, 10], shard_images=2)
    assert metrics["bit_depth"] == 12
    assert "the brightest sample is 4095: 12 bits hold all" in capsys.readouterr().out
    found = images.Images(Path("data/images"))
    assert found.description["preparation"]["bit_depth"] == 12
    for row, id in enumerate(found.index["id"]):
        wide = cv2.imdecode(np.frombuffer(members[id], np.uint8), cv2.IMREAD_UNCHANGED)
        expected = wide >> 4 if wide.dtype == np.uint16 else wide
        assert np.array_equal(found.take([row])[0, :, :, 0], expected)
    # What predict does with a picture of the set, and with one brighter than any of it.
    preparation = Preparation.from_json(found.description["preparation"])
    assert np.array_equal(
        preparation.prepare(members["a/0.png".replace("png", suffix)]).pixels, found.take([0])[0]
    )
    bright = cv2.imencode(".png", np.full((12, 10), 4096 + 16, np.uint16))[1].tobytes()
    assert (preparation.prepare(bright).pixels == 255).all()


@pytest.mark.parametrize("changes", [{"workers": 1}, {"workers": 4}, {"workers": 2, "backend": "loky"}])
def test_the_depth_found_does_not_depend_on_how_the_work_is_spread(
    root: Path, changes: dict[str, Any]
) -> None:
    pack(of_16_bits("png"))
    run(root, "first", shard_images=2)
    run(root, "second", shard_images=2, **changes)
    assert digest(Path("first")) == digest(Path("second"))


@pytest.mark.parametrize("killed_after", range(1, 9))
def test_a_run_killed_before_or_after_the_depth_was_known_ends_in_the_same_bytes(
    root: Path, killed_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(of_16_bits("png"))
    run(root, "whole", shard_images=2)
    write, written = shards.write, []

    def killed(*arguments: Any) -> int:
        if len(written) == killed_after:
            raise KeyboardInterrupt
        written.append(arguments)
        return write(*arguments)

    monkeypatch.setattr(shards, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        run(root, shard_images=2, workers=1)
    monkeypatch.setattr(shards, "write", write)
    # In between, another depth is asked for: its shards are others.
    run(root, "other", shard_images=2, bit_depth=14)
    run(root, shard_images=2)
    assert digest(Path("data/images")) == digest(Path("whole"))
    assert digest(Path("other")) != digest(Path("whole"))


def test_a_depth_that_is_asked_for_clips_what_is_brighter(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(of_16_bits("png"))
    assert run(root, bit_depth=10)["bit_depth"] == 10
    assert "1023 is white, and what is brighter is clipped" in capsys.readouterr().out
    assert images.Images(Path("data/images")).take([0]).max() == 255


def drawing(place: int) -> bytes:
    picture = np.full((12, 10, 4), 255, np.uint8)
    picture[..., 3] = 0
    picture[place : place + 4, 2:7, 3] = 255
    return cv2.imencode(".png", picture)[1].tobytes()


def test_white_drawings_are_seen_on_black_and_blank_ones_are_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack({f"{'ab'[place % 2]}/{place}.png": drawing(place) for place in range(6)})
    metrics = run(root)
    assert (metrics["used"], metrics["flat_images"], metrics["label_conflicts"]) == (6, 6, 0)
    assert "6 images are of one flat value once prepared: 6 white (as a/0.png)" in capsys.readouterr().err
    metrics = run(root, background="black")
    assert (metrics["used"], metrics["flat_images"], metrics["warnings"]) == (6, 0, 0)
    assert "warning" not in capsys.readouterr().err


def test_what_systems_leave_behind_never_stops_the_run(root: Path) -> None:
    left = {f"__MACOSX/{id}": b"\0\5\x16\7" for id in many(4)} | {"a/.DS_Store": b"x", "b/Thumbs.db": b"x"}
    pack(many(4) | left)
    metrics = run(root, max_rejected=0.0)
    assert (metrics["used"], metrics["rejected_system_file"], metrics["rejected"]) == (4, 6, 6)
    pack(left)
    with pytest.raises(UserError, match="none of 6 files could be used: 6 system file"):
        run(root)


def test_folders_that_differ_in_composition_alone_are_one_class(root: Path) -> None:
    pack(
        {
            f"{folder}/{number}.png": png(number + len(folder) * 9)
            for folder in ("é", "e\u0301")
            for number in range(3)
        }
    )
    metrics = run(root)
    assert (metrics["used"], metrics["classes"]) == (6, 1)
    assert images.Images(Path("data/images")).description["classes"] == ["é"]


def photo(seed: int, side: int = 400) -> bytes:
    """Return a picture of few, bright colours."""
    few = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return cv2.imencode(".png", cv2.resize(few, (side, side * 3 // 4), interpolation=cv2.INTER_NEAREST))[
        1
    ].tobytes()


def summary() -> dict[str, Any]:
    return files.read_json(Path("data/images/summary.json"))


def test_the_summary_says_what_was_understood(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack(
        {f"train/{label}/{n}.png": png(n + 10 * ord(label)) for label in "ab" for n in range(4)}
        | {
            "test/a/9.png": png(1),
            "test/b/9.png": png(2),
            "test/8.png": png(3),
            "train/b/broken.png": b"broken",
        }
        | {f"train/c/{n}.png": png(30 + n) for n in range(2)}
    )
    metrics = run(root, skip=["d"], min_images=3)
    assert summary() == {
        "classes": {
            "a": {"files": 5, "example": "test/a/9.png"},
            "b": {"files": 5, "example": "test/b/9.png"},
        },
        "splits": {
            "test": {"files": 2, "example": "test/a/9.png"},
            "train": {"files": 8, "example": "train/a/0.png"},
        },
        "left_out": {
            "class with few images": {"files": 2, "example": "train/c/0.png"},
            "not an image": {"files": 1, "example": "train/b/broken.png"},
        },
        "unlabelled": {"files": 1, "example": "test/8.png"},
        "warnings": ["params.yaml: labels.skip: no file has the label 'd'"],
    }
    assert metrics["warnings"] == 1
    assert capsys.readouterr().err.splitlines() == [
        "decode: what was understood (images, the first of them)",
        "  class     a                      5  test/a/9.png",
        "  class     b                      5  test/b/9.png",
        "  split     test                   2  test/a/9.png",
        "  split     train                  8  train/a/0.png",
        "  no label                         1  test/8.png",
        "  left out  class with few images  2  train/c/0.png",
        "  left out  not an image           1  train/b/broken.png",
        "decode: warning: params.yaml: labels.skip: no file has the label 'd'",
    ]


def test_of_many_classes_the_first_are_printed_and_all_are_written(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack({f"{label:02d}/{n}.png": png(100 * label + n) for label in range(30) for n in range(3)})
    run(root)
    assert len(summary()["classes"]) == 30
    printed = [line.split() for line in capsys.readouterr().err.splitlines() if line.startswith("  class")]
    assert printed[-2:] == [["class", "11", "3", "11/0.png"], ["class", "and", "18", "more", "54"]]
    assert len(printed) == 13


def test_warnings_are_told_where_the_stage_ends_with_a_message(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack({"a/1.png": png(1), "b/2.png": b"broken"})
    with pytest.raises(UserError, match="unusable"):
        run(root, max_rejected=0.0, exclude=["*.tif"])
    assert "decode: warning: params.yaml: labels.exclude: no file matches '*.tif'" in capsys.readouterr().err


def test_classes_with_few_images_are_told_or_left_out(root: Path) -> None:
    pack(many(40) | {"c/1.png": png(100), "d/1.png": png(101), "d/2.png": png(102)})
    assert run(root)["classes"] == 4
    assert summary()["warnings"] == [
        "2 of 4 classes have fewer than 3 images: c (1), d (2); add some, or leave such classes out by "
        "labels.min_images: 3"
    ]
    metrics = run(root, min_images=3, max_rejected=0.0)
    assert (metrics["used"], metrics["rejected_class_with_few_images"], metrics["warnings"]) == (40, 3, 0)
    rejected = pd.read_csv("data/images/rejected.csv")
    assert list(rejected["id"]) == ["c/1.png", "d/1.png", "d/2.png"]
    assert rejected["detail"][1] == "d: 2 images; labels.min_images is 3"
    with pytest.raises(UserError, match="none of 43 files could be used: 43 class with few images"):
        run(root, min_images=50)


def test_excluded_files_do_not_count_as_unusable(root: Path) -> None:
    pack(many(4) | {f"a/{n:04d}_mask.png": png(50 + n) for n in range(4)})
    metrics = run(root, exclude=["*_mask.*"], max_rejected=0.0)
    assert (metrics["used"], metrics["rejected_excluded"]) == (4, 4)


def test_a_table_that_is_mended_does_not_meet_the_work_of_the_one_before(root: Path) -> None:
    pack(many(8) | {"a/broken.png": b"broken"})
    table = Path("data/inbox/labels.csv")
    table.write_text(
        "path,label\n" + "".join(f"{id},{'xy'[n % 2]}\n" for n, id in enumerate(sorted(many(8))))
    )
    asked = {"kind": "csv", "file": "labels.csv", "skip": ["y"]}
    with pytest.raises(UserError, match="unusable"):
        run(root, **asked, max_rejected=0.0)
    text = table.read_text()
    table.write_text(text.replace("x", "y", 2))
    metrics = run(root, **asked)
    assert (metrics["used"], metrics["rejected_label_skipped"]) == (2, 6)
    assert not list(Path(".dvc/tmp/darkroom/decode").iterdir())


def test_other_labels_take_up_what_was_decoded(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack(many(4) | {"a/broken.png": b"broken"})
    with pytest.raises(UserError, match="unusable"):
        run(root, max_rejected=0.0)
    run(root, map={"a": "z"})
    assert "1 of 1 shards were finished by an earlier run" in capsys.readouterr().out
    assert images.Images(Path("data/images")).description["classes"] == ["b", "z"]


def test_an_edit_of_any_code_of_the_room_is_other_work(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    before = resume.key("work")
    edited = None
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read_bytes(path) + b"#" * (path == edited))
    package = root / "src" / "darkroom"
    code = files.python_files(
        package / "decode", package / "params", package / "images.py", package / "files.py"
    )
    for path in code:
        edited = path
        assert resume.key("work") != before, path
    edited = package / "plot" / "stage.py"
    assert resume.key("work") == before


def test_photos_made_small_and_grey_are_told_with_the_way_out(root: Path) -> None:
    pack({f"{'ab'[n % 2]}/{n}.png": photo(n) for n in range(8)})
    assert run(root)["warnings"] == 2
    small, grey = summary()["warnings"]
    assert "the pictures are 400 x 300 pixels (median) and become 16 x 16, 19 times smaller a side" in small
    assert small.endswith("try image.resolution: 96")
    assert "8 of 8 that were looked at" in grey
    assert grey.endswith("set image.color: rgb")
    assert run(root, resolution=96, color="rgb")["warnings"] == 0


def test_small_or_grey_pictures_are_not_told(root: Path) -> None:
    pack({f"{'ab'[n % 2]}/{n}.png": png(n) for n in range(8)})
    assert run(root)["warnings"] == 0


def test_drawings_with_their_recipe_lose_nothing(root: Path, real_images: Path) -> None:
    drawings = sorted((real_images / "oxo").rglob("*.*"))
    assert len(drawings) > 20
    pack({str(path.relative_to(real_images / "oxo")): path.read_bytes() for path in drawings})
    run(root, resolution=150)
    assert summary()["warnings"] == []
    assert set(summary()["splits"]) == {"train", "validation", "test"}
