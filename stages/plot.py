"""plot: draw the figures and write the report and the page of test images."""

from pathlib import Path

from stages import run  # isort: skip  (puts src/ on the path)

from darkroom import images
from darkroom.params import read_params
from darkroom.plot.stage import plot as plot_report


def plot() -> None:
    """Read the params, draw plots/figures/ and write plots/report.html and plots/test_images.html."""
    params = read_params(Path("params.yaml"))
    images.check_prepared(Path("data/images"), params.image)
    plot_report(
        params.plot,
        images=Path("data/images"),
        split=Path("data/split"),
        models=Path("models"),
        predictions=Path("data/predictions"),
        metrics=Path("metrics"),
        plots=Path("plots"),
    )


if __name__ == "__main__":
    run(plot, reads=["data/images", "data/split", "models", "data/predictions"])
