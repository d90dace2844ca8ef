"""`darkroom predict`, driven as from a shell on a model that the stages trained."""

import csv
import gzip
import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.decode.pictures.preparation import Preparation
from darkroom.decode.rejections import Rejected


def zipped(contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def tarred(contents):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def numbers(done):
    return [list(row.values())[1:] for row in done.rows]


def test_the_test_images_get_the_numbers_of_the_stage_evaluate(darkroom, workspace):
    with (workspace / "data/predictions/test.csv").open(newline="") as file:
        expected = list(csv.DictReader(file))
    inbox = workspace / "data/inbox"
    done = darkroom(inbox, "predict", "--model", workspace / "models", *(row["id"] for row in expected))
    assert done.code == 0, done.error
    assert done.ids == [row["id"] for row in expected]
    for row, known in zip(done.rows, expected, strict=True):
        assert row["label"] == known["predicted"]
        assert {k: v for k, v in row.items() if k.startswith("p_")} == {
            k: v for k, v in known.items() if k.startswith("p_")
        }


def test_one_argument_alone_is_predicted_by_the_model_in_models(darkroom, workspace):
    done = darkroom(workspace, "predict", "data/inbox/stripes/across")
    assert done.code == 0, done.error
    assert done.ids == sorted(f"data/inbox/stripes/across/{number}.png" for number in range(0, 120, 3))
    assert done.error == ""


def test_the_models_file_may_be_named_itself(darkroom, models, pictures):
    by_folder, by_file = (
        darkroom(pictures, "predict", "--model", m, "1.png") for m in (models, models / "model.keras")
    )
    assert by_file.code == 0, by_file.error
    assert by_file.bytes == by_folder.bytes


def test_a_folder_is_read_in_the_order_of_names_without_what_is_hidden(darkroom, models, pictures):
    (pictures / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    # As in data/raw.
    for name in ("source.json", files.SEAL):
        (pictures / name).write_text("{}")
    (pictures / "more/circle").symlink_to(pictures)
    (pictures / "z.png").symlink_to(pictures / "1.png")
    done = darkroom(pictures.parent, "predict", "--model", models, "pictures")
    assert done.code == 0, done.error
    names = ["1.png", "10.png", "2.png", "b.png", "more/3.png", "more/4.png", "more/5.png", "z.png"]
    assert done.ids == [f"pictures/{name}" for name in names]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "without_suffix"])
def test_an_archive_gives_what_its_files_give(darkroom, models, pictures, name):
    packed = zipped(contents(pictures)) if name.endswith(("zip", "suffix")) else tarred(contents(pictures))
    (pictures.parent / name).write_bytes(gzip.compress(packed) if name.endswith("gz") else packed)
    loose, done = (
        darkroom(pictures.parent, "predict", "--model", models, path) for path in ("pictures", name)
    )
    assert done.code == 0, done.error
    assert done.ids == [one.replace("pictures", name, 1) for one in loose.ids]
    assert numbers(done) == numbers(loose)


def test_archives_inside_archives_and_folders_are_read(darkroom, models, pictures):
    (pictures / "more/test1.zip").write_bytes(
        zipped({"inner.zip": zipped({"a/1.png": (pictures / "1.png").read_bytes()})})
    )
    done = darkroom(pictures, "predict", "--model", models, "more", "1.png")
    assert done.code == 0, done.error
    assert done.ids[3:] == ["more/test1.zip/inner.zip/a/1.png", "1.png"]
    assert numbers(done)[3] == numbers(done)[4]


def test_paths_are_taken_from_stdin_one_a_line(darkroom, models, pictures):
    listed = b"1.png\n\nmore\nnowhere.png\n"
    done = darkroom(pictures, "predict", "--model", models, "b.png", "-", "2.png", stdin=listed)
    assert done.code == 2
    assert done.ids == ["b.png", "1.png", "more/3.png", "more/4.png", "more/5.png", "2.png"]
    assert done.error.splitlines() == [
        "nowhere.png: cannot be read: No such file or directory",
        "darkroom: 1 of 7 files could not be used",
    ]


NAMES = (
    "space in it.png",
    "zwei\nZeilen.png",
    "größe, 日本.png",
    '"quoted".png',
    "-dash.png",
    "cr\r.png",
    "e\u0301.png",
)


