"""A folder or an archive on this machine: folders are packed, archives copied as they came."""

import difflib
import os
import shutil
import stat
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from darkroom import UserError, files, table_files
from darkroom.fetch import archives

_CHUNK = 1 << 20


def fetch_local(paths: list[str], inbox: Path, raw: Path) -> list[tuple[Path, str]]:
    """Bring the folders and archives ``paths`` into ``raw``; return each archive and where it came from.

    A relative path is looked for in ``inbox``, then in the working folder. The origin is the path relative to
    ``inbox``, or the last part of the path where it lies elsewhere: the rest is this machine's business.

    Raises
    ------
    UserError
        A path is missing, unreadable, an empty folder, or no archive.
    """
    if not paths or not all(path.strip() for path in paths):
        raise UserError(
            f"params.yaml: source.path: nothing is named; source.kind local needs a folder or an archive "
            f"(or a list of them) under {inbox}/ or anywhere on disk"
        )
    fetched: list[tuple[Path, str]] = []
    for path in paths:
        try:
            found = find(path, inbox)
        except UserError as error:
            raise UserError(f"params.yaml: source.path: {error}") from None
        origin = _origin(found, inbox)
        taken = [archive.name for archive, _ in fetched]
        try:
            archive = _pack(found, raw, taken, inbox) if found.is_dir() else _copy(found, raw, taken)
        except OSError as error:
            # Reading errors name their file; a full disk names none.
            where = error.filename or f"{raw}, while {found} is brought there"
            raise UserError(
                f"params.yaml: source.path: {where}: {error.strerror or error}; correct that and run again"
            ) from None
        fetched.append((archive, origin))
    return fetched


def find(path: str, inbox: Path) -> Path:
    """Return where ``path`` lies: in ``inbox``, or from the working folder.

    Raises
    ------
    UserError
        It is in neither place, or in a folder that a stage writes.
    """
    wanted = Path(path).expanduser()
    for candidate in (inbox / wanted, wanted):
        if candidate.exists():
            _check_place(candidate)
            return candidate
    places = f"{wanted}" if wanted.is_absolute() else f"{inbox}/ and {Path.cwd()}"
    raise UserError(f"{path!r} is not there; looked in {places}; {_there(path, inbox)}")


OUTPUTS = ("data/raw", "data/images", "data/split", "data/predictions", "models", "plots", "metrics")
"""Folders that a stage, or DVC before it runs one, empties."""


def _check_place(path: Path) -> None:
    """Raise a UserError where the images lie in a folder of the pipeline's own, or hold one."""
    wanted = path.resolve()
    for output in map(Path, OUTPUTS):
        own = output.resolve()
        if wanted.is_relative_to(own) or (own.exists() and own.is_relative_to(wanted)):
            raise UserError(
                f"{path} lies in {output}/, or holds it: a run empties that folder, and what "
                "you put there is lost; move your images to data/inbox/"
            )


def _there(path: str, inbox: Path) -> str:
    """Return what lies in ``inbox``, names like ``path`` first, and what DVC would bring there."""
    names = sorted(entry.name for entry in inbox.iterdir()) if inbox.is_dir() else []
    if f"{path}.dvc" in names:
        return f"{inbox / path}.dvc says that DVC has it: `dvc pull` or `dvc checkout` brings it"
    names = [name for name in names if not name.startswith(".") and not name.endswith(".dvc")]
    near = difflib.get_close_matches(path, names, n=3)
    names = [*near, *(name for name in names if name not in near)]
    if names:
        return f"{inbox}/ holds {_some(names)}"
    # `dvc exp run --temp` and the queue work in a checkout that only has what git and DVC track.
    return f"{inbox}/ is empty" + (
        ", since this run has a checkout of its own: `dvc add` the images and commit, or --copy-paths them"
        if ".dvc/tmp/exps" in Path.cwd().as_posix()
        else ""
    )


