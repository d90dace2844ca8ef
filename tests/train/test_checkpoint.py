import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from darkroom.train.checkpoint import Checkpoint, State, key_of


def state() -> State:
    return State(
        epoch=3,
        history=[{"loss": 0.1 + 0.2}],
        best_loss=1 / 3,
        best_epoch=2,
        waited=1,
        weights=[np.arange(6, dtype=np.float32).reshape(2, 3)],
        optimizer=[np.array(7)],
        best=[np.ones((2, 3), np.float32)],
    )


def test_what_is_saved_is_loaded_to_the_bit(tmp_path):
    checkpoint = Checkpoint(tmp_path, "a")
    checkpoint.save(state())
    loaded = checkpoint.load()
    for name, value in vars(state()).items():
        np.testing.assert_equal(getattr(loaded, name), value)


def test_no_file_is_no_state(tmp_path):
    assert Checkpoint(tmp_path, "a").load() is None


@pytest.mark.parametrize("damage", [lambda b: b[:-10], lambda b: b"", lambda b: b[:500] + b"x" + b[501:]])
def test_a_damaged_file_is_set_aside_and_said(tmp_path, capsys, damage):
    checkpoint = Checkpoint(tmp_path, "a")
    checkpoint.save(state())
    checkpoint.path.write_bytes(damage(checkpoint.path.read_bytes()))
    assert checkpoint.load() is None
    assert not checkpoint.path.exists()
    assert (tmp_path / "a.damaged").exists()
    assert "damaged; set aside as a.damaged, training starts afresh" in capsys.readouterr().out


@pytest.mark.parametrize("clock", [1, 2**33], ids=["long ago", "the clock was set back since"])
def test_finishing_removes_its_own_and_older_ones_not_in_use(tmp_path, clock):
    for key in ("old", "used", "saved again"):
        Checkpoint(tmp_path, key).save(state())
        os.utime(tmp_path / f"{key}.checkpoint", (clock, clock))
    (tmp_path / "killed before its first epoch ended.lock").touch()
    (tmp_path / "old.damaged").touch()
    mine = Checkpoint(tmp_path, "mine")
    with mine.alone(), Checkpoint(tmp_path, "used").alone():
        mine.save(state())
        for key in ("saved again", "newer"):
            Checkpoint(tmp_path, key).save(state())
        mine.finish()
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "mine.lock",
            "newer.checkpoint",
            "saved again.checkpoint",
            "used.checkpoint",
            "used.lock",
        ]


def test_a_second_process_waits_for_the_first(tmp_path):
    script = (
        "import sys; from pathlib import Path; from darkroom.train.checkpoint import Checkpoint\n"
        "with Checkpoint(Path(sys.argv[1]), 'a').alone(): print('in', flush=True)"
    )
    with Checkpoint(tmp_path, "a").alone():
        other = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert "waiting for it to end" in other.stdout.readline()
    out, _ = other.communicate(timeout=60)
    assert out == "in\n"
    assert other.returncode == 0


def test_the_key_is_of_settings_and_contents(tmp_path):
    path = tmp_path / "file"
    path.write_text("a")
    first = key_of({"x": 1, "y": 2}, [path])
    assert key_of({"y": 2, "x": 1}, [path]) == first
    assert key_of({"x": 1, "y": 3}, [path]) != first
    path.write_text("b")
    assert key_of({"x": 1, "y": 2}, [path]) != first


EVERYTHING = {
    "model": {"blocks": [[4], [4]], "dense": [8], "batch_norm": True},
    "augment": {"rotation": 10.0, "mixup": 0.4},
    "train": {
        "epochs": 6,
        "batch_size": 16,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "schedule": "plateau",
        "plateau_patience": 1,
        "early_stopping": 3,
        "restore_best": True,
        "ema": 0.9,
        "label_smoothing": 0.1,
        "class_weights": "balanced",
    },
}

SCRIPT = """
import json, sys
from pathlib import Path
from darkroom.params import AugmentParams, ModelParams, TrainParams
from darkroom.train.config import Config
from darkroom.train.stage import train
sections, images, split, out = json.loads(sys.argv[1]), *map(Path, sys.argv[2:])
model, augment, params = (m.model_validate(sections[n]) for n, m in
    (("model", ModelParams), ("augment", AugmentParams), ("train", TrainParams)))
train(Config(5, model, augment, params), images, split, images.parent / "weights", out / "models", out / "history.csv")
"""


def start(repository, sections, data, out, env=()):
    content = {name: getattr(sections, name).model_dump() for name in ("model", "augment", "train")}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(content), *map(str, data), str(out)],
        cwd=repository,
        env=os.environ | dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outputs(out):
    return {path.name: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def killed_and_resumed(tmp_path, params, folders, here):
    """Train undisturbed; again, killed once ``here(state)`` holds for what was saved; and on. Return what was said.

    The three runs differ in time zone, locale and hash seed, and must end in the same bytes.
    """
    undisturbed, killed = tmp_path / "one", tmp_path / "two"
    first = start(tmp_path, params, folders, undisturbed, {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"})
    _, error = first.communicate(timeout=300)
    assert first.returncode == 0, error

    repository = tmp_path / "repository"
    (repository / ".dvc").mkdir(parents=True)
    process = start(repository, params, folders, killed, {"PYTHONHASHSEED": "2", "LC_ALL": "C"})
    waiting = repository / ".dvc" / "tmp" / "darkroom" / "train"
    while not any(here(Checkpoint(waiting, path.stem).load()) for path in waiting.glob("[!.]*.checkpoint")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # What `dvc plots show` draws of a training that is not over.
    assert (killed / "history.csv").read_text().splitlines()[1].startswith("1,")
    again = start(repository, params, folders, killed, {"PYTHONHASHSEED": "3"})
    out, error = again.communicate(timeout=300)
    assert again.returncode == 0, error
    assert outputs(killed) == outputs(undisturbed)
    assert list(waiting.iterdir()) == []
    return out


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_a_killed_training_goes_on_to_the_same_bytes(tmp_path, sections, data, backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    params = sections(**EVERYTHING | {"train": EVERYTHING["train"] | {"backend": backend}})
    assert "goes on after epoch" in killed_and_resumed(tmp_path, params, data(), lambda state: True)


@pytest.mark.slow
@pytest.mark.weekly
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras, saving weights
def test_a_training_killed_while_it_fine_tunes_goes_on_there(tmp_path, sections, data):
    import keras

    folders = data(size=32, channels=3)
    weights = folders[0].parent / "weights" / "pretrained.weights.h5"
    weights.parent.mkdir()
    keras.utils.set_random_seed(0)
    trained = keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(32, 32, 3))
    trained.save_weights(weights)
    network = {"network": "application", "application": "MobileNetV3Small", "weights": str(weights)}
    params = sections(
        model=network | {"dense": [8], "freeze": True},
        augment=EVERYTHING["augment"],
        train={"epochs": 2, "fine_tune_epochs": 2, "batch_size": 16, "ema": 0.9, "restore_best": True},
    )
    said = killed_and_resumed(tmp_path, params, folders, lambda state: state.phase == 1)
    epoch = int(re.search(r"goes on after epoch (\d)", said)[1])
    assert epoch == 3
