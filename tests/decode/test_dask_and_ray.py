"""Decode on real clusters of Dask and Ray, started on this machine: the same bytes, whatever happens to a worker."""

import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from darkroom import UserError
from darkroom.decode import dask_and_ray, resume
from tests.decode.clusters import (
    SHARD,
    Pretended,
    dask_worker,
    decoded,
    finished_shards,
    kill,
    process,
    refused,
)
from tests.decode.small_sources import digest, many, pack, start
from tests.ports import free_port, listens
from tests.waiting import wait_until

IMAGES = 5000


pytestmark = pytest.mark.usefixtures("workspace")


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
        list(dask_and_ray.outcomes([], engine, None, 1, str(tmp_path)))


def test_a_scheduler_holds_no_more_tasks_than_keep_its_workers_busy(
    pretended: Pretended, tmp_path: Path
) -> None:
    tasks = ((abs, (-number,)) for number in range(1000))
    assert sum(dask_and_ray.outcomes(tasks, "dask", None, 1, str(tmp_path))) == sum(range(1000))
    assert pretended.most == 2


def test_a_worker_says_what_makes_its_results_differ_or_get_lost(tmp_path: Path) -> None:
    python, key = sys.version.split()[0], resume.key(None)
    folder = str(tmp_path)
    (tmp_path / "cluster").touch()
    assert dask_and_ray._objection(folder, python, key) == ""
    assert "does not see" in dask_and_ray._objection(str(tmp_path / "elsewhere"), python, key)
    assert "has another version of Darkroom" in dask_and_ray._objection(folder, python, "0")
    assert f"has Python {python}, and this process 3.1.0" in dask_and_ray._objection(folder, "3.1.0", key)


def test_lost_workers_are_waited_for(
    pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended.workers = 0
    monkeypatch.setattr(dask_and_ray, "PATIENCE", 0.5)
    began = time.monotonic()
    with pytest.raises(UserError, match="has had no worker for"):
        list(dask_and_ray.outcomes([(abs, (1,))], "dask", None, 1, str(tmp_path)))
    assert time.monotonic() - began >= 0.5


def test_the_token_of_the_check_does_not_stay(pretended: Pretended, tmp_path: Path) -> None:
    pretended.objection = "has Python 2.7"
    with pytest.raises(UserError, match=r"worker host-1: has Python 2\.7; nothing was decoded"):
        list(dask_and_ray.outcomes([(abs, (1,))], "ray", None, 1, str(tmp_path)))
    assert not (tmp_path / "cluster").exists()
