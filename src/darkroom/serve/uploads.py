"""The uploaded files of a request: read as a stream, kept in memory only, within the limits."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

SECONDS = 60.0
"""In which the whole of a request must have come."""

EXAMPLE = "send multipart/form-data with one file or more, as `curl -F files=@picture.png` does"


class Limits(NamedTuple):
    """What one request may hold: bytes of all its body, and number of files."""

    max_bytes: int
    max_images: int


class File(NamedTuple):
    """A file as it came: ``name`` as the client gave it, whatever that is, and the bytes."""

    name: str
    data: bytes


class Refused(Exception):
    """A request that is not answered as asked: the HTTP status, and the reason in words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Memory:
    """What all requests together may hold at one time; one that finds no room waits, unread.

    Parameters
    ----------
    most : int
        Bytes.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def held(self, request: Request, limits: Limits) -> AsyncIterator[None]:
        """Keep room for a request: the length it states, or as much as one may have."""
        stated = _stated_length(request)
        size = limits.max_bytes if stated is None else min(stated, limits.max_bytes)
        async with self._changed:
            await self._changed.wait_for(lambda: self._left >= size)
            self._left -= size
        try:
            yield
        finally:
            async with self._changed:
                self._left += size
                self._changed.notify_all()


async def read(request: Request, limits: Limits) -> list[File]:
    """Return the files of a multipart request, in their order; form fields that are no files are passed over.

    Raises
    ------
    Refused
        400: no such form, a broken one, or one without a file. 408: it does not come to its end. 413: it is beyond the
        limits, found by the length it states or else while reading; nothing after that point is kept.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Refused(400, f"no form with files; {EXAMPLE}")
    if (_stated_length(request) or 0) > limits.max_bytes:
        raise _too_many_bytes(limits)
    form = _Form(limits.max_images)
    read = 0
    try:
        parser = MultipartParser(options[b"boundary"], form.callbacks())
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                read += len(chunk)
                if read > limits.max_bytes:
                    raise _too_many_bytes(limits)
                parser.write(chunk)
    except TimeoutError:
        raise Refused(408, f"the request did not come to its end in {SECONDS:.0f} seconds") from None
    except ClientDisconnect:
        raise Refused(400, "the connection was closed in the midst of the request") from None
    except FormParserError as error:
        raise Refused(400, f"a broken form ({error}); {EXAMPLE}") from None
    if not form.ended:
        raise Refused(400, f"the form breaks off before its last boundary; {EXAMPLE}")
    files = list(form.files())
    if not files:
        raise Refused(400, f"no file in the form; {EXAMPLE}")
    return files


def _stated_length(request: Request) -> int | None:
    # The HTTP parser lets only digits pass, and no more bytes than they say.
    stated = request.headers.get("content-length")
    return None if stated is None else int(stated)


def _too_many_bytes(limits: Limits) -> Refused:
    return Refused(
        413, f"more than {limits.max_bytes} bytes in one request (--max-bytes); send fewer at once"
    )


class _Form:
    """What the parser calls back; holds each file in memory.

    Starlette's own form would do but for one thing: it keeps files in temporary ones, on disk beyond some size.
    """

    def __init__(self, max_images: int) -> None:
        self.ended = False
        self._max_images = max_images
        self._found: list[tuple[bytes, bytearray]] = []
        self._field, self._value, self._disposition = bytearray(), bytearray(), b""
        self._data: bytearray | None = None

    def files(self) -> Iterator[File]:
        """Yield the files; a form sent with none chosen holds one without name and bytes, which is none."""
        for name, data in self._found:
            if name or data:
                yield File(name.decode("utf-8", "replace"), bytes(data))

    def callbacks(self) -> "MultipartCallbacks":
        """Return the functions for the parser, by the parser's names."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._more,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._disposition, self._data = b"", None

    def _header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" not in options:
            return
        if len(self._found) == self._max_images:
            raise Refused(
                413, f"more than {self._max_images} files in one request (--max-images); send fewer at once"
            )
        self._data = bytearray()
        self._found.append((options[b"filename"], self._data))

    def _more(self, data: bytes, start: int, end: int) -> None:
        if self._data is not None:
            self._data += data[start:end]

    def _end(self) -> None:
        self.ended = True
