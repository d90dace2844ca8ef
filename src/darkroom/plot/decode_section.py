"""The report's section on the source: its classes, splits, files left out, and warnings."""

from collections.abc import Mapping
from typing import Any

from darkroom.plot import formatting
from darkroom.plot.html import Html, element, joined, table
from darkroom.plot.stage_outputs import Results

MOST_CLASSES = 30
"""Classes with a row of their own, the first by name."""


def warned(results: Results) -> list[tuple[str, str]]:
    """Return the warnings of decode and split, each with its stage."""
    return [
        (stage, text) for stage, summary in results.summaries.items() for text in summary.get("warnings", [])
    ]


def warnings(results: Results) -> Html | None:
    """Return the same as a list; None where there are none."""
    found = [element("li", element("b", stage), ": ", text) for stage, text in warned(results)]
    if not found:
        return None
    return joined([element("h3", "Warnings"), element("ul", *found, class_="warning")])


def reading(results: Results) -> Html | None:
    """Return a table of what decode understood, with one path each; None where an earlier version left no summary."""
    summary = results.summaries["decode"]
    if not summary:
        return None
    classes = dict(list(summary["classes"].items())[:MOST_CLASSES])
    more = len(summary["classes"]) - len(classes)
    unlabelled = {"": summary["unlabelled"]} if summary["unlabelled"]["files"] else {}
    rows = [
        *_rows("class", classes),
        *([("class", f"and {more} more", "", "")] if more else []),
        *_rows("predefined split", {name: group for name, group in summary["splits"].items() if name}),
        *_rows("without a label", unlabelled),
        *_rows("left out", summary["left_out"]),
    ]
    return table("How the source was read", ["what", "name", "files", "the first of them"], rows, words=4)


def _rows(what: str, groups: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(what, name, formatting.count(one["files"]), one["example"]) for name, one in groups.items()]
