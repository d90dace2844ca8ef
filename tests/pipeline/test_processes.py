"""Training in several processes: real ones, on this machine, by the environment that hosts of a cluster would have."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.conftest import Repository
from tests.ports import free_port
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PARAMS = {"train.backend": "jax", "train.processes": 2, "train.epochs": 3, "train.threads": 1}


@pytest.fixture(scope="module")
def trained_once(
    finished_once: Repository, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Repository, str]:
    """Return a clone in which two processes have trained with the params above, and the digest of what came of it."""
    pytest.importorskip("jax")
    folder = tmp_path_factory.mktemp("trained") / "project"
    shutil.copytree(finished_once.folder, folder, symlinks=True)
    repository = Repository(folder)
    repository.change(PARAMS)
    repository.dvc("repro", "train")
    return repository, bytes_of(repository)


@pytest.fixture
def trained(trained_once: tuple[Repository, str], tmp_path: Path) -> Repository:
    """Return a copy of that clone, without the model."""
    shutil.copytree(trained_once[0].folder, tmp_path / "project", symlinks=True)
    shutil.rmtree(tmp_path / "project" / "models")
    return Repository(tmp_path / "project")


@pytest.fixture
def expected(trained_once: tuple[Repository, str]) -> str:
    return trained_once[1]


def bytes_of(repository: Repository) -> str:
    """Return the digest of what the stage wrote, and of the figures of its metrics."""
    names = ("models/model.keras", "models/model.json", "plots/history.csv", "metrics/train.json")
    return hashlib.sha256(b"".join(repository.path(name).read_bytes() for name in names)).hexdigest()


def losses(repository: Repository) -> pd.DataFrame:
    return pd.read_csv(repository.path("plots/history.csv"))[["loss", "val_loss", "accuracy", "val_accuracy"]]


@contextmanager
def other(
    repository: Repository, number: int, address: str, program: tuple[str, ...] = ("-m", "stages.train")
) -> Iterator["subprocess.Popen[str]"]:
    """Run process ``number`` of a training as on a host of its own."""
    started = subprocess.Popen(
        [sys.executable, *program],
        cwd=repository.folder,
        env=repository.env | {"DARKROOM_COORDINATOR": address, "DARKROOM_PROCESS": str(number)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


# A process that tells at its end what weights it has.
WITNESS = """
import hashlib
from stages import train
from darkroom.train import stage
inner = stage.metrics
def witnessed(state, *others):
    print(hashlib.sha256(b"".join(array.tobytes() for array in state.best)).hexdigest())
    return inner(state, *others)
