"""Work spread over the workers of a Dask or Ray cluster; a task goes again where its worker was lost."""

import contextlib
import logging
import os
import platform
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from darkroom import UserError, how_to_install
from darkroom.decode import addresses, resume

Task = tuple[Callable[..., int], tuple[Any, ...]]
"""A function of this package and its arguments: small, since both are sent to the worker."""

PATIENCE = 60
"""Seconds that a cluster may be without any worker."""

_CONNECTING = 10
"""Seconds for a scheduler to answer."""

_TOKEN = "cluster"
"""File in the folder of the work, by which a worker shows that it sees the same folder."""


class _Cluster(Protocol):
    """What of Dask and Ray is used here."""

    def slots(self) -> int:
        """Return how many tasks can run at once; 0 where no worker is left."""

    def ask(self, question: Callable[..., str], *arguments: Any) -> dict[str, str]:
        """Return what ``question`` returns on each worker, or the error that it ended with, by the worker's name."""

    def submit(self, task: Task) -> Any:
        """Hand a task over; return what stands for its result."""

    def finished(self, waiting: list[Any], seconds: float) -> tuple[list[int], list[Any]]:
        """Wait for any of ``waiting``, at most so long; return the results there are, and what is still waiting."""


def outcomes(
    tasks: Iterable[Task], engine: str, address: str | None, workers: int, folder: str
) -> Iterator[int]:
    """Yield the result of every task, as they come.

    Parameters
    ----------
    tasks : iterable of Task
    engine : {"dask", "ray"}
    address : str or None
        Of a running cluster; None: the one that ``DASK_SCHEDULER_ADDRESS`` or ``RAY_ADDRESS`` names, else one that is
        started on this machine, of ``workers`` processes.
    workers : int
    folder : str
        Where the tasks write, the same on every worker: an absolute path, or an address that fsspec reads.

    Raises
    ------
    UserError
        The engine is not installed, nobody answers at ``address``, a worker has another version or does not see
        ``folder``, or workers are lost and no others come.
    """
    with _opened(engine, address, workers) as cluster:
        _wait_for_workers(cluster, engine)
        _check_workers(cluster, engine, folder)
        waiting: list[Any] = []
        for task in tasks:
            # Some more than can run at once, so that nobody waits for work; not all, which a scheduler would hold.
            while len(waiting) >= 2 * cluster.slots():
                results, waiting = _next(cluster, engine, waiting)
                yield from results
            waiting.append(cluster.submit(task))
        while waiting:
            results, waiting = _next(cluster, engine, waiting)
            yield from results


def _next(cluster: _Cluster, engine: str, waiting: list[Any]) -> tuple[list[int], list[Any]]:
    while True:
        results, waiting = cluster.finished(waiting, seconds=1)
        if results:
            return results, waiting
        _wait_for_workers(cluster, engine)


def _wait_for_workers(cluster: _Cluster, engine: str) -> None:
    until = time.monotonic() + PATIENCE
    while not cluster.slots():
        if time.monotonic() > until:
            raise UserError(
                f"params.yaml: decode.backend: {engine}: the cluster has had no worker for {PATIENCE} seconds; start "
                "some and run again: finished shards are kept"
            )
        time.sleep(0.2)


def _check_workers(cluster: _Cluster, engine: str, folder: str) -> None:
    """Have every worker say what would make its results differ, or get lost."""
    storage, token = addresses.opened(f"{folder}/{_TOKEN}")
    storage.pipe_file(token, b"")
    try:
        answers = cluster.ask(_objection, folder, platform.python_version(), resume.key(None))
    finally:
        storage.rm_file(token)
    objections = [f"{name}: {answer}" for name, answer in sorted(answers.items()) if answer]
    if objections:
        more = f" (and {len(objections) - 1} more)" if len(objections) > 1 else ""
        raise UserError(
            f"params.yaml: decode.backend: {engine}: worker {objections[0]}{more}; nothing was decoded"
        )


def _objection(folder: str, python: str, key: str) -> str:
    """Return why the worker that runs this cannot take part, or ""."""
    if platform.python_version() != python:
        return f"has Python {platform.python_version()}, and this process {python}; use one version for all"
    if resume.key(None) != key:
        return (
            "has another version of Darkroom or of NumPy, OpenCV or Pillow, and would decode to other pixels; install "
            "this checkout and its requirements.txt there"
        )
    try:
        storage, token = addresses.opened(f"{folder}/{_TOKEN}")
        storage.info(token)
    except Exception as error:
        return (
            f"does not see {folder} ({type(error).__name__}: {error}); workers read there and write there: let all of "
            "them reach the project's folder under the same path, or name what they reach as decode.storage"
        )
    return ""


