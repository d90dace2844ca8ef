"""Suppresses what TensorFlow and the converters write to stdout and stderr, unless they fail."""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

from darkroom import UserError
from darkroom.redirection import redirected


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back all that is written to the process's stdout and stderr, by C++ too, and Python's warnings.

    Where the block ends in a bug, what was written is printed after all: it may say why.
    """
    with (
        tempfile.TemporaryFile() as heard,
        redirected(heard.fileno(), 1, 2) as real,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        except UserError:
            raise
        except Exception:
            sys.stdout.flush()
            sys.stderr.flush()
            heard.seek(0)
            os.write(real[2], heard.read())
            raise