def _origin(found: Path, inbox: Path) -> str:
    # A link that DVC made lies where its name does, and not in the cache.
    real = found.parent.resolve() / found.name if files.is_linked_by_dvc(found) else found.resolve()
    if real.is_relative_to(inbox.resolve()):
        return real.relative_to(inbox.resolve()).as_posix()
    place = f"{found} is a link to {real}, which" if found.is_relative_to(inbox) else str(found)
    print(
        f"source.path: {place} lies outside {inbox}/: DVC does not track it, so changes there start no rerun "
        f"(`dvc repro --force fetch` does)",
        file=sys.stderr,
    )
    return real.name


def _copy(path: Path, raw: Path, taken: list[str]) -> Path:
    if not path.is_file():
        raise UserError(f"params.yaml: source.path: {path} is neither a folder nor a file")
    with path.open("rb") as file:
        head = file.read(archives.HEAD)
    if not archives.is_source(head, path.name):
        raise UserError(
            f"params.yaml: source.path: {path} is no archive (it begins with {head[:16]!r}); expected a folder, an "
            f"archive ({', '.join(archives.SUFFIXES)}) or a table of pixels ({table_files.KINDS}); put single images "
            "into a folder, and name a table of labels in labels.file"
        )
    target = raw / archives.name_for(path.name, head, taken)
    with files.whole(target) as part:
        shutil.copyfile(path, part)
    return target


def _pack(folder: Path, raw: Path, taken: list[str], inbox: Path) -> Path:
    """Pack ``folder`` into a stored zip, member by member, its own name the first part of each member's."""
    target = raw / archives.name_for(f"{folder.resolve().name}.zip", b"", taken)
    left_out: list[str] = []
    count = 0
    with files.whole(target) as part, zipfile.ZipFile(part, "w") as archive:
        for name, path in named_files(folder, inbox, left_out):
            _add(archive, path, name)
            count += 1
        if not count:
            raise UserError(
                f"params.yaml: source.path: {folder} holds no files; put images or archives there"
                + (f" (left out: {_some(left_out)})" if left_out else "")
            )
    if left_out:
        print(
            f"source.path: {folder}: left out, not files of this folder: {_some(left_out)}",
            file=sys.stderr,
        )
    return target


def named_files(folder: Path, inbox: Path, left_out: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files of ``folder`` in order, each with the name that it gets when the folder is packed.

    ``left_out`` receives the names of what is there beside regular files of the folder's own.
    """
    root = folder.resolve()
    # What git and `dvc add` keep beside a user's images is not part of them.
    skip = (".gitignore", ".dvc") if root.is_relative_to(inbox.resolve()) else ()
    for path in _walk(root, root, left_out):
        if not path.name.endswith(skip):
            yield _name(path.relative_to(root.parent)), path


def _walk(folder: Path, root: Path, left_out: list[str]) -> Iterator[Path]:
    """Yield the regular files below ``folder``, in the order of their names; note what else is there."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root, left_out)
        elif (
            entry.is_file(follow_symlinks=False) or _stays_inside(path, root) or files.is_linked_by_dvc(path)
        ):
            yield path
        else:  # a link out of the folder or to a folder (which could go round in circles), a pipe, a device
            left_out.append(_name(path.relative_to(root)))


def _stays_inside(path: Path, root: Path) -> bool:
    return path.is_symlink() and path.is_file() and path.resolve().is_relative_to(root)


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    info = files.zip_member(name)
    with path.open("rb") as source:
        status = os.fstat(source.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"params.yaml: source.path: {path}: changed while it was being packed; run again")
        info.file_size = status.st_size  # lets a file of more than 2 GiB get the longer fields it needs
        with archive.open(info, "w") as target:
            shutil.copyfileobj(source, target, _CHUNK)


def _name(path: Path) -> str:
    # A zip holds UTF-8; a name on disk is any bytes. The result must not depend on the locale either.
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
