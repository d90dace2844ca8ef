"""A real HTTP server on localhost whose answers a test decides, and what the tests of fetch share."""

import io
import random
import ssl
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from darkroom.fetch.http import fetch_http
from darkroom.fetch.http_transfer import Patience
from darkroom.params import SourceParams

DEFAULTS: dict[str, Any] = {
    "kind": "bundled",
    "name": "digits",
    "seed": 0,
    "path": None,
    "urls": [],
    "max_bytes": 20_000_000_000,
    "dataset": None,
    "version": None,
    "competition": None,
}


def make_source(**changes: Any) -> SourceParams:
    return SourceParams.model_validate(DEFAULTS | changes)


def make_zip(size: int = 300_000, seed: int = 0, name: str = "cats/1.jpg") -> bytes:
    """Return a zip with one stored member of ``size`` random bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), random.Random(seed).randbytes(size))
    return buffer.getvalue()


class Answerer(BaseHTTPRequestHandler):
    """Hands each request to the function that the test gave for its path."""

    protocol_version = "HTTP/1.1"
    server: "Site"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        self.server.requests.append(Request(self.path, dict(self.headers.items()), body))
        answer = self.server.answers.get(path)
        self.close_connection = True
        try:
            if answer is None:
                self.send(404, b"not here")
            else:
                answer(self)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client had enough

    def send(self, status: int, body: bytes = b"", length: int | None = None, **headers: str) -> None:
        """Send a whole answer, with a Content-Length that may lie."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes = b""


class Site(ThreadingHTTPServer):
    """The server: ``answers`` by path, ``requests`` as they came."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Answerer)
        self.answers: dict[str, Callable[[Answerer], None]] = {}
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self.scheme = "http"

    def url(self, path: str) -> str:
        return f"{self.scheme}://localhost:{self.server_port}{path}"

    def handle_error(self, *_: object) -> None:
        """Keep quiet: a client that hangs up is part of the tests."""


@dataclass
class File:
    """A file that a server sends as it should, ranges included; or as told, cut off or without ranges.

    ``cuts`` holds, for each answer in turn, after how many bytes of the body the connection is cut; later ones are
    whole.
    """

    content: bytes
    etag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)

    def __call__(self, answerer: Answerer) -> None:
        headers = {"Accept_Ranges": "bytes" if self.ranges else "none", "Content_Type": "application/zip"}
        if self.etag:
            headers["ETag"] = self.etag
        if self.modified:
            headers["Last_Modified"] = self.modified
        start, condition = answerer.headers.get("Range"), answerer.headers.get("If-Range")
        if start and self.ranges and condition in (None, self.etag, self.modified):
            first = int(start.removeprefix("bytes=").removesuffix("-"))
            if first >= len(self.content):
                answerer.send(416, Content_Range=f"bytes */{len(self.content)}")
                return
            headers["Content_Range"] = f"bytes {first}-{len(self.content) - 1}/{len(self.content)}"
            self._send(answerer, 206, self.content[first:], headers)
        else:
            self._send(answerer, 200, self.content, headers)

    def _send(self, answerer: Answerer, status: int, body: bytes, headers: dict[str, str]) -> None:
        cut = self.cuts.pop(0) if self.cuts else len(body)
        answerer.send(status, body[:cut], len(body), **headers)


@pytest.fixture
def start_site() -> Iterator[Callable[..., Site]]:
    """Return a function that starts a server, at a port of its own or a given one, with TLS or without."""
    sites: list[Site] = []

    def start(port: int = 0, tls: ssl.SSLContext | None = None) -> Site:
        site = Site(port)
        if tls is not None:
            site.socket = tls.wrap_socket(site.socket, server_side=True)
            site.scheme = "https"
        sites.append(site)
        threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return site

    yield start
    for site in sites:
        site.closing.set()
        site.shutdown()
        site.server_close()


@pytest.fixture
def site(start_site: Callable[..., Site]) -> Site:
    return start_site()


@pytest.fixture
def patience() -> Patience:
    """Return pauses that do not make a test slow."""
    return Patience(pauses=(0.01, 0.02, 0.03), connect=5, read=5)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no credentials or proxy of the machine reach a test, and no test reach the network."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in (
        "NETRC",
        "KAGGLE_USERNAME",
        "KAGGLE_KEY",
        "KAGGLE_API_TOKEN",
        "KAGGLE_CONFIG_DIR",
        "DVC_ROOT",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


Download = Callable[..., list[tuple[Path, str]]]
ZIP = make_zip()


@pytest.fixture
def download(tmp_path: Path, patience: Patience) -> Download:
    """Return a function that downloads addresses into tmp_path/raw."""
    raw = tmp_path / "raw"
    raw.mkdir()

    def run(
        *urls: str, sha256: tuple[str, ...] = (), max_bytes: int = 10_000_000, patience: Patience = patience
    ) -> list[tuple[Path, str]]:
        downloads = list(zip(urls, sha256 or [""] * len(urls), strict=True))
        return fetch_http(downloads, max_bytes, raw, tmp_path / "partials", patience)

    return run


def only(fetched: list[tuple[Path, str]]) -> bytes:
    assert len(fetched) == 1
    return fetched[0][0].read_bytes()


def starts(site: Site) -> list[str | None]:
    """Return what each request asked for, in order: its Range."""
    return [request.headers.get("Range") for request in site.requests]


def nothing_kept(tmp_path: Path) -> bool:
    return not list((tmp_path / "raw").iterdir()) and not any(
        path.stat().st_size for path in (tmp_path / "partials").rglob("part")
    )
