"""Charts of accuracy by severity: of many kinds together, and of one with its interval."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from darkroom.plot.style import ACCENT, INK, SERIES, chart, legend_above
from darkroom.stress.kinds import Kind
from darkroom.stress.level import Level
from darkroom.stress.results import Stress


def together(result: Stress, kinds: Mapping[Kind, Sequence[Level]]) -> Figure:
    """Draw a curve a kind, from the images as they are, at 0, to severity 5."""
    figure, axes = chart()
    for (kind, levels), color in zip(kinds.items(), SERIES, strict=False):
        accuracies = [result.accuracy, *(level.accuracy for level in levels)]
        axes.plot(range(len(accuracies)), accuracies, label=kind.title, color=color, marker="o", markersize=3)
    _scales(axes, "severity")
    legend_above(axes)
    return figure


def alone(result: Stress, kind: Kind, levels: Sequence[Level]) -> Figure:
    """Draw one kind with its 95 % intervals, by amount, and the images as they are as a dotted line."""
    figure, axes = chart()
    places = range(1, len(levels) + 1)
    lows, highs = zip(*(level.interval for level in levels), strict=True)
    axes.axhline(result.accuracy, color=INK, linewidth=1.2, linestyle=(0, (1.5, 1.2)))
    axes.fill_between(places, lows, highs, color=ACCENT, alpha=0.18, linewidth=0)
    axes.plot(places, [level.accuracy for level in levels], color=ACCENT, marker="o", markersize=4)
    axes.set_xticks(places, [f"{level.amount:g}" for level in levels])
    _scales(axes, kind.unit)
    return figure


def _scales(axes: Axes, label: str) -> None:
    axes.set(xlabel=label, ylabel="accuracy", ylim=(-0.02, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
