"""Lists every file of every archive in data/raw, as members that any thread or process can read in place."""

import itertools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from darkroom import UserError, files
from darkroom.decode.archives import extents, name_encodings, names, system_files, tar_reader, zip_reader
from darkroom.decode.archives.extents import Found, Listed, Place
from darkroom.decode.box import Box
from darkroom.decode.rejections import Reason, Rejected, Rejection
from darkroom.table_files import is_table

NO_DATA = ("source.json", files.SEAL)
"""What the stage fetch leaves in data/raw beside the archives."""

MAX_BYTES = "decode.max_bytes in params.yaml"
"""What the user of the pipeline calls the limit of what is unpacked."""

_HEAD = 512  # bytes that tell an archive: one header of a tar
_UNREAD = {b"Rar!": "RAR", b"7z\xbc\xaf\x27\x1c": "7-Zip", b"\x28\xb5\x2f\xfd": "Zstandard"}
_IMAGE_STARTS = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
PICTURES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif"),
    *(".heic", ".heif", ".jp2", ".j2k", ".jpx", ".tga", ".pcx", ".pbm", ".pgm", ".ppm", ".pnm", ".pam"),
)
"""Suffixes of files that are pictures and no archives; what they are is told by their content."""

# A document is a zip too, and its pictures are none of the data set's.
_DOCUMENTS = (
    ".docx",
    ".xlsx",
    ".pptx",
    ".odt",
    ".ods",
    ".odp",
    ".epub",
    ".jar",
    ".apk",
    ".npz",
    ".keras",
    ".whl",
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the source.

    Attributes
    ----------
    id : str
        Its path inside the source, parts joined by ``/``, in Unicode's composed form (see :func:`.names.ids`). Starts
        with the archive's name where the source has several archives; a nested archive is a folder of its own name.
    place : Place
        Where its bytes lie.
    label : str or None
        As used, after ``labels.map``; None where it has none, or none was read yet. Of a table's row, before labels are
        read, as the table has it, "" without one.
    split : str
        train, validation or test where the source came split, else "".
    box : Box or None
        The part of the picture that this is, None for all of it; the id is then that of the picture with ``#1`` or
        another number behind it.
    """

    id: str
    place: Place
    label: str | None = None
    split: str = ""
    box: Box | None = None

    @property
    def file(self) -> str:
        """Id of the file: that of the picture, where this is a part of one."""
        return self.id.rpartition("#")[0] if self.box else self.id

    @property
    def bytes(self) -> int:
        """Length once unpacked, as declared."""
        return self.place.bytes


def members(
    raw: Path, scratch: Path, max_bytes: int, name_encoding: str = "auto"
) -> tuple[list[Member], list[Rejection]]:
    """List every file of every archive in ``raw``, those of nested archives too; folders are no files.

    Parameters
    ----------
    raw : Path
        Archives (zip, tar, tar.gz, tar.bz2, tar.xz, told by content), loose files; ``source.json`` and
        the seal are none of the data.
    scratch : Path
        A folder of the caller's, emptied first, for what cannot be read in place: compressed tars, and compressed
        archives in archives. Members lie there until the caller removes it.
    max_bytes : int
        A file of more bytes is refused, and so is a nested archive that holds more; so many are written to ``scratch``
        at most.
    name_encoding : str
        How names that are not UTF-8 are read: an encoding that Python knows, or "auto"; see :mod:`.name_encodings`.

    Returns
    -------
    list of Member, list of Rejection
        Each sorted by id. No two members have the same id: of files of the very same name the first in the archive's
        order is kept. What systems and tools leave behind (see :mod:`.system_files`) is rejected as ``system file``.

    Raises
    ------
    UserError
        There is nothing in ``raw``, an archive cannot be opened at all, or the source holds more than ``max_bytes``.
    """
    paths = sorted(path for path in raw.iterdir() if path.name not in NO_DATA) if raw.is_dir() else []
    if not paths:
        raise UserError(f"{raw}: empty; expected the source's archives, which the stage fetch brings")
    listing = _Listing(files.empty_folder(scratch), max_bytes, MAX_BYTES, name_encoding)
    kinds = {
        path: _kind(extents.whole_file(path)) if path.is_file() and not is_table(path.name) else ""
        for path in paths
    }
    several = sum(kind != "" for kind in kinds.values()) > 1
    for path, kind in kinds.items():
        if kind:
            try:
                listing.add_archive(path, kind, f"{path.name}/" if several else "", path.name)
            except Rejected as error:
                raise UserError(f"{path}: {error.detail}") from None
        elif path.is_file():
            listing.add("", Found(path.name, extents.whole_file(path)))
        else:
            listing.reject(path.name, Reason.NOT_A_FILE, "a folder or device; expected archives and images")
    try:
        return listing.finished()
    except Rejected as error:
        raise UserError(f"{raw}: {error.detail}") from None


def members_of(
    path: Path, scratch: Path, max_bytes: int, limit: str
) -> tuple[list[Member], list[Rejection]] | None:
    """List every file of the one archive at ``path`` as :func:`members` does; None where it is no archive.

    ``limit`` is what the user calls ``max_bytes``.

    Raises
    ------
    Rejected
        The archive cannot be opened at all, or holds more than ``max_bytes``; the detail says it in full.
    """
    kind = "" if is_table(path.name) else _kind(extents.whole_file(path))
    if not kind:
        return None
    listing = _Listing(files.empty_folder(scratch), max_bytes, limit, "auto")
    listing.add_archive(path, kind, "", "")
    return listing.finished()


def members_of_folder(
    named: Iterable[tuple[str, Path]], scratch: Path, max_bytes: int
) -> tuple[list[Member], list[Rejection]]:
    """List files on disk, each with its name, as :func:`members` does those of the archive they would be packed into.

    Raises
    ------
    Rejected
        The files hold more than ``max_bytes``; the detail says it in full.
    """
    listing = _Listing(files.empty_folder(scratch), max_bytes, MAX_BYTES, "auto")
    for name, path in named:
        listing.add_with_nested("", Found(name, extents.whole_file(path)), name)
    return listing.finished()


def read(member: Member) -> bytes:
    """Return the content of ``member``; safe from any number of threads and processes at once.

    Raises
    ------
    Rejected
        It is truncated or corrupt, or compressed in a way that is not read.
    """
    return extents.read(member.place)


def _kind(place: Place) -> str:
    """Return what archive lies at ``place``, by its content: "" for none."""
    start = extents.head(place, _HEAD)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK")):
        return "zip"
    for kind, magic in (
        ("tar.gz", tar_reader.GZIP),
        ("tar.bz2", tar_reader.BZIP2),
        ("tar.xz", tar_reader.XZ),
    ):
        if start.startswith(magic):
            return kind
    for magic, kind in _UNREAD.items():
        if start.startswith(magic):
            return kind
    if tar_reader.is_header(start):
        return "tar"
    # A zip may have a program before it, which unpacks it where it is run.
    may_end_so = place.method is None and start and not start.startswith(_IMAGE_STARTS)
    return "zip" if may_end_so and zip_reader.has_end(place) else ""


class _Listing:
    """The files found so far, and the bytes they take."""

    def __init__(self, scratch: Path, max_bytes: int, limit: str, name_encoding: str) -> None:
        self._bytes = 0
        self._scratch = scratch
        self._max_bytes = max_bytes
        self._limit = limit
        self._name_encoding = name_encoding
        self._written = 0
        self._names = (scratch / f"{number:05d}" for number in itertools.count())
        self._members: list[Member] = []
        self._rejections: list[Rejection] = []

    def add_archive(self, path: Path, kind: str, prefix: str, container: str) -> None:
        """Add the files of an archive on disk and of archives in it; raise Rejected where it cannot be opened."""
        if kind in _UNREAD.values():
            raise Rejected(
                Reason.UNSUPPORTED, f"a {kind} archive, which is not read; pack it again as zip or tar"
            )
        try:
            for item in self.opened(extents.whole_file(path), kind, path.name):
                self.add_with_nested(prefix, item, container)
        except Rejected as error:
            too_large = error.reason == Reason.TOO_LARGE
            hint = f"raise {self._limit} if you trust it" if too_large else "fetch it again, or pack it again"
            detail = f"cannot be read as a {kind} archive: {error.detail or error.reason}; {hint}"
            raise Rejected(error.reason, detail) from None

    def reject(self, name: str, reason: Reason, detail: str) -> None:
        self._rejections.append(Rejection(names.shown(name), reason, detail))

    def add(self, prefix: str, item: Listed, container: str = "") -> None:
        """Add a file under ``prefix``; what has no name of its own is told under ``container``."""
        if told := system_files.told(item.id, PICTURES):
            self.reject(prefix + item.id, Reason.SYSTEM_FILE, told)
        elif not isinstance(item, Found):
            self.reject(prefix + item.id if item.id else container, item.reason, item.detail)
        elif item.place.bytes > self._max_bytes:
            detail = f"{item.place.bytes} bytes once unpacked, {self._limit} is {self._max_bytes}"
            self.reject(prefix + item.id, Reason.TOO_LARGE, detail)
        else:
            try:
                self._members.append(Member(prefix + names.safe(item.id), item.place))
                self._bytes += item.place.bytes
            except Rejected as error:
                self.reject(prefix + item.id, error.reason, error.detail)

    def add_with_nested(self, prefix: str, item: Listed, container: str) -> None:
        """Add a file, or the files of the archive that it is."""
        if not isinstance(item, Found) or not _may_be_archive(item) or item.place.bytes > self._max_bytes:
            return self.add(prefix, item, container)
        kind = _kind(item.place)
        if not kind:
            return self.add(prefix, item, container)
        try:
            name = prefix + names.safe(item.id)
            if kind in _UNREAD.values():
                raise Rejected(Reason.UNSUPPORTED, f"a {kind} archive; pack it again as zip or tar")
            found = self.opened(self._in_place(item.place), kind, name)
            sizes = [inner.place.bytes for inner in found if isinstance(inner, Found)]
            total = sum(size for size in sizes if size <= self._max_bytes)
            if total > self._max_bytes:
                detail = f"holds {total} bytes once unpacked, {self._limit} is {self._max_bytes}"
                raise Rejected(Reason.TOO_LARGE, detail)
        except Rejected as error:
            return self.reject(prefix + item.id, error.reason, error.detail)
        for inner in found:
            if isinstance(inner, Found) and _may_be_archive(inner) and (kind := _kind(inner.place)):
                detail = f"a {kind} archive inside an archive inside an archive; one level is read"
                self.reject(f"{name}/{inner.id}", Reason.UNSUPPORTED, detail)
            else:
                self.add(f"{name}/", inner, name)
        return None

    def opened(self, place: Place, kind: str, shown: str) -> list[Listed]:
        """List the archive at ``place``, which lies bare, unpacking it as a whole where it is compressed as a whole.

        Where names are not UTF-8 it is printed how they are read, of the archive called ``shown``.
        """
        found = self._opened(place, kind)
        texts, reading, so_read = names.together([item.id for item in found], self._name_encoding)
        for number, text in enumerate(texts):
            if text != found[number].id:
                name = zip_reader.with_slashes(text) if kind == "zip" else text
                found[number] = found[number]._replace(id=name)
        if reading:
            example = names.shown(found[so_read[0]].id)
            judged = self._name_encoding == "auto"
            print(name_encodings.told(shown, len(so_read), example, reading, judged), file=sys.stderr)
        return found

    def _opened(self, place: Place, kind: str) -> list[Listed]:
        if kind == "zip":
            return zip_reader.listed(place)
        damage = ""
        if kind != "tar":
            target = next(self._names)
            try:
                place, damage = tar_reader.flattened(place, target, self._max_bytes - self._written)
            finally:
                self._account(target)
        return tar_reader.listed(place, damage)

    def _in_place(self, place: Place) -> Place:
        """Return ``place`` itself where it lies bare, else where its content now does."""
        if place.method is None:
            return place
        if place.method == extents.STORED:
            return extents.bare(place)
        if place.bytes > self._max_bytes - self._written:
            raise Rejected(
                Reason.TOO_LARGE, f"{place.bytes} bytes, more than {self._limit} leaves for scratch"
            )
        target = next(self._names)
        try:
            with target.open("xb") as file:
                for chunk in extents.chunks(place):
                    file.write(chunk)
        finally:
            self._account(target)
        return extents.whole_file(target)

    def _account(self, target: Path) -> None:
        self._written += target.stat().st_size

    def finished(self) -> tuple[list[Member], list[Rejection]]:
        """Return members and rejections, each sorted by id, later members of the same id rejected.

        Raises Rejected where all members together hold more than is allowed.
        """
        if self._bytes > self._max_bytes:
            raise Rejected(
                Reason.TOO_LARGE,
                f"the files of the source hold {self._bytes} bytes once unpacked, more than {self._limit} "
                f"({self._max_bytes}) allows; raise it if you trust the source",
            )
        kept, others = first_of_each_id(self._members, "another file of this name stands before it")
        return kept, sorted([*self._rejections, *others])


def first_of_each_id(members: Sequence[Member], detail: str) -> tuple[list[Member], list[Rejection]]:
    """Return members sorted by id, which they get in Unicode's composed form; of several of one id the first.

    The others are rejected, with ``detail``.
    """
    ids = names.ids([member.id for member in members])
    # The sort is stable: members of one id keep their order.
    ordered = sorted(
        (replace(member, id=id) for id, member in zip(ids, members, strict=True)),
        key=lambda member: member.id,
    )
    kept, rejected = [], []
    for id, same in itertools.groupby(ordered, key=lambda member: member.id):
        first, *others = same
        kept.append(first)
        rejected += [Rejection(names.shown(id), Reason.DUPLICATE_NAME, detail)] * len(others)
    return kept, rejected


def _may_be_archive(item: Found) -> bool:
    if not item.place.bytes or item.id.lower().endswith(PICTURES + _DOCUMENTS) or is_table(item.id):
        return False
    return not system_files.told(item.id, PICTURES)
