"""train: fit the network to the training images, watching the validation images."""

from pathlib import Path

from stages import run  # isort: skip  (puts src/ on the path)

from darkroom import files
from darkroom.params import Params
from darkroom.train.params import AugmentParams, ModelParams, TrainParams
from darkroom.train.stage import train as train_network


def train() -> None:
    """Read the params, train into models/, write the last and best figures to metrics/train.json."""
    params = Params(Path("params.yaml"))
    metrics = train_network(
        params.section("seed", int),
        params.section("model", ModelParams),
        params.section("augment", AugmentParams),
        params.section("train", TrainParams),
        images=Path("data/images"),
        split=Path("data/split"),
        weights=Path("data/weights"),
        models=Path("models"),
        history=Path("plots/history.csv"),
    )
    files.write_json(Path("metrics/train.json"), metrics)


if __name__ == "__main__":
    run(train, reads=["data/images", "data/split"], writes=["models"])
