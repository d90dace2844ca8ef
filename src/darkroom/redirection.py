"""Redirects the process's stdout and stderr, including what C and C++ code writes."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def redirected(target: int, *descriptors: int) -> Iterator[dict[int, int]]:
    """Lead file descriptors of this process, 1 or 2, into ``target`` while the block runs.

    Yields
    ------
    dict
        For each descriptor a copy of what it was, to write there all the same.
    """
    _flush()
    real = {number: os.dup(number) for number in descriptors}
    try:
        for number in real:
            os.dup2(target, number)
        yield real
    finally:
        _flush()
        for number, copy in real.items():
            os.dup2(copy, number)
            os.close(copy)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