def test_odd_names_come_back_as_they_are(darkroom, models, tmp_path, pictures):
    folder = tmp_path / "odd names"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(pictures / "1.png", folder / name)
    listed = "\0".join(NAMES).encode()
    done = darkroom(folder, "predict", "--model", models, "-", stdin=listed)
    assert done.code == 0, done.error
    assert done.ids == list(NAMES)
    assert sorted(darkroom(tmp_path, "predict", "--model", models, "odd names").ids) == sorted(
        f"odd names/{n}" for n in NAMES
    )
    as_json = darkroom(tmp_path, "predict", "--model", models, "odd names", "--format", "json")
    assert sorted(row["id"] for row in json.loads(as_json.bytes)) == sorted(f"odd names/{n}" for n in NAMES)


def test_a_name_that_is_no_utf_8_is_spelled_out(darkroom, models, tmp_path, pictures):
    folder = tmp_path / "latin"
    folder.mkdir()
    shutil.copy(pictures / "1.png", os.fsencode(folder) + b"/\xe9.png")
    done = darkroom(folder, "predict", "--model", models, "-", stdin=b"\xe9.png\n")
    assert done.code == 0, done.error
    assert done.ids == [r"\xe9.png"]


def test_a_picture_named_twice_is_predicted_twice(darkroom, models, pictures):
    done = darkroom(pictures, "predict", "--model", models, "1.png", "2.png", "1.png")
    assert done.ids == ["1.png", "2.png", "1.png"]
    assert numbers(done)[0] == numbers(done)[2]


def test_every_odd_file_is_predicted_or_listed_with_the_reason_of_decode(darkroom, models, real_images):
    about = json.loads((models / "model.json").read_text())
    preparation = Preparation.from_json(about["preparation"])
    expected = {}
    # What a system leaves in a folder is not listed, as what is hidden is not.
    paths = sorted(path for path in (real_images / "odd").iterdir() if path.name != "Thumbs.db")
    for path in paths:
        try:
            preparation.prepare(path.read_bytes())
        except Rejected as rejection:
            expected[path.name] = str(rejection)
    assert expected
    done = darkroom(real_images, "predict", "--model", models, "odd")
    assert done.code == 2
    assert set(done.ids) == {f"odd/{path.name}" for path in paths if path.name not in expected}
    *told, summary = done.error.splitlines()
    assert sorted(told) == sorted(f"odd/{name}: {why}" for name, why in expected.items())
    assert summary == f"darkroom: {len(expected)} of {len(paths)} files could not be used"


