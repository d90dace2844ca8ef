"""Waiting for something to come true in another process."""

import time
from collections.abc import Callable


def wait_until(true: Callable[[], bool]) -> None:
    """Look again and again; fail after a minute."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.01)
