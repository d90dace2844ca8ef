"""The stage plot: figures as PNG files, the page of test images, and the report that shows everything."""

import json
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.params import PlotParams
from darkroom.plot import style, tested_images
from darkroom.plot.charts import charts
from darkroom.plot.html import Html
from darkroom.plot.image_figures import pictures
from darkroom.plot.png_names import png_names
from darkroom.plot.report import report
from darkroom.plot.stage_outputs import Results, read_results

MOST_MISSED = 10
"""Classes that the last line names, at most."""


def plot(
    plot: PlotParams, images: Path, split: Path, models: Path, predictions: Path, metrics: Path, plots: Path
) -> None:
    """Draw the figures, write the report and the page of test images, and print in short what it says.

    Parameters
    ----------
    plot : PlotParams
        The section of params.yaml.
    images, split, models, predictions, metrics : Path
        What the stages before wrote.
    plots : Path
        Holds ``history.csv`` and the tables of evaluate; gets ``figures/<name>.png``, ``test_images.html`` and
        ``report.html``.
    """
    results = read_results(images, split, models, predictions, metrics, plots)
    folder = files.empty_folder(plots / "figures")
    names = png_names(results.classes)
    inline: dict[str, Html] = {}
    with style.drawing():
        drawn = charts(results, names)
        for name, figure in drawn.items():
            style.write_png(figure, folder / f"{name}.png", plot.dpi)
            figure.set_layout_engine("none")  # laid out once is enough: the second time costs as much
        if any(known != name for name, known in names.items()):
            drawn = charts(results, {name: name for name in names})
        for name, figure in drawn.items():
            inline[name] = Html(style.svg(figure, name))
        for name, figure in pictures(results, plot.samples, names).items():
            style.write_png(figure, folder / f"{name}.png", plot.dpi)
    tested_images.write_page(results, plots)
    page = report(results, inline, plot.samples)
    with files.whole(plots / "report.html") as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    print(_in_short(results.scores["evaluate"], plots), *_missed(results), sep="\n")


def _missed(results: Results) -> list[str]:
    """Return a line that names the classes of which no test image is right; none where there is no such class."""
    missed = [
        json.dumps(name, ensure_ascii=False)
        for name, (right, images) in results.recalled.items()
        if images and not right
    ]
    if not missed:
        return []
    more = f" and {len(missed) - MOST_MISSED:,} more" if len(missed) > MOST_MISSED else ""
    line = f"none is right of the test images of {', '.join(missed[:MOST_MISSED])}{more}"
    if results.model["params"]["train"]["class_weights"] == "none":
        line += "; `dvc exp run -S train.class_weights=balanced` makes rare classes count more"
    return [line]


def _in_short(scores: dict[str, Any], plots: Path) -> str:
    """Return what whoever waited for the pipeline wants to know first, and where to go on."""
    share, low, high = (f"{100 * scores[name]:.1f}" for name in ("accuracy", "accuracy_low", "accuracy_high"))
    return (
        f"{share} % of {scores['images']:,} test images are right (95 % interval: {low} to {high} %)\n"
        f"{plots / 'report.html'} has the rest\n"
        "`dvc exp run -S KEY=VALUE` tries another setting, `darkroom compare` tells whether it is better"
    )
