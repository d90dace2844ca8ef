"""A comparison as one HTML page that opens offline, with thumbnails of the images the two disagree on."""

import base64
from collections.abc import Mapping

from darkroom.compare.comparison import Comparison
from darkroom.compare.document import Table, document
from darkroom.compare.revision_comparison import Report
from darkroom.plot.html import Content, Html, element, table

LISTED = 48
"""Discordant images of each kind on the page."""

STYLE = """
:root { color-scheme: light dark; --line: #c8c8c8; --quiet: #555; }
@media (prefers-color-scheme: dark) { :root { --line: #555; --quiet: #b5b5b5; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; }
caption { font-size: 1.1rem; font-weight: 600; margin-top: 2rem; padding-bottom: .5rem; }
caption { text-align: left; white-space: nowrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--quiet); font-weight: 600; }
tbody th { font-weight: inherit; }
td img { display: block; width: 64px; height: 64px; object-fit: contain; image-rendering: pixelated; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
""".strip()


def render(report: Report, pictures: Mapping[str, bytes]) -> str:
    """Return the page; ``pictures`` are PNG bytes by image id, shown beside the images listed."""
    content = document(report, listed=LISTED)
    a, b = content.names
    body = [
        element("h1", content.sentence),
        element("p", "A: ", element("code", a), element("br"), "B: ", element("code", b)),
        *(element("p", remark) for remark in (*content.remarks, *_unillustrated(report, pictures))),
        *(_illustrated(one, pictures) for one in content.tables),
    ]
    head = [
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{b} against {a}"),
        element("style", Html(STYLE)),
    ]
    page = element("html", element("head", *head), element("body", *body), lang="en")
    return f"<!doctype html>\n{page}\n"


def _unillustrated(report: Report, pictures: Mapping[str, bytes]) -> list[str]:
    """Return why the page shows no pictures, where it could."""
    result = report.result
    if pictures or not isinstance(result, Comparison) or not (result.only_a or result.only_b):
        return []
    return ["No pictures: the workspace's data/images are not those of A or B; check one of them out."]


def _illustrated(content: Table, pictures: Mapping[str, bytes]) -> Html:
    """Return a table; rows named by an image with a picture show it."""
    head, rows = content.header, [list[Content](row) for row in content.rows]
    if head[0] == "image" and any(row[0] in pictures for row in content.rows):
        head = (head[0], "picture", *head[1:])
        for row, (id, label, *_) in zip(rows, content.rows, strict=True):
            row.insert(1, _picture(id, label, pictures))
    return table(content.title, head, rows, words=len(head))


def _picture(id: str, label: str, pictures: Mapping[str, bytes]) -> Html | None:
    if id not in pictures:
        return None
    source = base64.b64encode(pictures[id]).decode("ascii")
    return element("img", src=f"data:image/png;base64,{source}", alt=f"{id}, labelled {label}")
