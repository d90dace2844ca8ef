"""Captures the stderr of image decoders written in C: attributed to the image concerned, not printed.

libjpeg decodes a damaged scan into a full-size picture, partly wrong, and its only sign is a line on stderr; neither
OpenCV nor Pillow passes it on. While anyone is :func:`listening`, file descriptor 2 leads into a temporary file. If it
grew while a picture was decoded, that picture is decoded once more with every other decoding of the process held back,
and what is written then is about this picture for certain. A good picture costs two calls of ``fstat``.
"""

import contextlib
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import IO, TypeVar

from darkroom.redirection import redirected

T = TypeVar("T")


class _Ear:
    """The state behind the functions below: there is one file descriptor 2 in a process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.listeners = 0
        self.heard: IO[bytes] | None = None
        self.known: set[bytes] = set()  # lines that came from a decoder for certain
        self.stderr = -1
        self.undo = contextlib.ExitStack()
        self.turn = threading.Condition(threading.Lock())
        self.decoding = 0
        self.held_back = False

    def size(self) -> int:
        assert self.heard is not None
        return os.fstat(self.heard.fileno()).st_size

    def since(self, start: int) -> bytes:
        assert self.heard is not None
        handle, count = self.heard.fileno(), self.size() - start
        if sys.platform == "win32":
            # Where is read is where file descriptor 2 writes: having read all, at the end again.
            os.lseek(handle, start, os.SEEK_SET)
            return os.read(handle, count)
        return os.pread(handle, count, start)

    def open(self) -> None:
        self.heard = tempfile.TemporaryFile()  # noqa: SIM115  (closed when the last listener leaves)
        self.stderr = self.undo.enter_context(redirected(self.heard.fileno(), 2))[2]
        # Pillow's own warnings are about metadata; whether they are errors must not decide what is rejected.
        self.undo.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module=r"PIL\.")

    def close(self) -> None:
        assert self.heard is not None
        self.undo.close()
        self.heard.seek(0)
        for line in self.heard:
            if line not in self.known and not line.startswith(_DECODERS):
                os.write(2, line)  # somebody else's: it was only delayed
        self.heard.close()
        self.heard = None
        self.known = set()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        with self.turn:
            self.turn.wait_for(lambda: not self.held_back)
            self.decoding += 1
        try:
            yield
        finally:
            with self.turn:
                self.decoding -= 1
                if self.held_back:
                    self.turn.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        with self.turn:
            self.turn.wait_for(lambda: not self.held_back)
            self.held_back = True
            self.turn.wait_for(lambda: self.decoding == 0)
        try:
            yield
        finally:
            with self.turn:
                self.held_back = False
                self.turn.notify_all()


_EAR = _Ear()
_THREAD = threading.local()

_DAMAGE = (b"Corrupt JPEG data", b"Premature end of JPEG file", b"Inconsistent progression sequence")
_DECODERS = (*_DAMAGE, b"Warning: unknown JFIF", b"Invalid SOS parameters")


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Keep what decoders write to stderr from being printed, in all threads, and let :func:`decoded` hear it.

    Nests, and any number of threads may be inside at once. What others write meanwhile is printed when the last one
    leaves.
    """
    # One within another, as for each picture of a shard: nothing to do.
    if getattr(_THREAD, "listens", False):
        yield
        return
    with _EAR.lock:
        if _EAR.listeners == 0:
            _EAR.open()
        _EAR.listeners += 1
    _THREAD.listens = True
    try:
        yield
    finally:
        _THREAD.listens = False
        with _EAR.lock:
            _EAR.listeners -= 1
            if _EAR.listeners == 0:
                _EAR.close()


def decoded(decode: Callable[[], T]) -> tuple[T, str]:
    """Return what ``decode`` returns, and the decoder's complaint about damage, ``""`` where there is none.

    Call it inside :func:`listening`. ``decode`` is called twice where something was written during the first call;
    only lines in which libjpeg reports damage count, so that whatever else the process writes rejects no picture.
    """
    with _EAR.together():
        before = _EAR.size()
        result = decode()
        if _EAR.size() == before:
            return result, ""
    with _EAR.alone():
        before = _EAR.size()
        result = decode()
        said = _EAR.since(before)
    lines = said.splitlines(keepends=True)
    with _EAR.turn:
        _EAR.known.update(lines)
    damage = [line.rstrip() for line in lines if line.startswith(_DAMAGE)]
    return result, damage[0].decode("ascii", "replace") if damage else ""


@contextlib.contextmanager
def stderr() -> Iterator[IO[str]]:
    """Give a text stream on the real standard error, also while someone is listening: for progress bars."""
    with _EAR.lock:
        copy = os.dup(_EAR.stderr if _EAR.listeners else 2)
    with os.fdopen(copy, "w", encoding="utf-8", errors="replace") as stream:
        yield stream
