"""Storage for a cluster whose machines share no project folder: archives go there once, finished shards come back."""

import contextlib
import hashlib
import socket
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from darkroom import UserError, files
from darkroom.decode import addresses, archives, dask_and_ray, shards
from darkroom.decode.dask_and_ray import Task
from darkroom.decode.pictures.preparation import Preparation
from darkroom.params import DecodeParams

_GAP = 1 << 16
"""Bytes between two members, at most, that are fetched with them, since one more request takes longer."""

_PIECE = 1 << 26
"""Bytes of one request, at most: what a worker holds in memory of an archive."""

Reads = dict[str, tuple[str, list[tuple[int, int]]]]
"""What a task reads of each source file, by its path where the stage runs: the file's address in the storage; the first
byte and the one after the last of every piece, in order.
"""


def outcomes(tasks: Sequence[Task], decode: DecodeParams, folder: Path) -> Iterator[int]:
    """Run tasks of :func:`.shards.write` on a cluster by way of `decode.storage`; yield the result of each.

    Each source file that a task reads lies under ``sources`` of the storage, named by the SHA-256 of its content, and
    stays there for later runs. Shards lie under ``shards`` until they are in ``folder``.

    Raises
    ------
    UserError
        The storage cannot be used, or as :func:`.dask_and_ray.outcomes` says.
    """
    root = str(decode.storage).rstrip("/")
    url = f"{root}/shards/{socket.gethostname()}-{folder.name}"
    with _told(root):
        sources = _uploaded({member.place.path for _, (members, *_) in tasks for member in members}, root)
    remote = [
        (_write, (members, _reads(members, sources), number, url, preparation))
        for _, (members, number, _, preparation) in tasks
    ]
    counts = {number: len(members) for _, (members, number, *_) in tasks}
    try:
        for number in dask_and_ray.outcomes(remote, decode.backend, decode.address, decode.workers, url):
            with _told(root):
                _download(url, number, folder)
            yield counts[number]
    finally:
        # What ended the run is told, not that this folder cannot be removed either.
        with contextlib.suppress(Exception):
            storage, path = addresses.opened(url)
            storage.rm(path, recursive=True)


@contextlib.contextmanager
def _told(root: str) -> Iterator[None]:
    """Tell any error as one of the user's: every kind of storage has exceptions of its own."""
    try:
        yield
    except Exception as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"params.yaml: decode.storage: {root} cannot be used: {said}; correct the address or the keys, or set it "
            "to null where all workers see the project's folder"
        ) from None


def _uploaded(paths: set[str], root: str) -> dict[str, str]:
    """Bring source files to the storage, but for those that are there; return the address of each by its path."""
    sources = {}
    for path in sorted(map(Path, paths)):
        with path.open("rb") as file:
            address = f"{root}/sources/{hashlib.file_digest(file, 'sha256').hexdigest()}"
        storage, target = addresses.opened(address)
        # What a killed run has written in part has another length.
        if not storage.exists(target) or storage.size(target) != path.stat().st_size:
            print(f"decode: {path.name} goes to {root}", flush=True)
            storage.put_file(str(path), target)
        sources[str(path)] = address
    return sources


def _reads(members: Sequence[archives.Member], sources: Mapping[str, str]) -> Reads:
    """Return what reading ``members`` looks at, with what lies between two that are near."""
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for member in members:
        spans[member.place.path].append(archives.span(member.place))
    return {path: (sources[path], _joined(spans[path], Path(path).stat().st_size)) for path in spans}


def _joined(spans: list[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Return ``spans`` of a file of ``length`` bytes in order, those that overlap or are near as one."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        stop = min(stop, length)  # a truncated archive lists what it lacks
        if joined and start <= joined[-1][1] + _GAP:
            start, stop = joined[-1][0], max(stop, joined.pop()[1])
        if start < stop:
            joined.append((start, stop))
    return joined


def _write(
    members: Sequence[archives.Member], reads: Reads, number: int, url: str, preparation: Preparation
) -> int:
    """Write shard ``number`` into the storage; return the number. A worker runs this."""
    with tempfile.TemporaryDirectory(prefix="darkroom-decode-") as temporary:
        folder = Path(temporary)
        copies = {path: folder / f"source-{index}" for index, path in enumerate(reads)}
        with _told(url):
            for path, (address, spans) in reads.items():
                _fetch(address, spans, copies[path])
        here = [
            replace(member, place=replace(member.place, path=str(copies[member.place.path])))
            for member in members
        ]
        work = files.empty_folder(folder / "shard")
        shards.write(here, number, work, preparation)
        with _told(url):
            storage, target = addresses.opened(url)
            for written in work.iterdir():
                storage.put_file(str(written), f"{target}/{written.name}")
    return number


def _fetch(address: str, spans: Sequence[tuple[int, int]], copy: Path) -> None:
    """Copy parts of a file, each to where it lies in the whole: a sparse file, read as the whole would be."""
    storage, path = addresses.opened(address)
    with copy.open("wb") as file:
        for start, stop in spans:
            file.seek(start)
            for at in range(start, stop, _PIECE):
                file.write(storage.cat_file(path, start=at, end=min(at + _PIECE, stop)))


def _download(url: str, number: int, folder: Path) -> None:
    """Move a finished shard into ``folder``, its rows last: with them it counts as finished."""
    storage, path = addresses.opened(url)
    storage.invalidate_cache()
    for target in shards.all_paths(folder, number):
        if storage.exists(f"{path}/{target.name}"):
            with files.whole(target) as part:
                storage.get_file(f"{path}/{target.name}", str(part))
            storage.rm_file(f"{path}/{target.name}")
