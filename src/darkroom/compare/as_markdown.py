"""A comparison as Markdown, for a comment on a pull request."""

import re

from darkroom.compare.document import Table, document
from darkroom.compare.revision_comparison import Report


def render(report: Report) -> str:
    """Return the comparison as GitHub-flavoured Markdown; the long tables fold away."""
    content = document(report, listed=20)
    first, *others = content.tables
    blocks = [f"**{escape(content.sentence)}**", f"A: {code(content.names[0])}, B: {code(content.names[1])}"]
    blocks += [escape(remark) for remark in content.remarks]
    blocks.append(table(first))
    for other in others:
        summary = f"<details><summary>{escape(other.title)}</summary>"
        blocks += [summary, table(other), "</details>"]
    return "\n\n".join(blocks) + "\n"


def table(content: Table) -> str:
    """Return one table."""
    rows = [content.header, ("---",) * len(content.header), *content.rows]
    cells = ([cell if row is rows[1] else escape(cell) for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def escape(text: str) -> str:
    """Return ``text`` so that Markdown and HTML leave it as it is, on one line."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|~@#])", r"\\\1", flat)


def code(text: str) -> str:
    """Return ``text`` as code."""
    return f"`{text.replace('`', '')}`"
