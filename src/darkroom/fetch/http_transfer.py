"""One HTTP download of one file: resumed where the last one stopped, written to disk as it arrives."""

import email.utils
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from tqdm import tqdm

from darkroom import UserError, table_files
from darkroom.fetch import archives, url_checks
from darkroom.fetch.partial import Partial

_CHUNK = 1 << 16
_REDIRECTS = 10
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # refusals that may be over in a minute

_REFUSALS = {
    401: "the server wants a login, or refuses this one; put it into ~/.netrc, or into environment variables "
    "that source.urls names",
    403: "the server refuses access; open the address in a browser, accept its terms or ask its owner for access",
    404: "there is no such file; check the address",
    410: "the file is gone; look for its new address",
    429: "the server gets too many requests from here; wait some minutes and run again",
}


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: between attempts, for a connection, for the next bytes, as a server asks."""

    pauses: tuple[float, ...] = (1, 2, 4, 8, 16, 32)
    connect: float = 20
    read: float = 60
    longest: float = 300


class Interrupted(Exception):
    """A transfer that failed in a way that the next one may not.

    Parameters
    ----------
    message : str
        What happened; shown to the user if all attempts end so.
    wait : float
        Seconds that the server asked to wait before the next.
    """

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Transfer:
    """What to ask for, and the limits of what is taken.

    Parameters
    ----------
    url : str
        The address as params.yaml has it.
    checked : bool
        Whether the file's digest is known, so that a wrongly joined file would show.
    max_bytes : int
        The largest file taken, bytes.
    patience : Patience
    """

    url: str
    checked: bool
    max_bytes: int
    patience: Patience

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return url_checks.redacted(self.url)

    def _refusal(self, message: str) -> UserError:
        return UserError(f"params.yaml: source.urls: {self.shown}: {message}")

    def run(self, session: requests.Session, part: Partial) -> None:
        """Ask for what ``part`` lacks and append it; or for all, where the server knows another version or no ranges.

        Raises
        ------
        Interrupted
            It broke off, or the server is busy: worth another attempt.
        UserError
            It is not.
        """
        # Joining what may be two versions of a file is safe only where the server compares them, or a digest will.
        start = part.size if part.validator or self.checked else 0
        if start and start == part.total:
            return
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if part.validator:
                headers["If-Range"] = part.validator
        with closing(self._ask(session, headers)) as response:
            if response.status_code == 416 and start and _range(response) == (None, start):
                return  # killed after the last byte
            self._prepare(response, part, start)
            self._receive(response, part)

    def _ask(self, session: requests.Session, headers: dict[str, str]) -> requests.Response:
        """Return the answer at the end of all redirects, its body not yet read."""
        address = url_checks.complete(self.url)
        for _ in range(_REDIRECTS + 1):
            response = self._get(session, address, headers)
            target = session.get_redirect_target(response)
            if target is None:
                return response
            response.close()
            url = urljoin(address.url, target)
            here, there = urlsplit(address.url), urlsplit(url)
            if here.scheme != there.scheme:
                raise self._refusal(
                    f"redirects to another scheme ({url_checks.site(url)}); if you trust it, "
                    "put the address it leads to into params.yaml"
                )
            address = url_checks.Address(url, address.login if here.netloc == there.netloc else None)
        raise self._refusal(f"more than {_REDIRECTS} redirects; check the address")

    def _get(
        self, session: requests.Session, address: url_checks.Address, headers: dict[str, str]
    ) -> requests.Response:
        wait = (self.patience.connect, self.patience.read)
        try:
            # Without a login here, requests looks into ~/.netrc.
            return session.get(
                address.url,
                auth=address.login,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=wait,
            )
        # The exceptions' own words hold the address with its secrets: none are repeated.
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise self._refusal(
                    f"the certificate of {url_checks.site(address.url)} is not trusted; "
                    "check the address, or name your organization's certificates in REQUESTS_CA_BUNDLE"
                ) from None
            raise Interrupted("the secure connection failed") from None
        except requests.exceptions.Timeout:
            raise Interrupted(f"no answer for {self.patience.read:g} s") from None
        except requests.exceptions.ConnectionError as error:
            if "NameResolutionError" in repr(error) and "Range" not in headers:  # else the network was there
                raise self._refusal("no such host, or no network; check the address") from None
            raise Interrupted("no connection to the server") from None
        except requests.exceptions.RequestException as error:
            raise self._refusal(f"cannot be asked for: {type(error).__name__}") from None

    def _prepare(self, response: requests.Response, part: Partial, start: int) -> None:
        """Make ``part`` ready for the body of ``response``, or refuse it."""
        status = response.status_code
        if status in _PASSING:
            said = _REFUSALS.get(status, "the server failed")
            raise Interrupted(f"HTTP {status}: {said}", _wait(response))
        if status == 206 and start:
            first, total = _range(response)
            same = _validator(response) in (None, part.validator) and total in (None, part.total or total)
            if first != start or not same:
                part.restart()
                raise Interrupted("the file changed on the server while it was being fetched")
            part.join()
        elif status == 416 and start:
            part.restart()
            raise Interrupted("the file on the server is shorter than what is here of it")
        elif status == 200:
            total = _length(response)
            part.restart(_validator(response), total)
        else:
            said = _REFUSALS.get(status, "expected the file")
            raise self._refusal(f"HTTP {status}: {said}")
        self._check_size(part, total or 0)
        free = shutil.disk_usage(part.path.parent).free
        if total and total - part.size > free:
            raise self._refusal(
                f"{total - part.size:,} bytes are still to come, but the disk of "
                f"{part.path.parent} has {free:,} free; free some and run again"
            )

    def _receive(self, response: requests.Response, part: Partial) -> None:
        label = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        size = part.size
        known = size >= archives.HEAD
        with (
            part.path.open("ab") as file,
            # None: no bar where nobody watches, as in a log.
            tqdm(
                total=part.total,
                initial=size,
                unit="B",
                unit_scale=True,
                file=sys.stderr,
                disable=None,
                leave=False,
            ) as bar,
        ):
            for chunk in self._chunks(response):
                file.write(chunk)
                bar.update(len(chunk))
                size += len(chunk)
                if not known and size >= archives.HEAD:
                    file.flush()
                    self._check_head(part, label)
                    known = True
                self._check_size(part, size)
        if part.total is not None and size != part.total:
            raise Interrupted(f"the connection broke off at {size:,} of {part.total:,} bytes")
        if not known:
            self._check_head(part, label)

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the body as it was sent: a server's compression would make ranges count other bytes than ours."""
        try:
            yield from response.raw.stream(_CHUNK, decode_content=False)
        except urllib3.exceptions.ReadTimeoutError:
            raise Interrupted(f"no data for {self.patience.read:g} s") from None
        except urllib3.exceptions.HTTPError:
            raise Interrupted("the connection broke off") from None

    def _check_head(self, part: Partial, label: str) -> None:
        with part.path.open("rb") as file:
            head = file.read(archives.HEAD)
        if archives.is_source(head, url_checks.file_name(self.url)):
            return
        part.restart()
        if archives.is_html(head) or label in ("text/html", "application/xhtml+xml"):
            raise self._refusal(
                "a web page (HTML) came in place of an archive, perhaps a login page, "
                "or a page about the file: look for the address of the file itself, and put a login into ~/.netrc"
            )
        came = f"it begins with {head[:16]!r}" if head else "it is empty"
        raise self._refusal(
            f"what came is no archive ({came}); expected one of {', '.join(archives.SUFFIXES)}, or a table of pixels "
            f"({table_files.KINDS})"
        )

    def _check_size(self, part: Partial, size: int) -> None:
        if size > self.max_bytes:
            part.restart()
            raise self._refusal(
                f"larger than source.max_bytes allows ({self.max_bytes:,} bytes)"
                + "; raise it if you want the file"
            )


def _validator(response: requests.Response) -> str | None:
    """Return what names this version of the file; a weak ETag promises no equal bytes (RFC 9110, 8.8.1)."""
    etag = response.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


def _length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() and "Transfer-Encoding" not in response.headers else None


def _range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return (first byte, bytes of the whole file) as Content-Range has them, None where it does not say."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    if not found:
        return None, None
    first, total = found.groups()
    return int(first) if first else None, int(total) if total != "*" else None


def _wait(response: requests.Response) -> float:
    """Return the seconds of Retry-After, given as a number or as a date; 0 where there is none."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0
