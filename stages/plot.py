"""plot: draw the figures and write the report."""

from pathlib import Path

from stages import run  # isort: skip  (puts src/ on the path)

from darkroom.params import Params
from darkroom.plot.params import PlotParams
from darkroom.plot.stage import plot as plot_report


def plot() -> None:
    """Read the params, draw plots/figures/ and write plots/report.html."""
    params = Params(Path("params.yaml"))
    plot_report(
        params.section("plot", PlotParams),
        images=Path("data/images"),
        split=Path("data/split"),
        models=Path("models"),
        predictions=Path("data/predictions"),
        metrics=Path("metrics"),
        plots=Path("plots"),
    )


if __name__ == "__main__":
    run(plot, reads=["data/images", "data/split", "models", "data/predictions"])
