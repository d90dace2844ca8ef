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

import cv2
import numpy as np
import psutil
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
    repository.repro()
    assert "up to date" in repository.dvc("status").stdout
    return repository.path("dvc.lock").read_text() == lock


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param("size=64k", ["No space left on device"], id="full disk"),
        pytest.param("ro", ["Read-only file system"], id="read-only folder", marks=pytest.mark.weekly),
    ],
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


LIMITED = """
import os, resource, sys
if os.environ.get("LIMITED") in sys.orig_argv:
    resource.setrlimit(resource.RLIMIT_AS, (int(os.environ["LIMIT"]),) * 2)
"""


def test_out_of_memory_in_a_worker_is_said_and_rejects_no_picture(finished, tmp_path):
    """A picture that decodes only where there is room must not become one that cannot be used."""
    folder = finished.path("data/inbox/large")
    for label in "ab":
        for number in range(3):
            (folder / label).mkdir(parents=True, exist_ok=True)
            picture = np.full((12000, 8000), 80 * number + 40 * (label == "a"), np.uint8)
            cv2.imwrite(str(folder / label / f"{number}.jpg"), picture)
    finished.change({"source.kind": "local", "source.path": "large", "image.color": "rgb"})
    finished.dvc("repro", "fetch")
    (tmp_path / "sitecustomize.py").write_text(LIMITED)
    limit = str(1200 * 2**20)
    tight = finished.dvc(
        "repro", "decode", check=False, PYTHONPATH=str(tmp_path), LIMITED="stages.decode", LIMIT=limit
    )
    assert tight.returncode != 0
    assert re.findall("^decode: .*", tight.stderr, re.MULTILINE) == [
        "decode: a worker had no memory left, most likely because 2 at once need more memory than there is; close "
        "other programs, or set decode.workers in params.yaml below 2, and run again: finished shards are kept"
    ]
    assert "Traceback" not in tight.stdout + tight.stderr
    finished.repro("decode")
    assert finished.metrics("decode")["used"] == 6


TOO_LARGE = {"model.blocks": [[1024]], "train.batch_size": 1024}


def out_of_memory(repository, tmp_path, **variables):
    """Train with too little memory; return the lines of the message."""
    (tmp_path / "sitecustomize.py").write_text(LIMITED)
    limit = str(6 * 2**30)
    limits = {"PYTHONPATH": str(tmp_path), "LIMITED": "stages.train", "LIMIT": limit}
    tight = repository.dvc("repro", "train", check=False, **limits, **variables)
    assert tight.returncode != 0
    assert "Traceback" not in tight.stdout + tight.stderr
    return re.findall("^train: .*", tight.stderr, re.MULTILINE)


SAID_BY_THE_BACKEND = [
    "train: params.yaml: train.batch_size: the backend ran out of memory; expected fewer images in a step, "
    "smaller images or a smaller network"
]


def test_out_of_memory_in_a_step_names_the_key_to_lower(finished, tmp_path):
    """The backend's own error of it is a page of its graph."""
    finished.change({**TOO_LARGE, "train.deterministic": False})  # or the variable is not heard
    assert out_of_memory(finished, tmp_path, TF_ENABLE_ONEDNN_OPTS="0") == SAID_BY_THE_BACKEND


def test_out_of_memory_that_kills_names_the_key_to_lower(finished, tmp_path):
    """Some operations of oneDNN end in a segmentation fault; which one is first to lack memory is chance."""
    finished.change(TOO_LARGE)
    killed = [
        "train: killed by SIGSEGV, most likely out of memory; lower train.batch_size in params.yaml or close "
        "other programs, and run again: nothing else is lost"
    ]
    assert out_of_memory(finished, tmp_path) in (killed, SAID_BY_THE_BACKEND)


def test_worker_that_is_killed_is_said_and_costs_nothing(finished):
    before = finished.lock()["decode"]["outs"]
    finished.change({"decode.backend": "loky"})
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "decode"],
        cwd=finished.folder,
        env=finished.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    workers = []
    while not workers and process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        workers = [child for child in children if "popen_loky_posix" in " ".join(child.cmdline())]
    workers[0].kill()
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "decode: a worker was killed, most likely because" in said
    assert "Traceback" not in said
    assert finished.repro("decode") == ["decode"]
    assert finished.lock()["decode"]["outs"] == before


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
        pytest.param("data/images/MD5SUMS", "train", marks=pytest.mark.weekly),
        pytest.param("data/split/split.csv", "train", marks=pytest.mark.weekly),
        ("models/model.keras", "evaluate"),
        pytest.param("data/predictions/test.csv", "plot", marks=pytest.mark.weekly),
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


