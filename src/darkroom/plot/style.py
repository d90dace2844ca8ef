"""The matplotlib style and saving of figures: the same bytes whatever the user's matplotlib settings are."""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from darkroom import files

INK = "#1f2933"
"""Text and axes; in the report the page's own ink, light where the page is dark."""

LINE = "#d3d9e0"
"""Grid lines and frames; in the report the page's own."""

ACCENT = "#2563b8"
"""The one colour of charts with one series; in the report the page's own."""

GREY = "#7b828c"
"""Of what stands behind."""

SERIES = (
    ACCENT, "#d9622b", "#2a9467", "#9a57c2", "#b5830f", "#cf4274", "#1893a8", GREY, "#8c6239", "#6a8b22"
)  # fmt: skip
"""Colours of series, each clear on white and on black."""

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 9,
    "text.parse_math": False,  # a class may be called $x$
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",  # text stays text: read aloud, found, set in the page's own typeface
    "svg.hashsalt": "darkroom",
}

WIDTH, HEIGHT = 4.6, 3.3
"""Of a chart, inches: its type is as large as the page's both on a phone and in two columns."""


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """Draw in Darkroom's style alone, whatever matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


def chart(width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """Return an empty figure, in inches, and its one pair of axes."""
    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def legend_above(axes: Axes, columns: int = 2) -> None:
    """Put the legend above the axes, where it hides nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=columns, borderaxespad=0.2, handlelength=1.4
    )


def shortened(name: str, most: int = 18) -> str:
    """Return a class's name cut to what an axis has room for."""
    return name if len(name) <= most else name[: most - 1] + "…"


def write_png(figure: Figure, path: Path, dpi: int) -> None:
    """Write the figure on white; without matplotlib's version, the same bytes from one version to the next."""
    with files.whole(path) as part:
        figure.savefig(part, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})


def svg(figure: Figure, name: str) -> str:
    """Return the figure as an inline SVG that takes its inks from the page's style sheet.

    Parameters
    ----------
    figure : Figure
        The figure.
    name : str
        Its name, put before each id: ids must be unique on the page.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # A class may be named in a script that DejaVu lacks: the reader's browser has a font for it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'xlink:href="#{name}-')
    text = text.replace(INK, "var(--ink)").replace(LINE, "var(--line)").replace(ACCENT, "var(--accent)")
    # The size is the page's to choose; viewBox keeps the shape.
    return re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r'<svg aria-hidden="true" \1', text, count=1)
