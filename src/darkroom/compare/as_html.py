"""A comparison as one HTML page that opens offline, with thumbnails of the images the two disagree on."""

import base64
from collections.abc import Mapping
from html import escape

from darkroom.compare.comparison import Comparison
from darkroom.compare.document import Document, Table, document
from darkroom.compare.revision_comparison import Report

LISTED = 48
"""Discordant images of each kind on the page."""

STYLE = """
:root { color-scheme: light dark; --line: #c8c8c8; --quiet: #555; }
@media (prefers-color-scheme: dark) { :root { --line: #555; --quiet: #b5b5b5; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; }
td img { display: block; width: 64px; height: 64px; object-fit: contain; image-rendering: pixelated; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
""".strip()


def render(report: Report, pictures: Mapping[str, bytes]) -> str:
    """Return the page; ``pictures`` are PNG bytes by image id, shown beside the images listed."""
    content = document(report, listed=LISTED)
    body = [
        f"<h1>{escape(content.sentence)}</h1>",
        f"<p>A: <code>{escape(content.names[0])}</code><br>B: <code>{escape(content.names[1])}</code></p>",
        *(f"<p>{escape(remark)}</p>" for remark in (*content.remarks, *_unillustrated(report, pictures))),
        *(section(table, pictures) for table in content.tables),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title(content))}</title>",
            f"<style>\n{STYLE}\n</style></head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def _unillustrated(report: Report, pictures: Mapping[str, bytes]) -> list[str]:
    """Return why the page shows no pictures, where it could."""
    result = report.result
    if pictures or not isinstance(result, Comparison) or not (result.only_a or result.only_b):
        return []
    return ["No pictures: the workspace's data/images are not those of A or B; check one of them out."]


def title(content: Document) -> str:
    """Return the page's title."""
    return f"{content.names[1]} against {content.names[0]}"


def section(table: Table, pictures: Mapping[str, bytes]) -> str:
    """Return one table under its heading; rows named by an image with a picture show it."""
    illustrated = any(row[0] in pictures for row in table.rows) and table.header[0] == "image"
    header = ("picture", *table.header) if illustrated else table.header
    rows = [f"<tr>{''.join(map(head, header))}</tr>"]
    for row in table.rows:
        first = f"<td>{image(row[0], row[1], pictures)}</td>" if illustrated else ""
        rows.append(f"<tr>{first}{''.join(map(cell, row))}</tr>")
    heading = f"<h2>{escape(table.title)}</h2>"
    return f'{heading}\n<div class="scroll"><table>\n' + "\n".join(rows) + "\n</table></div>"


def head(text: str) -> str:
    """Return the head of a column."""
    return f'<th scope="col">{escape(text)}</th>'


def cell(text: str) -> str:
    """Return a cell of a table."""
    return f"<td>{escape(text)}</td>"


def image(id: str, label: str, pictures: Mapping[str, bytes]) -> str:
    """Return the picture of ``id`` as an element that holds its bytes."""
    if id not in pictures:
        return ""
    source = base64.b64encode(pictures[id]).decode("ascii")
    return f'<img src="data:image/png;base64,{source}" alt="{escape(id)}, labelled {escape(label)}">'
