"""Work spread over threads or processes by joblib, or over a cluster, with a progress bar."""

import concurrent.futures
import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import joblib
from tqdm import tqdm

from darkroom import UserError
from darkroom.decode import dask_and_ray, storage
from darkroom.decode.dask_and_ray import Task
from darkroom.decode.pictures import decoder_stderr
from darkroom.params import DecodeParams

_INTERVAL = 30
"""Seconds between two lines of progress in a log, at least."""


def run(tasks: Sequence[Task], total: int, decode: DecodeParams, folder: Path) -> None:
    """Run every task, a function and its arguments; each returns how many of ``total`` files it dealt with.

    ``folder`` is where they write.

    Raises
    ------
    UserError
        A cluster cannot be used, see :func:`.dask_and_ray.outcomes`; or a worker was out of memory, or was killed.
    """
    if not tasks:  # no need of a cluster
        return
    finished, told = 0, time.monotonic()
    with (
        decoder_stderr.stderr() as stream,
        _losses(decode.workers),
        # disable=None: a bar on a terminal, lines in a log.
        tqdm(total=total, desc="decode", unit="file", file=stream, disable=None) as bar,
    ):
        for done in _outcomes(tasks, decode, folder):
            bar.update(done)
            finished += done
            if bar.disable and time.monotonic() > told + _INTERVAL:
                print(f"decode: {finished:,} of {total:,} files", flush=True)
                told = time.monotonic()


def _outcomes(tasks: Sequence[Task], decode: DecodeParams, folder: Path) -> Iterator[int]:
    if decode.backend in ("dask", "ray"):
        if decode.storage is not None:
            yield from storage.outcomes(tasks, decode, folder)
        else:
            yield from dask_and_ray.outcomes(
                tasks, decode.backend, decode.address, decode.workers, str(folder)
            )
        return
    with joblib.parallel_config(decode.backend, n_jobs=decode.workers):
        parallel = joblib.Parallel(return_as="generator_unordered", pre_dispatch="2 * n_jobs")
        yield from parallel(joblib.delayed(function)(*arguments) for function, arguments in tasks)


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
