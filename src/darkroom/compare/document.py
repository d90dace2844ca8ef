"""The content of a comparison as headings, sentences and tables, which text, Markdown and HTML then render."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.compare import verdict
from darkroom.compare.comparison import Comparison, Discordant
from darkroom.compare.replicates import Replicates
from darkroom.compare.revision_comparison import Report

SHOWN_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "loss",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "matthews",
    "expected_calibration_error",
)
"""The metrics a reader looks at first; the JSON form holds all."""


@dataclass(frozen=True)
class Table:
    """A titled table of texts; the first column names the row."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Document:
    """The whole of it: the sentence first, then who A and B are, remarks, and tables."""

    sentence: str
    names: tuple[str, str]
    remarks: tuple[str, ...]
    tables: tuple[Table, ...]


def document(report: Report, listed: int) -> Document:
    """Return the document of ``report``, with at most ``listed`` images of each kind of discordant ones."""
    result = report.result
    if isinstance(result, Replicates):
        remarks = report.remarks
        tables: tuple[Table, ...] = (runs(result),)
    else:
        remarks = (*_remarks_on(result), *report.remarks)
        tables = (accuracies(result), by_class(result), metrics(report))
        tables += tuple(
            images(f"Only {name} is right", rows, listed)
            for name, rows in (("A", result.only_a), ("B", result.only_b))
        )
    changed = Table(
        "Changed params", ("param", "A", "B"), tuple((key, shown(a), shown(b)) for key, a, b in report.params)
    )
    kept = tuple(table for table in (*tables, changed) if table.rows)
    return Document(result.sentence, report.names, remarks, kept)


def _remarks_on(result: Comparison) -> tuple[str, ...]:
    """Return what a reader must know of the test images: the sets differ, or labels do."""
    remarks = []
    if not result.images == result.images_a == result.images_b:
        remarks.append(
            f"Compared on the {result.images:,} test images in common; A has {result.images_a:,}, B"
            f" {result.images_b:,}."
        )
    if result.relabelled:
        remarks.append(f"{result.relabelled:,} common images are left out: their true label differs.")
    if result.replaced:
        remarks.append(f"{result.replaced:,} images of the same name are left out: their files differ.")
    return tuple(remarks)


def accuracies(result: Comparison) -> Table:
    """Return the accuracies and their difference, with 95 % intervals."""
    difference = (
        f"{verdict.points(result.difference, sign=True)} points ({verdict.points(result.low)} to"
        f" {verdict.points(result.high)})"
    )
    rows = [
        (name, f"{one.value:.4f} ({one.low:.4f} to {one.high:.4f})", f"{one.right:,} of {result.images:,}")
        for name, one in (("A", result.a), ("B", result.b))
    ]
    rows.append(("B - A", difference, f"{verdict.probability(result.p)} (McNemar, exact)"))
    counts = f"only A right: {len(result.only_a):,}", f"only B right: {len(result.only_b):,}"
    rows.append(("images that differ", *counts))
    return Table("Accuracy", ("run", "value (95 % interval)", "images, p"), tuple(rows))


def by_class(result: Comparison) -> Table:
    """Return the share of each class that A and B get right."""
    rows = tuple(
        (
            row.label,
            f"{row.images:,}",
            f"{row.a:.4f}",
            f"{row.b:.4f}",
            verdict.points(row.b - row.a, sign=True),
            str(row.only_a),
            str(row.only_b),
            verdict.probability(row.p).removeprefix("p ").removeprefix("= "),
        )
        for row in result.classes
    )
    header = ("class", "images", "A", "B", "B - A, points", "only A right", "only B right", "p, each alone")
    return Table("By class", header, rows)


def metrics(report: Report) -> Table:
    """Return the metrics a reader looks at first."""
    found = {key: (a, b) for key, a, b in report.metrics}
    rows = tuple((key, *map(shown, found[key])) for key in SHOWN_METRICS if key in found)
    return Table("Metrics of all test images of each", ("metric", "A", "B"), rows)


def runs(result: Replicates) -> Table:
    """Return mean, spread and difference of each metric over the runs."""
    rows = tuple(
        (
            name,
            f"{a.mean:.4f} ± {a.sd:.4f} ({a.low:.4f} to {a.high:.4f})",
            f"{b.mean:.4f} ± {b.sd:.4f} ({b.low:.4f} to {b.high:.4f})",
            f"{difference.mean:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})",
            verdict.probability(difference.p).removeprefix("p ").removeprefix("= "),
        )
        for name, a, b, difference in result.metrics
        if name in SHOWN_METRICS
    )
    header = ("metric", "A: mean ± sd (95 %)", "B: mean ± sd (95 %)", "B - A (95 %)", "p")
    return Table("Over the runs", header, rows)


def images(title: str, rows: Sequence[Discordant], listed: int) -> Table:
    """Return the discordant images of one kind, the first ``listed`` of them."""
    some = title if len(rows) <= listed else f"{title}: the first {listed} of {len(rows):,}"
    table = tuple((row.id, row.label, row.a, row.b) for row in rows[:listed])
    return Table(some, ("image", "label", "A says", "B says"), table)


def shown(value: Any) -> str:
    """Return a param or metric as a reader of YAML would write it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)