@contextlib.contextmanager
def _opened(engine: str, address: str | None, workers: int) -> Iterator[_Cluster]:
    opened = _Dask.opened if engine == "dask" else _Ray.opened
    try:
        with opened(address, workers) as cluster:
            yield cluster
    except ModuleNotFoundError as error:
        raise UserError(
            f"params.yaml: decode.backend: got {engine!r}, but the package {error.name} is not installed; "
            f"install it ({how_to_install(engine)}) or choose threading or loky"
        ) from None


def _unreachable(engine: str, address: str | None, error: Exception) -> UserError:
    said = " ".join(str(error).split())[:200]
    return UserError(
        f"params.yaml: decode.address: no {engine} cluster answers at {address or 'this machine'}: {said}; start it, "
        "or set decode.address to null for one on this machine"
    )


def _lost(engine: str, error: Exception) -> UserError:
    said = " ".join(str(error).split())[:300]
    return UserError(
        f"params.yaml: decode.backend: {engine}: a shard's workers were lost again and again, most likely out of "
        f"memory ({said}); give workers more memory or fewer threads, and run again: finished shards are kept"
    )


def _check_listening(address: str) -> None:
    """Raise an OSError where nothing listens at a ``host:port``: Ray itself tries for minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), _CONNECTING).close()


class _Dask:
    """A client of Dask's scheduler."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @classmethod
    @contextlib.contextmanager
    def opened(cls, address: str | None, workers: int) -> Iterator["_Dask"]:
        import dask
        from distributed import CancelledError, Client, LocalCluster
        from distributed.comm import CommClosedError

        # Of a lost worker it tells at length; what that means for the user is told here.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        address = address or dask.config.get("scheduler-address", None)
        with contextlib.ExitStack() as stack:
            if address is None:
                place: Any = stack.enter_context(
                    LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
                )
            else:
                place = address
            try:
                client = stack.enter_context(Client(place, timeout=_CONNECTING))
            except (OSError, ValueError, TimeoutError) as error:
                raise _unreachable("dask", address, error) from None
            try:
                yield cls(client)
            except (CommClosedError, CancelledError):
                raise UserError(
                    f"params.yaml: decode.address: the dask scheduler at {address or 'this machine'} is gone; start it "
                    "again, then run again: finished shards are kept"
                ) from None

    def slots(self) -> int:
        with self._talking():
            return sum(self._client.nthreads().values())

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        """Say of a scheduler that cannot be connected to any more what is said of one whose connection is closed."""
        from distributed.comm import CommClosedError

        try:
            yield
        except OSError as error:
            raise CommClosedError(str(error)) from error

    def ask(self, question: Callable[..., str], *arguments: Any) -> dict[str, str]:
        with self._talking():
            answers = self._client.run(question, *arguments, on_error="return")
        return {name: answer if isinstance(answer, str) else str(answer) for name, answer in answers.items()}

    def submit(self, task: Task) -> Any:
        function, arguments = task
        return self._client.submit(function, *arguments, pure=False)

    def finished(self, waiting: list[Any], seconds: float) -> tuple[list[int], list[Any]]:
        import distributed

        try:
            done, rest = distributed.wait(waiting, timeout=seconds, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return [], waiting
        try:
            return [future.result() for future in done], list(rest)
        except distributed.KilledWorker as error:
            raise _lost("dask", error) from None


class _Ray:
    """The Ray cluster to which this process belongs."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    @classmethod
    @contextlib.contextmanager
    def opened(cls, address: str | None, workers: int) -> Iterator["_Ray"]:
        import ray

        address = address or os.environ.get("RAY_ADDRESS") or None
        local: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False} if address is None else {}
        try:
            _check_listening(address or "")
            ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **local)
        except (OSError, RuntimeError, ValueError) as error:
            raise _unreachable("ray", address, error) from None
        try:
            yield cls(ray)
        finally:
            ray.shutdown()

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]

    def slots(self) -> int:
        return int(sum(node["Resources"]["CPU"] for node in self._nodes()))

    def ask(self, question: Callable[..., str], *arguments: Any) -> dict[str, str]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        answers = {}
        remote = self._ray.remote(question)
        for node in self._nodes():
            where = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
            asked = remote.options(scheduling_strategy=where).remote(*arguments)
            try:
                answers[node["NodeManagerAddress"]] = self._ray.get(asked)
            except self._ray.exceptions.RayError as error:
                answers[node["NodeManagerAddress"]] = str(error)
        return answers

    def submit(self, task: Task) -> Any:
        function, arguments = task
        return self._ray.remote(function).remote(*arguments)

    def finished(self, waiting: list[Any], seconds: float) -> tuple[list[int], list[Any]]:
        done, rest = self._ray.wait(waiting, timeout=seconds)
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(done), rest
        except exceptions.RayTaskError as error:  # Ray adds the worker's whole traceback to it
            raise error.cause from None
        except (
            exceptions.WorkerCrashedError,
            exceptions.OutOfMemoryError,
            exceptions.NodeDiedError,
        ) as error:
            raise _lost("ray", error) from None