stage.metrics = witnessed
train.train()
"""


def again(repository: Repository) -> str:
    repository.dvc("repro", "--force", "--single-item", "train")
    return bytes_of(repository)


@pytest.mark.weekly
def test_two_and_four_processes_agree_with_each_other_and_with_one(trained: Repository) -> None:
    of_two = losses(trained)
    trained.change({"train.processes": 4})
    again(trained)
    four = losses(trained)
    trained.change({"train.processes": 1})
    again(trained)
    one = losses(trained)
    for several in (of_two, four):
        assert (several - one)[["loss", "val_loss"]].abs().to_numpy().max() < 1e-3
        assert abs(several["val_accuracy"].iloc[-1] - one["val_accuracy"].iloc[-1]) < 0.02


def test_hosts_of_their_own_give_the_bytes_of_one_host(
    trained: Repository, expected: str, tmp_path: Path
) -> None:
    shutil.copytree(trained.folder, tmp_path / "second", symlinks=True)
    address = f"127.0.0.1:{free_port()}"
    second = Repository(tmp_path / "second")
    with other(second, 1, address, ("-c", WITNESS)) as process:
        trained.dvc("repro", "--force", "--single-item", "train", DARKROOM_COORDINATOR=address)
        output, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert bytes_of(trained) == expected
    assert not second.path("models").exists()
    weights = json.loads(trained.run(sys.executable, "-c", DIGEST).stdout)
    assert output.split()[-1] == weights


DIGEST = """
import hashlib, json, keras
model = keras.models.load_model("models/model.keras", compile=False)
print(json.dumps(hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest()))
"""


@pytest.mark.parametrize("lost", [pytest.param("the first", marks=pytest.mark.weekly), "the second"])
def test_a_lost_process_stops_the_other_and_a_restart_ends_in_the_same_bytes(
    trained: Repository, expected: str, tmp_path: Path, lost: str
) -> None:
    address = f"127.0.0.1:{free_port()}"
    shutil.copytree(trained.folder, tmp_path / "second", symlinks=True)
    with other(Repository(tmp_path / "second"), 1, address) as second:
        first = subprocess.Popen(
            [sys.executable, "-m", "stages.train"],
            cwd=trained.folder,
            env=trained.env | {"DARKROOM_COORDINATOR": address},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        checkpoints = trained.path(".dvc/tmp/darkroom/train")
        wait_until(lambda: bool(list(checkpoints.glob("[!.]*.checkpoint"))), seconds=300)
        victim, survivor = (first, second) if lost == "the first" else (second, first)
        victim.send_signal(signal.SIGKILL)
        _, error = survivor.communicate(timeout=60)
        victim.communicate()
    assert survivor.returncode == 1
    assert "another process of this training is gone" in error.strip().splitlines()[-1]
    assert not trained.path("models/model.keras").exists()
    said = trained.dvc("repro", "--force", "--single-item", "train").stdout
    assert "train: goes on after epoch" in said
    assert bytes_of(trained) == expected


def test_another_host_with_other_data_or_params_stops_all_by_name(
    trained: Repository, tmp_path: Path
) -> None:
    trained.change({"train.epochs": 2})  # not known to DVC's caches
    shutil.copytree(trained.folder, tmp_path / "second", symlinks=True)
    second = Repository(tmp_path / "second")
    second.change({"split.seed": 1, "train.learning_rate": 0.5})
    second.dvc("repro", "split")
    address = f"127.0.0.1:{free_port()}"
    with other(second, 1, address) as process:
        done = trained.dvc("repro", "train", check=False, DARKROOM_COORDINATOR=address)
        _, error = process.communicate(timeout=60)
    assert done.returncode
    assert process.returncode == 1
    assert "process 1 has other params, split than process 0" in done.stdout + done.stderr
    assert "process 0 has other params, split than process 1" in error


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"DARKROOM_PROCESS": "1"}, "DARKROOM_PROCESS is set without DARKROOM_COORDINATOR"),
        ({"DARKROOM_PROCESS": "1", "DARKROOM_COORDINATOR": "host"}, "expected host:port"),
        (
            {"DARKROOM_PROCESS": "1", "DARKROOM_COORDINATOR": "no.such.host.invalid:1"},
            "no.such.host.invalid:1: ",
        ),
        ({"DARKROOM_PROCESS": "1", "DVC_STAGE": "train"}, "dvc is for the first process alone"),
    ],
)
def test_an_environment_that_names_nobody_is_told(
    finished: Repository, environment: dict[str, str], says: str
) -> None:
    done = finished.run(sys.executable, "-m", "stages.train", check=False, **environment)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_job_for_slurm_trains(trained: Repository) -> None:
    trained.change({"train.epochs": 2})
    tools = trained.path("tools")
    tools.mkdir()
    scontrol, srun = tools / "scontrol", tools / "srun"
    scontrol.write_text("#!/bin/sh\necho 127.0.0.1\necho other\n")
    srun.write_text(
        "#!/bin/bash\nwhile [[ $1 == --* ]]; do shift; done\n"
        'SLURM_PROCID=1 "$@" &\nSLURM_PROCID=0 "$@"\ncode=$?\nwait\nexit $code\n'
    )
    for tool in (scontrol, srun):
        tool.chmod(0o755)
    trained.path(".venv").symlink_to(Path(sys.prefix))
    trained.run(
        "bash",
        "docs/cluster/slurm.sh",
        PATH=f"{tools}:{trained.env['PATH']}",
        SLURM_JOB_NODELIST="127.0.0.1,other",
    )
    assert trained.metrics("train")["processes"] == PARAMS["train.processes"]
