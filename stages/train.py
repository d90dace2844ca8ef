"""train: fit the network to the training images, watching the validation images."""

from pathlib import Path
from typing import Any

from stages import check_seal, if_aborted, run  # isort: skip  (puts src/ on the path)

from darkroom import files, images
from darkroom.params import read_params
from darkroom.train import processes
from darkroom.train.config import Config
from darkroom.train.stage import train as train_network

READS = ("data/images", "data/split")


def train() -> None:
    """Read the params, train into models/, write the last and best figures to metrics/train.json."""
    files.write_json(Path("metrics/train.json"), _train())


def join() -> None:
    """Train as one of several processes of which another writes, once that one has begun."""
    processes.wait_for_first()
    for folder in READS:
        check_seal(Path(folder))
    _train()


def _train() -> dict[str, Any]:
    params = read_params(Path("params.yaml"))
    if params.train.processes > 1:
        if_aborted(processes.LOST)
    images.check_prepared(Path("data/images"), params.image)
    return train_network(
        Config(params.seed, params.model, params.augment, params.train),
        images=Path("data/images"),
        split=Path("data/split"),
        weights=Path("data/weights"),
        models=Path("models"),
        history=Path("plots/history.csv"),
    )


if __name__ == "__main__":
    if processes.is_first():
        run(train, reads=READS, writes=["models"])
    else:
        run(join, alone=False)
