"""Decode on real clusters of Dask and Ray, started on this machine: the same bytes, whatever happens to a worker."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from darkroom import UserError
from darkroom.decode import dask_and_ray, resume
from tests.decode.small_sources import digest, many, pack, start
from tests.ports import free_port, listens
from tests.waiting import wait_until

IMAGES, SHARD = 5000, 100


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    # Else Ray leaves a token in the home folder.
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    for name in ("data/raw", "data/inbox", ".dvc", "elsewhere"):
        Path(name).mkdir(parents=True)


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
def process(*words: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program of the environment, in another folder than the project's and in a group of its own."""
    command = [str(Path(sys.executable).parent / words[0]), *words[1:]]
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


@pytest.fixture
def scheduler() -> Iterator[str]:
    """Start a scheduler of Dask; its address."""
    pytest.importorskip("distributed")
    port = free_port()
    with process("dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"):
        wait_until(lambda: listens(port))
        yield f"tcp://127.0.0.1:{port}"


def dask_worker(address: str, **environment: str) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    return process("dask", "worker", address, "--nthreads", "1", "--no-dashboard", **environment)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_cluster_started_for_the_run_gives_the_bytes_of_threads(root: Path, engine: str) -> None:
    pytest.importorskip({"dask": "distributed"}.get(engine, engine))
    pack(many(500))
    expected = decoded(root, backend="threading")
    assert decoded(root, backend=engine, workers=2) == expected


@pytest.mark.slow
def test_a_dask_worker_killed_half_way_costs_no_image(root: Path, scheduler: str) -> None:
    pack(many(IMAGES))
    expected = decoded(root, backend="threading")
    with ExitStack() as stack:
        workers = [stack.enter_context(dask_worker(scheduler)) for _ in range(3)]
        run = start(root, shard_images=SHARD, backend="dask", address=scheduler)
        wait_until(lambda: finished_shards() >= 5 or run.poll() is not None)
        assert finished_shards() < IMAGES // SHARD
        kill(workers[0])
        _, error = run.communicate(timeout=300)
        assert run.returncode == 0, error
    assert digest(Path("data/images")) == expected


@pytest.mark.slow
def test_a_ray_node_killed_half_way_costs_no_image(root: Path) -> None:
    pytest.importorskip("ray")
    pack(many(IMAGES))
    expected = decoded(root, backend="threading")
    port = free_port()
    # Short: Ray puts sockets there, whose paths have a limit.
    folder = tempfile.mkdtemp(prefix="ray")
    head = ("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}")
    common = ("ray", "start", "--block", "--num-cpus=1", "--disable-usage-stats")
    try:
        with process(*common, *head):
            wait_until(lambda: listens(port))
            with process(*common, f"--address=127.0.0.1:{port}") as node:
                run = start(root, shard_images=SHARD, backend="ray", address=f"127.0.0.1:{port}")
                wait_until(lambda: finished_shards() >= 5 or run.poll() is not None)
                assert finished_shards() < IMAGES // SHARD
                kill(node)
                _, error = run.communicate(timeout=300)
                assert run.returncode == 0, error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert digest(Path("data/images")) == expected


@pytest.mark.slow
def test_a_scheduler_that_goes_is_told(root: Path) -> None:
    pytest.importorskip("distributed")
    pack(many(IMAGES))
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with process("dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard") as one:
        wait_until(lambda: listens(port))
        with dask_worker(address):
            run = start(root, shard_images=SHARD, backend="dask", address=address)
            wait_until(lambda: finished_shards() >= 5 or run.poll() is not None)
            kill(one)
            _, error = run.communicate(timeout=100)
    assert run.returncode == 1
    assert f"the dask scheduler at {address} is gone" in error.strip().splitlines()[-1]


@pytest.mark.slow
def test_a_worker_with_other_code_is_refused_by_name(root: Path, scheduler: str) -> None:
    pack(many(300))
    shutil.copytree(root / "src", "other")
    steps = Path("other/darkroom/decode/pictures/filters.py")
    steps.write_text(steps.read_text(encoding="utf-8") + "# another version\n", encoding="utf-8")
    with dask_worker(scheduler, PYTHONPATH=str(Path("other").resolve())):
        said = refused(root, backend="dask", address=scheduler)
    assert "worker tcp://127.0.0.1:" in said
    assert "has another version of Darkroom" in said


@pytest.mark.slow
def test_a_cluster_without_workers_is_told_and_nothing_hangs(root: Path, scheduler: str) -> None:
    pack(many(300))
    assert "has had no worker for 2 seconds" in refused(root, backend="dask", address=scheduler, patience=2)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_an_address_where_nothing_listens_is_told(root: Path, engine: str) -> None:
    pytest.importorskip({"dask": "distributed"}.get(engine, engine))
    pack(many(300))
    address = f"127.0.0.1:{free_port()}"
    address = f"tcp://{address}" if engine == "dask" else address
    said = refused(root, backend=engine, address=address)
    assert f"decode.address: no {engine} cluster answers at {address}" in said


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_missing_engine_says_what_to_install(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, engine, None)
    with pytest.raises(
        UserError, match=f"decode.backend: got '{engine}', but the package .*make extra-{engine}"
    ):
        list(dask_and_ray.outcomes([], engine, None, 1, tmp_path))


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


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    cluster = Pretended()

    @contextmanager
    def opened(*_: object) -> Iterator[Pretended]:
        yield cluster

    monkeypatch.setattr(dask_and_ray, "_opened", opened)
    return cluster


def test_a_scheduler_holds_no_more_tasks_than_keep_its_workers_busy(
    pretended: Pretended, tmp_path: Path
) -> None:
    tasks = ((abs, (-number,)) for number in range(1000))
    assert sum(dask_and_ray.outcomes(tasks, "dask", None, 1, tmp_path)) == sum(range(1000))
    assert pretended.most == 2


def test_a_worker_says_what_makes_its_results_differ_or_get_lost(tmp_path: Path) -> None:
    python, key = sys.version.split()[0], resume.key(None)
    token = tmp_path / "token"
    token.touch()
    assert dask_and_ray._objection(str(token), python, key) == ""
    assert "does not see" in dask_and_ray._objection(str(tmp_path / "elsewhere" / "token"), python, key)
    assert "has another version of Darkroom" in dask_and_ray._objection(str(token), python, "0")
    assert f"has Python {python}, and this process 3.1.0" in dask_and_ray._objection(str(token), "3.1.0", key)


def test_lost_workers_are_waited_for(
    pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended.workers = 0
    monkeypatch.setattr(dask_and_ray, "PATIENCE", 0.5)
    began = time.monotonic()
    with pytest.raises(UserError, match="has had no worker for"):
        list(dask_and_ray.outcomes([(abs, (1,))], "dask", None, 1, tmp_path))
    assert time.monotonic() - began >= 0.5


def test_the_token_of_the_check_does_not_stay(pretended: Pretended, tmp_path: Path) -> None:
    pretended.objection = "has Python 2.7"
    with pytest.raises(UserError, match=r"worker host-1: has Python 2\.7; nothing was decoded"):
        list(dask_and_ray.outcomes([(abs, (1,))], "ray", None, 1, tmp_path))
    assert not (tmp_path / "cluster").exists()
