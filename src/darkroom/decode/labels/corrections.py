"""The table of `labels.corrections`: what is done with images whose label was looked at, by the content of files."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from darkroom import UserError
from darkroom.decode.labels import table_text
from darkroom.decode.labels.named_files import NamedFiles
from darkroom.decode.labels.table_text import Table
from darkroom.params import LabelsParams

COLUMNS = ("sha256", "action", "label")
ACTIONS = ("relabel", "drop", "keep")

_SHOWN = 5  # classes in a message


class Correction(NamedTuple):
    """One row: the line where it ends, one of :data:`ACTIONS`, and the class that the image gets, "" but to relabel."""

    line: int
    action: str
    label: str


class Corrections(NamedTuple):
    """What messages call the table, and the corrections by the sha256 of the files that they mean, in its order."""

    where: str
    by_digest: Mapping[str, Correction]

    def check_classes(self, classes: Collection[str]) -> None:
        """Raise a UserError where an image would get another label than one of ``classes``."""
        for correction in self.by_digest.values():
            if correction.action == "relabel" and correction.label not in classes:
                known = sorted(classes)
                raise UserError(
                    f"{self.where}: line {correction.line}: label {correction.label!r} is no class of the data; there "
                    f"is {', '.join(known[:_SHOWN])}{', …' if len(known) > _SHOWN else ''}"
                    f"{table_text.nearest(correction.label, known)}"
                )

    def kept(self) -> set[str]:
        """Return the sha256 of the files whose labels were looked at and are right."""
        return {digest for digest, correction in self.by_digest.items() if correction.action == "keep"}


def read(labels: LabelsParams, inbox: Path) -> Corrections:
    """Read the table that `labels.corrections` names; without one there are no corrections.

    It is UTF-8, or what `labels.encoding` says where it is not; other columns than :data:`COLUMNS` are not looked at.

    Raises
    ------
    UserError
        The table is not in ``inbox``, cannot be read or lacks a column; or a row has no sha256 or another action than
        :data:`ACTIONS`, or two rows differ about one file.
    """
    if labels.corrections is None:
        return Corrections("", {})
    named = NamedFiles("labels.corrections", labels.corrections, (".csv", ".tsv", ".txt"), (), inbox)
    path = named.beside()
    if path is None or not path.is_file():
        raise named.missing()
    content = path.read_bytes()
    table = table_text.read(str(path), content, "auto" if _is_utf_8(content) else labels.encoding)
    return Corrections(str(path), _by_digest(str(path), table))


def _is_utf_8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _by_digest(where: str, table: Table) -> dict[str, Correction]:
    for name in COLUMNS:
        if table.columns.count(name) != 1:
            raise UserError(
                f"{where}: {table.columns.count(name) or 'no'} columns are called {name!r}; expected one each of "
                f"{', '.join(COLUMNS)}, as `darkroom audit` writes them; found {', '.join(table.columns) or 'none'}"
            )
    places = [table.columns.index(name) for name in COLUMNS]
    found: dict[str, Correction] = {}
    for line, cells in table.rows:
        if len(cells) <= max(places):
            raise UserError(
                f"{where}: line {line}: {len(cells)} columns, expected at least {max(places) + 1}"
            )
        digest, action, label = (cells[place] for place in places)
        digest, action = digest.strip().lower(), action.strip()
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise UserError(
                f"{where}: line {line}: sha256 {digest!r}; expected 64 hexadecimal digits, as data/images/index.csv has"
            )
        if action not in ACTIONS:
            raise UserError(
                f"{where}: line {line}: action {action!r}; expected {', '.join(ACTIONS)}"
                f"{table_text.nearest(action, ACTIONS)}"
            )
        correction = Correction(line, action, label if action == "relabel" else "")
        known = found.setdefault(digest, correction)
        if known[1:] != correction[1:]:
            raise UserError(
                f"{where}: lines {known.line} and {line} differ about the file of sha256 {digest}: "
                f"{' '.join(known[1:]).strip()} and {' '.join(correction[1:]).strip()}; leave one"
            )
    return found
