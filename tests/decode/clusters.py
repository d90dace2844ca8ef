"""Real clusters of Dask and Ray on this machine, one that only pretends, and the stage run on them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from darkroom.decode import dask_and_ray
from tests.decode.small_sources import digest, start
from tests.ports import free_port, listens
from tests.waiting import wait_until

SHARD = 100


@contextmanager
def workspace(folder: Path) -> Iterator[None]:
    """Work in ``folder``, with the folders that decode looks for."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.delenv("DVC_ROOT", raising=False)
        # Else Ray leaves a token in the home folder.
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
        for name in ("data/raw", "data/inbox", ".dvc", "elsewhere"):
            Path(name).mkdir(parents=True)
        yield


def decoded(root: Path, **decode: object) -> str:
    """Run the stage to its end; return the digest of what it wrote."""
    run = start(root, shard_images=SHARD, **decode)
    _, error = run.communicate(timeout=300)
    assert run.returncode == 0, error
    return digest(Path("data/images"))


def refused(root: Path, **decode: object) -> str:
    """Run the stage; return the last line of what it says where it ends in an error."""
    run = start(root, shard_images=SHARD, **decode)
    _, error = run.communicate(timeout=300)
    assert run.returncode == 1
    assert not Path("data/images").exists()
    return error.strip().splitlines()[-1]


def finished_shards() -> int:
    return len(list(Path(".dvc/tmp/darkroom/decode").glob("*/*/shard-*.json")))


@contextmanager
def process(
    *words: str, hidden: Sequence[str] = (), **environment: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program of the environment, in another folder than the project's and in a group of its own.

    It does not see what is in the folders ``hidden``, as a program on another machine would not.
    """
    command = [str(Path(sys.executable).parent / words[0]), *words[1:]]
    if hidden:
        mounts = "".join(f"mount -t tmpfs none {Path(folder).resolve()}; " for folder in hidden)
        command = ["unshare", "--mount", "sh", "-ec", f'{mounts}exec "$@"', "sh", *command]
    with Path("log").open("ab") as log:
        started = subprocess.Popen(
            command,
            cwd="elsewhere",
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        kill(started)


def kill(started: "subprocess.Popen[bytes]") -> None:
    """Kill a program and all that it has started."""
    if started.poll() is None:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@contextmanager
def dask_scheduler() -> Iterator[str]:
    """Start a scheduler of Dask; its address."""
    pytest.importorskip("distributed")
    port = free_port()
    with process("dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"):
        wait_until(lambda: listens(port))
        yield f"tcp://127.0.0.1:{port}"


def dask_worker(
    address: str, hidden: Sequence[str] = (), **environment: str
) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    return process(
        "dask", "worker", address, "--nthreads", "1", "--no-dashboard", hidden=hidden, **environment
    )


class Pretended:
    """A cluster of one worker that answers at once, in this process."""

    def __init__(self, objection: str = "", workers: int = 1) -> None:
        self.objection = objection
        self.workers = workers
        self.most = 0

    def slots(self) -> int:
        return self.workers

    def ask(self, question: Callable[..., str], *arguments: object) -> dict[str, str]:
        return {"host-1": self.objection or question(*arguments)}

    def submit(self, task: dask_and_ray.Task) -> dask_and_ray.Task:
        return task

    def finished(
        self, waiting: list[dask_and_ray.Task], seconds: float
    ) -> tuple[list[int], list[dask_and_ray.Task]]:
        self.most = max(self.most, len(waiting))
        function, arguments = waiting[0]
        return [function(*arguments)], waiting[1:]


@contextmanager
def pretended_cluster() -> Iterator[Pretended]:
    """Have the stage find the pretended cluster."""
    cluster = Pretended()

    @contextmanager
    def opened(*_: object) -> Iterator[Pretended]:
        yield cluster

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(dask_and_ray, "_opened", opened)
        yield cluster