def killed_in_training(repository, *command):
    """Run dvc with ``command``, kill all of it after the first epoch was saved; return that checkpoint."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", *command],
        cwd=repository.folder,
        env=repository.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    folder = repository.path(".dvc/tmp/darkroom/train")
    while not (found := list(folder.glob("[!.]*.checkpoint"))):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return found[0]


DAMAGE = {
    "a bit turned": lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
    "cut short": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
}


@pytest.mark.parametrize(
    "damage",
    ["a bit turned", *(pytest.param(name, marks=pytest.mark.weekly) for name in ("cut short", "empty"))],
)
def test_damaged_checkpoint_is_set_aside_and_training_starts_afresh(finished, damage):
    lock = finished.path("dvc.lock").read_text()
    checkpoint = killed_in_training(finished, "repro", "--force", "--single-item", "train")
    checkpoint.write_bytes(DAMAGE[damage](checkpoint.read_bytes()))
    done = finished.dvc("repro", "--force", "--single-item", "train")
    assert f"damaged; set aside as {checkpoint.stem}.damaged, training starts afresh" in done.stdout
    assert "goes on after epoch" not in done.stdout
    assert finished.path("dvc.lock").read_text() == lock
    assert [path.name for path in checkpoint.parent.iterdir()] == [f"{checkpoint.stem}.damaged"]


@pytest.mark.weekly
def test_clock_set_back_costs_nothing(finished, tmp_path):
    """All that the killed run left and all outputs are of next year, as Python and the file system have it."""
    lock = finished.path("dvc.lock").read_text()
    checkpoint = killed_in_training(finished, "repro", "--force", "--single-item", "train")
    checkpoint.with_name("of-other-params.checkpoint").touch()
    future = time.time() + 365 * 24 * 3600
    for name in ("data", "models", ".dvc/tmp/darkroom"):
        for path in finished.path(name).rglob("*"):
            os.utime(path, (future, future))
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nnow = time.time\ntime.time = lambda: now() - 30 * 24 * 3600\n"
    )
    done = finished.dvc("repro", "--force", PYTHONPATH=str(tmp_path))
    assert "goes on after epoch" in done.stdout
    assert finished.path("dvc.lock").read_text() == lock
    assert list(checkpoint.parent.iterdir()) == []
    assert finished.repro() == []


@pytest.mark.parametrize(
    ("killed", "again"),
    [
        pytest.param(["exp", "run"], ["exp", "run"], marks=pytest.mark.weekly),
        pytest.param(["exp", "run", "--temp"], ["exp", "run", "--temp"], marks=pytest.mark.weekly),
        (["exp", "run", "--temp"], ["repro"]),
    ],
    ids=" then ".join,
)
def test_killed_experiment_goes_on_where_it_was(finished, killed, again):
    finished.change({"train.epochs": 3})
    checkpoint = killed_in_training(finished, *killed)
    done = finished.dvc(*again)
    assert "goes on after epoch" in done.stdout + done.stderr
    assert list(checkpoint.parent.iterdir()) == []


def test_stage_killed_in_the_queue_goes_on_when_queued_again(finished):
    """The worker of DVC's queue is a process of its own, and lives to see the stage fail."""
    queue = ["exp", "run", "--queue", "--set-param", "train.epochs=6"]
    finished.dvc(*queue)
    run = subprocess.Popen(
        [sys.executable, "-m", "dvc", "exp", "run", "--run-all"], cwd=finished.folder, env=finished.env
    )
    folder = finished.path(".dvc/tmp/darkroom/train")
    while not list(folder.glob("[!.]*.checkpoint")):
        assert run.poll() is None
        time.sleep(0.01)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "stages.train" in process.cmdline() and Path(process.cwd()).is_relative_to(finished.folder):
                process.kill()
    run.wait()
    finished.dvc(*queue)
    finished.dvc("exp", "run", "--run-all")
    logs = [path.read_text() for path in finished.path(".dvc/tmp/exps/run").rglob("*.out")]
    assert sum("goes on after epoch" in log for log in logs) == 1
    assert list(folder.iterdir()) == []
