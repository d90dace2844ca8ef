"""The stage plot: figures as PNG files, and the report that shows everything."""

from html import escape
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from darkroom import files
from darkroom.plot.params import PlotParams


def plot(
    plot: PlotParams, images: Path, split: Path, models: Path, predictions: Path, metrics: Path, plots: Path
) -> None:
    """Draw ``plots/figures/*.png`` and write ``plots/report.html``."""
    figures = files.empty_folder(plots / "figures")
    history = pd.read_csv(plots / "history.csv")
    with mpl.rc_context(rc=mpl.rcParamsDefault):
        figure = Figure(figsize=(6, 4), dpi=plot.dpi)
        axes = figure.add_subplot()
        axes.plot(history["epoch"], history["accuracy"], label="train")
        axes.plot(history["epoch"], history["val_accuracy"], label="validation")
        axes.legend()
        figure.savefig(figures / "accuracy.png", metadata={"Software": None})
    scores = files.read_json(metrics / "evaluate.json")
    rows = "".join(f"<tr><th>{escape(str(k))}</th><td>{escape(str(v))}</td></tr>" for k, v in scores.items())
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>Report</title><table>{rows}</table></html>\n"
    with files.whole(plots / "report.html") as part:
        part.write_text(page, encoding="utf-8", newline="\n")
