"""Charts of metrics: training curves, ROC, precision-recall, calibration, counts and the confusion matrix."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from darkroom.plot.stage_outputs import Results
from darkroom.plot.style import ACCENT, GREY, HEIGHT, INK, LINE, SERIES, WIDTH, chart, legend_above, shortened
from darkroom.split_files import PARTS

MOST_SERIES = 10
"""More curves than this get no colour and no name of their own: the mean and the worst stand out."""

MOST_CURVES = 100
"""Of more curves than this, every so many are drawn, in grey: a thousand would be most of the report."""

MOST_NAMES = 40
"""More classes than this get no name on an axis."""

MOST_CELLS = 15
"""Classes of a confusion matrix that is written out in numbers."""

_REFERENCE: dict[str, Any] = {"color": LINE, "linewidth": 1.2, "linestyle": (0, (4, 3))}
"""How a line is drawn that is no curve, to measure the curves by."""


def charts(results: Results, names: Mapping[str, str]) -> dict[str, Figure]:
    """Return every chart by its name, which is that of its file too; ``names`` says how each class is called."""
    roc, precision_recall = results.roc.rename(columns=names), results.precision_recall.rename(columns=names)
    return {
        "accuracy": history(results, "accuracy"),
        "loss": history(results, "loss"),
        "counts": counts(results.counts.rename(index=names)),
        "confusion": confusion(results.confusion.rename(index=names)),
        "roc": _one_against_rest(roc, "false positive rate", "true positive rate", chance=True),
        "precision_recall": _one_against_rest(precision_recall, "recall", "precision"),
        "calibration": calibration(results.calibration),
        "risk_coverage": risk_coverage(results),
    }


def history(results: Results, quantity: str) -> Figure:
    """Draw a quantity of training by epoch, on train and on validation."""
    table = results.history
    figure, axes = chart()
    marker = "o" if len(table) < 3 else None  # a line through one point cannot be seen
    for column, name, color in ((quantity, "train", GREY), (f"val_{quantity}", "validation", ACCENT)):
        if column in table and table[column].notna().any():
            axes.plot(table["epoch"], table[column], label=name, color=color, marker=marker)
    axes.set(xlabel="epoch", ylabel=quantity)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if quantity == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    else:
        axes.set_ylim(bottom=0)
    legend_above(axes)
    return figure


def _one_against_rest(table: pd.DataFrame, x: str, y: str, chance: bool = False) -> Figure:
    """Draw one curve a class and their mean; many classes in grey, but for the lowest three."""
    figure, axes = chart()
    positions = table.iloc[:, 0]
    classes = [name for name in table.columns[1:] if name != "macro"]
    if chance:
        axes.plot([0, 1], [0, 1], **_REFERENCE)
    if len(classes) <= MOST_SERIES:
        for name, color in zip(classes, SERIES, strict=False):
            axes.plot(positions, table[name], label=shortened(name), color=color, linewidth=1.5)
    else:
        lowest = table[classes].mean().sort_values(kind="stable").index[:3]
        for name in classes[:: -(-len(classes) // MOST_CURVES)]:
            axes.plot(positions, table[name], color=GREY, linewidth=0.5, alpha=0.35)
        for name, color in zip(lowest, SERIES[1:], strict=False):
            axes.plot(positions, table[name], label=shortened(name), color=color, linewidth=1.5)
    if "macro" in table:
        axes.plot(positions, table["macro"], label="mean", color=INK, linewidth=2, linestyle=(0, (1.5, 1.2)))
    _unit_square(axes, x, y)
    if len(classes) > 1:
        axes.legend(loc="best", ncols=2 if len(classes) > 5 else 1, fontsize=7.5)
    return figure


def calibration(table: pd.DataFrame) -> Figure:
    """Draw accuracy against confidence; the dots grow with the number of images."""
    figure, axes = chart()
    axes.plot([0, 1], [0, 1], **_REFERENCE)
    axes.plot(table["confidence"], table["accuracy"], color=ACCENT, linewidth=1.2, alpha=0.6)
    size = 16 + 140 * table["images"] / max(1, table["images"].max())
    axes.scatter(
        table["confidence"], table["accuracy"], s=size, color=ACCENT, alpha=0.85, linewidth=0, zorder=3
    )
    _unit_square(axes, "confidence", "accuracy")
    return figure


def risk_coverage(results: Results) -> Figure:
    """Draw the error among the surest images by their share, and the share that `evaluate.abstain` answers."""
    figure, axes = chart()
    table, scores = results.risk_coverage, results.scores["evaluate"]
    axes.plot(table["coverage"], table["error"], color=ACCENT, marker="o" if len(table) < 3 else None)
    if "coverage" in scores:
        axes.axvline(scores["coverage"], **_REFERENCE)
    axes.set(xlabel="share of images answered", ylabel="error among them", xlim=(-0.02, 1.02))
    axes.set_ylim(bottom=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    return figure


def counts(table: pd.DataFrame) -> Figure:
    """Draw the images of each class, by part."""
    named = len(table) <= MOST_NAMES
    figure, axes = chart(WIDTH, max(1.8, 0.9 + 0.24 * len(table)) if named else HEIGHT)
    place, start = np.arange(len(table)), np.zeros(len(table))
    for part, color in zip(PARTS, (ACCENT, GREY, SERIES[1]), strict=True):
        bar = axes.barh if named else axes.bar
        bar(place, table[part], 0.72 if named else 1.0, start, color=color, label=part)
        start += table[part].to_numpy()
    if named:
        axes.set(xlabel="images", yticks=place, yticklabels=[shortened(name, 24) for name in table.index])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axes.set(xlabel=f"the {len(table)} classes, in order of their names", ylabel="images")
        axes.grid(axis="x", visible=False)
    axes.margins(0.01)
    legend_above(axes, 3)
    return figure


def confusion(table: pd.DataFrame) -> Figure:
    """Draw true against predicted classes: as numbers where there is room, as shades of each row's share elsewhere."""
    count = len(table)
    side = max(1.2 + 0.3 * count, HEIGHT) if count <= MOST_CELLS else 4.9
    figure, axes = chart(max(side + 0.3, WIDTH), side)  # as wide as the others: type of one size
    shares = table.to_numpy() / np.maximum(1, table.to_numpy().sum(axis=1, keepdims=True))
    shades = np.zeros((count, count, 4))
    shades[..., :3] = np.array([0x17, 0x4A, 0x8C]) / 255
    # Transparent where nothing is, so that it stands on a dark page too; the root lets rare mistakes show.
    shades[..., 3] = np.sqrt(shares)
    axes.imshow(shades, interpolation="none", aspect="equal")
    if count <= MOST_CELLS:
        for (row, column), images in np.ndenumerate(table.to_numpy()):
            if images:
                color = "white" if shares[row, column] > 0.36 else INK
                size = 8 if count > 6 else 11
                axes.text(column, row, str(images), ha="center", va="center", color=color, fontsize=size)
    step = 1 if count <= MOST_NAMES else int(np.ceil(count / 20))
    names = [shortened(name, 14) for name in table.index[::step]]
    small = 8 if count <= MOST_CELLS else 6.5
    axes.set_xticks(
        range(0, count, step), names, fontsize=small, rotation=90 if max(map(len, names)) > 2 else 0
    )
    axes.set_yticks(range(0, count, step), names, fontsize=small)
    axes.set(xlabel="predicted", ylabel="actual")
    axes.grid(visible=False)
    axes.spines[["top", "right"]].set_visible(True)
    return figure


def _unit_square(axes: Axes, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
