"""What TensorFlow and the converters write on the process's standard output and error, held back."""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from darkroom import UserError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back all that is written to the process's stdout and stderr, by C++ too, and Python's warnings.

    Where the block ends in a bug, what was written is printed after all: it may say why.
    """
    with tempfile.TemporaryFile() as heard, _led_into(heard.fileno()) as stderr, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except UserError:
            raise
        except Exception:
            sys.stdout.flush()
            sys.stderr.flush()
            heard.seek(0)
            os.write(stderr, heard.read())
            raise


@contextlib.contextmanager
def _led_into(target: int) -> Iterator[int]:
    """Lead file descriptors 1 and 2 into ``target``, and give a copy of the real 2."""
    sys.stdout.flush()
    sys.stderr.flush()
    real = {number: os.dup(number) for number in (1, 2)}
    try:
        for number in real:
            os.dup2(target, number)
        yield real[2]
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in real.items():
            os.dup2(copy, number)
            os.close(copy)
