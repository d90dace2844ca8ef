"""train: fit the network to the training images, watching the validation images."""

from pathlib import Path

from stages import run  # isort: skip  (puts src/ on the path)

from darkroom import files, images
from darkroom.params import read_params
from darkroom.train.config import Config
from darkroom.train.stage import train as train_network


def train() -> None:
    """Read the params, train into models/, write the last and best figures to metrics/train.json."""
    params = read_params(Path("params.yaml"))
    images.check_prepared(Path("data/images"), params.image)
    metrics = train_network(
        Config(params.seed, params.model, params.augment, params.train),
        images=Path("data/images"),
        split=Path("data/split"),
        weights=Path("data/weights"),
        models=Path("models"),
        history=Path("plots/history.csv"),
    )
    files.write_json(Path("metrics/train.json"), metrics)


if __name__ == "__main__":
    run(train, reads=["data/images", "data/split"], writes=["models"])
