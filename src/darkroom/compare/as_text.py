"""A comparison as plain text, for the terminal."""

from darkroom.compare.document import Table, document
from darkroom.compare.revision_comparison import Report


def render(report: Report) -> str:
    """Return the comparison as aligned columns, with ten discordant images of each kind."""
    content = document(report, listed=10)
    head = [content.sentence, "", f"A: {content.names[0]}", f"B: {content.names[1]}", *content.remarks]
    return "\n".join([*head, *(line for table in content.tables for line in ["", *lines(table)])]) + "\n"


def lines(table: Table) -> list[str]:
    """Return the lines of one table: the first column to the left, the others padded alike."""
    rows = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [table.title, *(f"  {line}".rstrip() for line in padded)]
