"""Downloads over HTTP and HTTPS: retried, resumed after a kill, verified, and never accepted when incomplete."""

import hashlib
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import requests

from darkroom import UserError
from darkroom.fetch import archives, partial, url_checks
from darkroom.fetch.http_transfer import Interrupted, Patience, Transfer
from darkroom.fetch.partial import Partial

_PROGRESS = 1 << 20  # bytes after which a transfer that broke off counts as the first again


def fetch_http(
    downloads: list[tuple[str, str]],
    max_bytes: int,
    raw: Path,
    partials: Path,
    patience: Patience,
) -> list[tuple[Path, str]]:
    """Download each file into ``raw``; return each archive and its address, as params.yaml has it.

    Parameters
    ----------
    downloads : list of (str, str)
        What to download: the address and the expected SHA-256, lower-case hexadecimal, or "".
    max_bytes : int
        The largest file taken, bytes each.
    raw : Path
        The folder to fill.
    partials : Path
        Where partial downloads are kept, see :mod:`darkroom.fetch.partial`.
    patience : Patience
        How often and how long to wait.

    Raises
    ------
    UserError
        An address is wrong, its server refuses or fails, or what it sends is not the archive that was asked for.
    """
    if not downloads:
        raise UserError("params.yaml: source.urls: got []; source.kind http needs at least one address")
    for url, _ in downloads:
        url_checks.check(url)
    with (
        partial.opened(raw) as out,
        ExitStack() as claims,
        partial.writing("params.yaml: source.urls", partials),
    ):
        # Claimed in one order: two runs that list the same files otherwise cannot wait for each other for ever.
        places = {
            one: claims.enter_context(partial.claimed(partials, *one)) for one in sorted(set(downloads))
        }
        with requests.Session() as session:
            for one, place in places.items():
                _download(session, Partial(place), *one, max_bytes, patience)
        fetched: list[tuple[Path, str]] = []
        for one in downloads:
            part = Partial(places[one]).path
            with part.open("rb") as file:
                head = file.read(archives.HEAD)
            taken = [archive.name for archive, _ in fetched]
            target = raw / archives.name_for(url_checks.file_name(one[0]), head, taken)
            partial.deliver(part, target, out)
            fetched.append((target, url_checks.redacted(one[0])))
        partial.clean(partials, list(places.values()))
    return fetched


def _download(
    session: requests.Session, part: Partial, url: str, digest: str, max_bytes: int, patience: Patience
) -> None:
    """Fill ``part``, in as many transfers as it takes and ``patience`` allows."""
    transfer = Transfer(url, bool(digest), max_bytes, patience)
    if part.finished:
        return
    said = f", going on after {part.size:,} bytes" if part.size else ""
    print(f"downloading {transfer.shown}{said}", file=sys.stderr)
    failures, most = 0, part.size
    while True:
        try:
            transfer.run(session, part)
            _verify(part, transfer.shown, digest)
            print(f"{transfer.shown}: {part.size:,} bytes, whole", file=sys.stderr)
            return
        except Interrupted as failure:
            if part.size >= most + _PROGRESS:
                failures, most = 0, part.size
            if failures == len(patience.pauses) or failure.wait > patience.longest:
                asked = f" (it asks to wait {failure.wait:.0f} s)" if failure.wait > patience.longest else ""
                resumable = part.size and (part.validator or digest)
                kept = f"; {part.size:,} bytes are kept, the next run goes on from there" if resumable else ""
                raise UserError(
                    f"params.yaml: source.urls: {transfer.shown}: {failure}{asked}; "
                    f"gave up after {failures + 1} attempts{kept}"
                ) from None
            pause = max(patience.pauses[failures], failure.wait)
            failures += 1
            print(f"{transfer.shown}: {failure}; trying again in {pause:g} s", file=sys.stderr)
            time.sleep(pause)


def _verify(part: Partial, shown: str, digest: str) -> None:
    """Mark ``part`` finished if it is what was asked for; else drop it.

    Raises
    ------
    Interrupted
        It is not, but was joined from several transfers: perhaps of several versions, so one more is worth it.
    UserError
        It is not.
    """
    problem = _problem(part.path, digest)
    if problem is None:
        part.finish()
        return
    joined, size = part.joined, part.size
    part.restart()
    if joined:
        raise Interrupted(f"{problem}; it was put together from several transfers, so it is fetched again")
    raise UserError(f"params.yaml: source.urls: {shown}: {problem}; {size:,} bytes came, none are kept")


def _problem(path: Path, digest: str) -> str | None:
    if digest:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == digest:
            return None
        return (
            f"wrong checksum: its sha256 in source.urls is {digest}, the file has {found}; ask its publisher"
        )
    try:
        archives.check_whole(path)
    except ValueError as error:
        return f"the archive is not whole ({error})"
    return None
