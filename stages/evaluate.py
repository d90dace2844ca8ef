"""evaluate: measure the model on the test images."""

from pathlib import Path

from stages import run  # isort: skip  (puts src/ on the path)

from darkroom import files
from darkroom.evaluate.params import EvaluateParams
from darkroom.evaluate.stage import evaluate as evaluate_model
from darkroom.params import Params


def evaluate() -> None:
    """Read the params, predict into data/predictions, write figures to metrics/evaluate.json and plots/."""
    params = Params(Path("params.yaml"))
    metrics = evaluate_model(
        params.section("evaluate", EvaluateParams),
        images=Path("data/images"),
        split=Path("data/split"),
        models=Path("models"),
        predictions=Path("data/predictions"),
        plots=Path("plots"),
    )
    files.write_json(Path("metrics/evaluate.json"), metrics)


if __name__ == "__main__":
    run(evaluate, reads=["data/images", "data/split", "models"], writes=["data/predictions"])
