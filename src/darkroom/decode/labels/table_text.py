"""Reads a label table, of many text encodings and delimiters, into rows of cells."""

import codecs
import csv
import difflib
from collections.abc import Collection, Sequence
from typing import NamedTuple

from darkroom import UserError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_USUAL = ("cp932", "gbk", "big5", "cp949", "cp1251", "cp1252")
"""Encodings of tables that are not Unicode, as Windows writes them: Japanese, Chinese, Korean, Cyrillic, Western."""


class Table(NamedTuple):
    """The cells of a table: the names of its columns, and of each row the line where it ends and its cells."""

    columns: list[str]
    rows: list[tuple[int, list[str]]]


def read(where: str, content: bytes, encoding: str) -> Table:
    """Read a table with a header line, its columns parted by comma, semicolon or tab; empty lines do not count.

    Parameters
    ----------
    where : str
        What messages call the table.
    content : bytes
    encoding : str
        `labels.encoding`.

    Raises
    ------
    UserError
        It is not text in ``encoding``, or not a table.
    """
    lines = _text(where, content, encoding).splitlines(keepends=True)
    first = lines[0] if lines else ""
    reader = csv.reader(lines, delimiter=max(",;\t", key=first.count), strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        return Table(columns, [(reader.line_num, cells) for cells in reader if any(cells)])
    except csv.Error as error:
        raise UserError(f"{where}: line {reader.line_num}: not a table: {error}") from None


def column(where: str, columns: Sequence[str], key: str, name: str) -> int:
    """Return the place of the column ``name``, which the parameter ``key`` names.

    Raises
    ------
    UserError
        There is no such column, or there are several.
    """
    if name not in columns:
        raise UserError(
            f"{where}: no column {name!r}, which labels.{key} in params.yaml names; "
            f"found {', '.join(columns) or 'none'}{nearest(name, columns)}"
        )
    if columns.count(name) > 1:
        raise UserError(
            f"{where}: {columns.count(name)} columns are called {name!r}, which labels.{key} in params.yaml names; "
            "expected one"
        )
    return columns.index(name)


def nearest(name: str, known: Collection[str]) -> str:
    """Return a question for the one of ``known`` that may have been meant, to end a sentence with, or ""."""
    by_fold = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), by_fold, n=1)
    return f"; did you mean {by_fold[near[0]]!r}?" if near else ""


def _text(where: str, content: bytes, encoding: str) -> str:
    if encoding == "auto":
        return _unicode(where, content)
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{where}: not {encoding}, which labels.encoding in params.yaml says, at byte {error.start}"
            f"{_readings(content)}"
        ) from None


def _unicode(where: str, content: bytes) -> str:
    known = next((name for bom, name in _BOMS if content.startswith(bom)), "utf-8")
    try:
        text = content.decode(known)
        # Half of the bytes of UTF-16 are zero where the text is English; without a mark it passes for UTF-8.
        place = text.find("\0")
    except UnicodeDecodeError as error:
        place = error.start
    if place < 0:
        return text
    raise UserError(
        f"{where}: expected UTF-8 text, or UTF-16 that says so by its first bytes; got something else at byte {place}. "
        f"Save the table as UTF-8, or set labels.encoding in params.yaml to what it is in{_readings(content)}"
    )


def _readings(content: bytes) -> str:
    """Return how the first line that is not plain ASCII reads in the usual encodings: a person sees which is right."""
    tried = ("utf-16-le", "utf-16-be") if 0 in content else ("utf-8", *_USUAL)
    found = []
    for encoding in tried:
        try:
            lines = content.decode(encoding).splitlines()
        except UnicodeDecodeError:
            continue
        line = next((line for line in lines if not line.isascii()), next(iter(lines), ""))
        if line.isprintable():
            found.append(f"{line[:40]!r} as {encoding}")
    return f"; one of its lines reads {', '.join(found)}" if found else ""
