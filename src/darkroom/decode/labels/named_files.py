"""A file or folder that a parameter names: looked for in the source, then in the inbox beside it."""

from collections.abc import Collection, Sequence
from pathlib import Path

from darkroom import UserError, files
from darkroom.decode import archives
from darkroom.decode.archives import Member
from darkroom.decode.labels import table_columns, table_text
from darkroom.decode.rejections import Rejected


class NamedFiles:
    """What the parameter ``key`` means by ``name``: in the source by its path, in the inbox, in the source by its end.

    Parameters
    ----------
    key, name : str
        The parameter and its value; "." is all of the source.
    suffixes : collection of str
        Those of files that may have been meant, for the message.
    members : sequence of Member
        Files of the source.
    inbox : Path
    """

    def __init__(
        self, key: str, name: str, suffixes: Collection[str], members: Sequence[Member], inbox: Path
    ) -> None:
        self._key, self._name, self._suffixes = key, name, tuple(suffixes)
        self._members, self._inbox = members, inbox
        self._path = table_columns.path_of(name)
        self._exact = [member for member in members if member.id == self._path]
        self._folder = [member for member in members if member.id.startswith(f"{self._path}/")]
        self._ends = [member for member in members if member.id.endswith(f"/{self._path}")]

    def beside(self) -> Path | None:
        """Return the file or folder in the inbox, where the source has nothing of just that path."""
        path = self._inbox / self._name
        ours = path.resolve().is_relative_to(self._inbox.resolve()) or files.is_linked_by_dvc(path)
        within = not self._path or self._exact or self._folder
        return path if ours and path.exists() and not within else None

    def inside(self) -> Member | None:
        """Return the file of the source; None where there is none, or several end so."""
        found = self._exact or self._ends
        return found[0] if len(found) == 1 else None

    def below(self) -> list[Member]:
        """Return the files of the source in folders of that name."""
        if not self._path:
            return list(self._members)
        return self._folder or [member for member in self._members if f"/{self._path}/" in member.id]

    def missing(self) -> UserError:
        """Return what to raise where nothing was found."""
        there = [
            *(member.id for member in self._members),
            *sorted(path.name for path in self._inbox.glob("*")),
        ]
        known = [path for path in there if path.lower().endswith(self._suffixes)]
        where = (
            "in the source more than once; give its path"
            if self._ends
            else f"neither in the source nor in {self._inbox}"
        )
        return UserError(
            f"params.yaml: {self._key}: {self._name!r} is {where}; there is {', '.join(known[:10]) or 'no table'}"
            f"{table_text.nearest(self._path, known)}"
        )

    def read(self, member: Member) -> bytes:
        """Return the content of a file of the source, or of an archive; a UserError where it cannot be read."""
        try:
            return archives.read(member)
        except Rejected as error:
            raise UserError(f"{member.id}, which {self._key} names: {error}") from None
