"""evaluate: measure the model on the test images."""

from pathlib import Path

from stages import run  # isort: skip  (puts src/ on the path)

from darkroom import files, images
from darkroom.evaluate.stage import evaluate as evaluate_model
from darkroom.params import read_params


def evaluate() -> None:
    """Read the params, predict into data/predictions, write figures to metrics/ and plots/."""
    params = read_params(Path("params.yaml"))
    images.check_prepared(Path("data/images"), params.image)
    metrics, by_class = evaluate_model(
        params.evaluate,
        images=Path("data/images"),
        split=Path("data/split"),
        models=Path("models"),
        predictions=Path("data/predictions"),
        plots=Path("plots"),
    )
    files.write_json(Path("metrics/evaluate.json"), metrics)
    files.write_json(Path("metrics/evaluate_by_class.json"), by_class)


if __name__ == "__main__":
    run(evaluate, reads=["data/images", "data/split", "models"], writes=["data/predictions"])
