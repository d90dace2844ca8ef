"""Keeps TensorFlow's startup logs off stderr, where the command's own messages go."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator

from darkroom.redirection import redirected

# Information and warnings of absl, which TF_CPP_MIN_LOG_LEVEL does not reach before TensorFlow has read it; and the
# error that there is no driver of NVIDIA, which most machines lack.
_NOISE = re.compile(
    rb"[IW]\d{4} \d\d|[IW]0000 00:|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|E\d{4} .*failed call to cuInit"
)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop such lines while the block runs; what else is written to stderr follows when it ends."""
    with tempfile.TemporaryFile() as heard:
        try:
            with redirected(heard.fileno(), 2):
                yield
        finally:
            heard.seek(0)
            for line in heard:
                if not _NOISE.match(line):
                    os.write(2, line)