def test_hostile_archives_do_no_harm_and_hide_no_good_picture(darkroom, models, tmp_path, pictures):
    folder = tmp_path / "hostile"
    folder.mkdir()
    good = (pictures / "1.png").read_bytes()
    (folder / "climbs.zip").write_bytes(zipped({"../evil.png": good, "/root.png": good, "fine.png": good}))
    (folder / "cut.zip").write_bytes(zipped({"fine.png": good})[:-30])
    packed = tarred({"fine.png": good, "gone.png": good})
    (folder / "cut.tar").write_bytes(packed[: packed.index(b"gone.png") + 100])
    (folder / "old.rar").write_bytes(b"Rar!\x1a\x07\x00" + bytes(100))
    (folder / "zeros.png.gz").write_bytes(gzip.compress(bytes(10**6)))
    link = tarfile.TarInfo("passwd.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(folder / "link.tar", "w") as archive:
        archive.addfile(link)
        info = tarfile.TarInfo("fine.png")
        info.size = len(good)
        archive.addfile(info, io.BytesIO(good))
    before = sorted(path for path in tmp_path.rglob("*"))
    done = darkroom(tmp_path, "predict", "--model", models, "hostile")
    assert done.code == 2
    assert done.ids == [
        "hostile/climbs.zip/fine.png",
        "hostile/cut.tar/fine.png",
        "hostile/link.tar/fine.png",
    ]
    told = dict(line.split(": ", 1) for line in done.error.splitlines())
    assert told["hostile/climbs.zip/../evil.png"].startswith("unsafe name")
    assert told["hostile/climbs.zip//root.png"].startswith("unsafe name")
    assert told["hostile/cut.zip"].startswith("truncated: cannot be read as a zip archive: a zip's table")
    assert told["hostile/cut.tar"].startswith("truncated")
    assert (
        told["hostile/old.rar"]
        == "unsupported format: a RAR archive, which is not read; pack it again as zip or tar"
    )
    assert "cannot be read as a tar.gz archive: compressed, and no tar inside" in told["hostile/zeros.png.gz"]
    assert told["hostile/link.tar/passwd.png"].startswith("not a regular file")
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_limits_are_told_by_the_name_they_have_here(darkroom, models, tmp_path, pictures):
    good = (pictures / "1.png").read_bytes()
    (pictures / "bomb.zip").write_bytes(zipped({"1.png": good, "huge.png": bytes(10**6)}))
    (pictures / "many.tar.gz").write_bytes(gzip.compress(tarred({f"{n}.png": good for n in range(200)})))
    limit = ("--max-bytes", 100_000)
    done = darkroom(pictures, "predict", "--model", models, "bomb.zip", "many.tar.gz", "1.png", *limit)
    assert done.code == 2
    assert done.ids == ["bomb.zip/1.png", "1.png"]
    assert "decode.max_bytes" not in done.error
    assert done.error.count("--max-bytes") == 2


def test_a_device_and_a_pipe_are_bad_files(darkroom, models, pictures):
    os.mkfifo(pictures / "pipe.png")
    done = darkroom(pictures, "predict", "--model", models, "/dev/zero", "pipe.png", "1.png")
    assert done.code == 2
    assert done.ids == ["1.png"]
    assert done.error.count("not a regular file: a pipe or a device") == 2


def test_json_is_a_list_of_objects(darkroom, models, pictures):
    table = darkroom(pictures, "predict", "--model", models, ".").rows
    listed = json.loads(darkroom(pictures, "predict", "--model", models, ".", "--format", "json").bytes)
    assert [one["id"] for one in listed] == [row["id"] for row in table]
    for one, row in zip(listed, table, strict=True):
        assert one["label"] == row["label"]
        assert {f"p_{name}": f"{p:.6f}" for name, p in one["probabilities"].items()} == {
            name: value for name, value in row.items() if name.startswith("p_")
        }


def test_top_gives_the_likeliest_first(darkroom, models, pictures):
    full, two = (
        darkroom(pictures, "predict", "--model", models, ".", *more).rows for more in ((), ("--top", 2))
    )
    assert list(two[0]) == ["id", "label_1", "p_1", "label_2", "p_2"]
    for row, best in zip(full, two, strict=True):
        by_class = {name.removeprefix("p_"): float(p) for name, p in row.items() if name.startswith("p_")}
        first, second = sorted(by_class, key=by_class.__getitem__, reverse=True)[:2]
        assert (best["label_1"], best["label_2"]) == (first, second)
        assert best["p_2"] == row[f"p_{second}"]
    as_json = json.loads(
        darkroom(pictures, "predict", "--model", models, ".", "--top", 2, "--format", "json").bytes
    )
    assert [list(one["probabilities"]) for one in as_json] == [[b["label_1"], b["label_2"]] for b in two]


def test_what_is_less_sure_than_asked_for_is_not_answered(darkroom, models, pictures):
    full = darkroom(pictures, "predict", "--model", models, ".").rows
    sure = sorted(max(float(p) for name, p in row.items() if name.startswith("p_")) for row in full)
    least = sure[len(sure) // 2]
    for more in ((), ("--top", 1)):
        rows = darkroom(pictures, "predict", "--model", models, ".", "--min-confidence", least, *more).rows
        assert list(rows[0])[-1] == "answered"
        assert sorted(row["answered"] for row in rows) == ["false"] * (len(sure) // 2) + ["true"] * (
            len(sure) - len(sure) // 2
        )
    listed = json.loads(
        darkroom(
            pictures, "predict", "--model", models, ".", "--min-confidence", least, "--format", "json"
        ).bytes
    )
    assert [one["answered"] for one in listed] == [row["answered"] == "true" for row in rows]


def test_kaggle_wants_id_and_label_sorted_as_numbers(darkroom, two_classes, pictures):
    (pictures / "b.png").unlink()
    table = {
        Path(row["id"]).stem: row for row in darkroom(pictures, "predict", "--model", two_classes, ".").rows
    }
    done = darkroom(
        pictures, "predict", "--model", two_classes, "more", "10.png", "2.png", "1.png", "--format", "kaggle"
    )
    assert done.code == 0, done.error
    assert done.bytes.splitlines()[0] == b"id,label"
    assert done.ids == ["1", "2", "3", "4", "5", "10"]
    assert [row["label"] for row in done.rows] == [
        str(("cat", "dog").index(table[i]["label"])) for i in done.ids
    ]
    for label, column in (("probability", "p_dog"), ("name", "label")):
        other = darkroom(
            pictures, "predict", "--model", two_classes, ".", "--format", "kaggle", "--label", label
        )
        assert [row["label"] for row in other.rows] == [table[i][column] for i in other.ids]


def test_rows_of_a_table_of_pixels_are_predicted_as_pictures_are(darkroom, two_classes, tmp_path):
    images = np.random.default_rng(5).integers(0, 256, (3, 14, 14), np.uint8)
    for number, image in enumerate(images, 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    columns = [f"pixel{number}" for number in range(14 * 14)]
    pd.DataFrame(images.reshape(3, -1), columns=columns).to_csv(tmp_path / "test.csv", index=False)
    with zipfile.ZipFile(tmp_path / "test.zip", "w") as archive:
        archive.write(tmp_path / "test.csv", "test.csv")
    expected = darkroom(tmp_path, "predict", "--model", two_classes, "1.png", "2.png", "3.png").rows
    for table in ("test.csv", "test.zip"):
        done = darkroom(tmp_path, "predict", "--model", two_classes, table)
        assert done.code == 0, done.error
        assert done.ids == [f"{table}/{number:07d}.png" for number in (1, 2, 3)]
        assert [row["p_dog"] for row in done.rows] == [row["p_dog"] for row in expected]
    np.save(tmp_path / "odd.npy", images)
    assert "odd.npy: not an image" in darkroom(tmp_path, "predict", "--model", two_classes, "odd.npy").error


def test_two_pictures_of_one_kaggle_id_are_refused(darkroom, models, pictures):
    shutil.copy(pictures / "1.png", pictures / "more/1.png")
    done = darkroom(pictures.parent, "predict", "--model", models, "pictures", "--format", "kaggle")
    assert done.code == 1
    assert done.bytes == b""
    assert "pictures/1.png and pictures/more/1.png would both have the id 1" in done.error


def test_the_same_bytes_whatever_the_number_of_workers(darkroom, workspace):
    paths = ("predict", "data/inbox", "--batch-size", 16, "--workers")
    one, five = (darkroom(workspace, *paths, workers).bytes for workers in (1, 5))
    assert one.count(b"\n") == 121
    assert one == five


def test_bad_files_change_no_bit_of_the_good_ones(darkroom, models, pictures):
    clean = darkroom(pictures, "predict", "--model", models, ".", "--batch-size", 2)
    for name in ("0.png", "11.png", "more/30.png"):
        (pictures / name).write_bytes(b"GIF89a, or not")
    done = darkroom(pictures, "predict", "--model", models, ".", "--batch-size", 2)
    assert done.code == 2
    assert done.bytes == clean.bytes


def test_output_goes_to_a_file_that_is_no_picture_of_its_own_folder(darkroom, models, pictures):
    shown = darkroom(pictures, "predict", "--model", models, ".")
    for _ in range(2):
        done = darkroom(pictures, "predict", "--model", models, ".", "-o", "more/result.csv")
        assert (done.code, done.bytes, done.error) == (0, b"", "")
        assert (pictures / "more/result.csv").read_bytes() == shown.bytes
    assert [path.name for path in (pictures / "more").glob(".*")] == []


MISTAKES = {
    "no such file": (("nowhere.png",), "nowhere.png: no such file or folder"),
    "no such model": (
        ("--model", "nowhere", "1.png"),
        "nowhere/model.json: no such file; name the folder of another model",
    ),
    "a picture for a model": (("--model", "1.png", "2.png"), "1.png: no model"),
    "a model for a picture": (("1.png", "MODEL"), ": a model, not images; name it by --model"),
    "an empty folder": (("empty",), "empty: no files there"),
    "an empty list": (("-",), "-: no files there"),
    "more classes than there are": ((".", "--top", 4), "--top 4: expected 1 to 3"),
    "no classes": ((".", "--top", 0), "--top"),
    "top of kaggle": (
        (".", "--top", 1, "--format", "kaggle"),
        "--format kaggle writes id and label",
    ),
    "an answer to Kaggle or none": (
        (".", "--min-confidence", 0.5, "--format", "kaggle"),
        "--format kaggle has no place for it",
    ),
    "one probability of three": (
        (".", "--format", "kaggle", "--label", "probability"),
        "and the model has 3",
    ),
    "a label for a table": ((".", "--label", "name"), "--label name: is for --format kaggle"),
    "a format of its own": ((".", "--format", "xml"), "xml"),
    "a folder as output": ((".", "-o", "empty"), "--output empty: a folder"),
    "an output below a file": (
        (".", "-o", "1.png/out.csv"),
        "--output 1.png/out.csv: cannot be written",
    ),
    "an option that is none": ((".", "--colour"), "--colour"),
    "nothing at all": ((), "Missing argument"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_and_changes_nothing(darkroom, models, pictures, mistake):
    arguments, message = MISTAKES[mistake]
    (pictures / "empty").mkdir()
    before = contents(pictures)
    named = (models if one == "MODEL" else one for one in arguments)
    done = darkroom(pictures, "predict", "--model", models, *named)
    assert done.code == 1
    assert message in done.error
    assert "Traceback" not in done.error
    assert done.bytes == b""
    assert contents(pictures) == before


def test_an_earlier_output_survives_a_mistake(darkroom, models, pictures, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("earlier")
    assert darkroom(pictures, "predict", "--model", models, ".", "nowhere", "-o", output).code == 1
    assert output.read_text() == "earlier"


def test_bfloat16_gives_nearly_the_same_probabilities(darkroom, workspace):
    exact, rough = (
        darkroom(workspace, "predict", "data/inbox", "--precision", precision)
        for precision in ("float32", "bfloat16")
    )
    assert rough.code == 0, rough.error
    assert rough.bytes != exact.bytes
    columns = [np.array([[float(p) for p in row[1:]] for row in numbers(done)]) for done in (exact, rough)]
    assert np.abs(columns[0] - columns[1]).max() < 0.03


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", "from darkroom.cli import app; app()", "predict", *map(str, arguments)],
        env=os.environ | {"PYTHONHASHSEED": "random"} | options.pop("env", {}),
        **options,
    )


def test_a_closed_pipe_ends_it_without_a_word(workspace):
    many = b"data/inbox/stripes\n" * 100
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with command("-", "--batch-size", 4, cwd=workspace, **pipe) as running:
        running.stdin.write(many)
        running.stdin.close()
        assert running.stdout.readline().startswith(b"id,label,")
        running.stdout.close()
        said = running.stderr.read()
        assert said == b"", said
        assert running.wait(60) == 1


def test_an_interrupt_ends_it_and_leaves_nothing_behind(workspace, tmp_path):
    many = b"data/inbox/stripes\n" * 50
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    output = tmp_path / "out.csv"
    with command(
        "-", "-o", output, "--batch-size", 4, cwd=workspace, env={"TMPDIR": str(scratch)}, **pipe
    ) as running:
        running.stdin.write(many)
        running.stdin.close()
        while not any(path.stat().st_size for path in tmp_path.glob(".out.csv.*")):
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        assert b"Traceback" not in running.stderr.read()
        assert running.wait(60) == 130
    assert list(tmp_path.iterdir()) == [scratch]
    assert list(scratch.iterdir()) == []


def test_a_terminal_shows_how_far_it_is(workspace):
    leader, follower = pty.openpty()
    with command("data/inbox", cwd=workspace, stdout=subprocess.DEVNULL, stderr=follower) as running:
        os.close(follower)
        said = b""
        while True:
            try:
                said += os.read(leader, 4096)
            except OSError:  # how Linux says that the other side of a terminal is closed
                break
        assert running.wait(60) == 0
    os.close(leader)
    assert b"120/120" in said


def test_what_systems_leave_in_an_archive_is_passed_over(darkroom, models, pictures):
    with zipfile.ZipFile(pictures / "mac.zip", "w") as archive:
        archive.write(pictures / "1.png", "photos/1.png")
        archive.writestr("__MACOSX/photos/._1.png", b"\0\5\x16\7")
        archive.writestr("photos/.DS_Store", b"Bud1")
    done = darkroom(pictures, "predict", "--model", models, "mac.zip")
    assert (done.code, done.ids) == (0, ["mac.zip/photos/1.png"])
