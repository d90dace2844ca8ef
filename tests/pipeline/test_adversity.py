"""What goes wrong around a run: a full disk, a folder that cannot be written, Ctrl-C, two runs at once.

Each time the run says what happened, and the next one ends in the bytes of a run left in peace.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def mounted(folder, options):
    """Mount a small file system of its own on ``folder``; skip where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"cannot mount a file system here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def same_bytes_after(repository, lock):
    """Run again with nothing in the way; return whether it ended in the bytes of the undisturbed run."""
    repository.repro("--force")
    return repository.path("dvc.lock").read_text() == lock


@pytest.mark.parametrize(
    ("options", "words"),
    [("size=64k", ["No space left on device"]), ("ro", ["Read-only file system"])],
    ids=["full disk", "read-only folder"],
)
def test_folder_that_takes_no_more_ends_the_stage_and_costs_nothing_else(finished, options, words):
    lock = finished.path("dvc.lock").read_text()
    split = finished.path("data/split/split.csv").read_bytes()
    with mounted(finished.path("metrics"), options):
        # metrics/ is where every stage writes; DVC itself never removes that folder.
        if "ro" not in options:
            filler = finished.path("metrics/filler")
            with contextlib.suppress(OSError):
                filler.write_bytes(bytes(65536))
        done = finished.stage("train")
        assert done.returncode != 0
        assert any(word in done.stderr for word in words)
    assert finished.path("data/split/split.csv").read_bytes() == split
    assert same_bytes_after(finished, lock)


def test_interrupted_by_the_user_it_ends_at_once_and_goes_on_later(finished):
    lock = finished.path("dvc.lock").read_text()
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "--force"],
        cwd=finished.folder,
        env=finished.env | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if re.match(r"Running stage 'train'", line):
            break
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert same_bytes_after(finished, lock)


def test_two_runs_at_once_do_not_mix(finished):
    lock = finished.path("dvc.lock").read_text()
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro", "--force"],
            cwd=finished.folder,
            env=finished.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ends = [(run.communicate()[1], run.returncode) for run in runs]
    # DVC lets one run; the other waits or says that the repository is locked. Neither spoils the other.
    assert any(code == 0 for _, code in ends)
    assert all(code == 0 or "lock" in said for said, code in ends)
    assert same_bytes_after(finished, lock)


def damage_in_cache(repository, path):
    """Turn one bit of ``path``'s copy in DVC's cache, as a dying disk does: neither its date nor its mode change."""
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    kept = repository.path(f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}")
    before = kept.stat()
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.chmod(0o644)
    kept.write_bytes(content)
    kept.chmod(before.st_mode)
    os.utime(kept, ns=(before.st_atime_ns, before.st_mtime_ns))


def from_cache(repository, folder):
    """Have DVC bring ``folder`` from its cache again."""
    shutil.rmtree(repository.path(folder))
    repository.dvc("checkout")


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("data/raw/digits.zip", "decode"),
        ("data/images/shard-00003.npz", "split"),
        ("data/images/MD5SUMS", "train"),
        ("data/split/split.csv", "train"),
        ("models/model.keras", "evaluate"),
        ("data/predictions/test.csv", "plot"),
    ],
)
def test_damage_in_dvcs_cache_is_noticed_and_mended_by_what_the_message_says(finished, name, reader):
    whole = finished.path(name).read_bytes()
    damage_in_cache(finished, finished.path(name))
    from_cache(finished, Path(name).parent)
    assert finished.path(name).read_bytes() != whole
    assert finished.repro() == []  # DVC itself sees nothing
    done = finished.dvc("repro", "--force", "--single-item", reader, check=False)
    assert done.returncode != 0
    assert f"{reader}: {name}: not as" in done.stderr
    assert "Traceback" not in done.stderr
    for command in re.findall(r"^  (rm .*|dvc .*)$", done.stderr, re.MULTILINE):
        finished.run("bash", "-c", command)
    assert finished.git("status", "--porcelain") == ""
    from_cache(finished, Path(name).parent)
    assert finished.path(name).read_bytes() == whole
    assert finished.repro("--force", "--single-item", reader) == [reader]
    assert finished.git("status", "--porcelain") == ""
