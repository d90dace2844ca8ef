"""Work spread over threads, processes or a cluster by joblib, with a progress bar."""

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import joblib
from tqdm import tqdm

from darkroom import UserError, how_to_install
from darkroom.decode.pictures import decoder_stderr


def run(
    tasks: Sequence[tuple[Callable[..., int], tuple[Any, ...]]], total: int, workers: int, backend: str
) -> None:
    """Run every task, a function and its arguments; each returns how many of ``total`` files it dealt with.

    Raises
    ------
    UserError
        ``backend`` is a cluster whose package is not installed; or a worker was out of memory, or was killed.
    """
    with _backend(backend, workers), decoder_stderr.stderr() as stream, _losses(workers):
        parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", pre_dispatch="2 * n_jobs")
        # disable=None: a bar on a terminal, nothing in a log.
        with tqdm(total=total, desc="decode", unit="file", file=stream, disable=None) as bar:
            for done in parallel(joblib.delayed(function)(*arguments) for function, arguments in tasks):
                bar.update(done)


@contextlib.contextmanager
def _losses(workers: int) -> Iterator[None]:
    """Say what to do where a worker had no memory left, or is gone: the kernel kills what takes the last of it."""
    try:
        yield
    except (MemoryError, cv2.error, concurrent.futures.BrokenExecutor) as error:
        if isinstance(error, cv2.error) and error.code != cv2.Error.StsNoMem:
            raise
        what = "was killed" if isinstance(error, concurrent.futures.BrokenExecutor) else "had no memory left"
        raise UserError(
            f"a worker {what}, most likely because {workers} at once need more memory than there is; close other "
            f"programs, or set decode.workers in params.yaml below {workers}, and run again: finished shards are kept"
            if workers > 1
            else f"a worker {what}; close other programs, or use a machine with more memory, and run again: finished "
            "shards are kept"
        ) from None


@contextlib.contextmanager
def _backend(name: str, workers: int) -> Iterator[None]:
    try:
        if name == "dask":
            from dask.distributed import Client  # type: ignore[import-not-found]

            # Without an address in Dask's own configuration (DASK_SCHEDULER_ADDRESS), a cluster on this machine.
            with Client(n_workers=None, set_as_default=True), joblib.parallel_config("dask", n_jobs=workers):
                yield
            return
        if name == "ray":
            from ray.util.joblib import register_ray  # type: ignore[import-not-found]

            register_ray()
    except ModuleNotFoundError as error:
        raise UserError(
            f"params.yaml: decode.backend: got {name!r}, but the package {error.name} is not installed; "
            f"install it ({how_to_install(name)}) or choose threading or loky"
        ) from None
    with joblib.parallel_config(name, n_jobs=workers):
        yield
