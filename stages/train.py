"""train: fit the network to the training images, watching the validation images."""

from pathlib import Path

from stages import check_seal, if_aborted, run  # isort: skip  (puts src/ on the path)

from darkroom import files, images
from darkroom.params import read_params
from darkroom.train import processes
from darkroom.train.config import Config
from darkroom.train.stage import train as train_network

IMAGES, SPLIT = Path("data/images"), Path("data/split")


def train() -> None:
    """Read the params, train into models/, write the last and best figures to metrics/train.json.

    Of several processes that train together, all but the first wait for that one here, and write nothing.
    """
    if not processes.is_first():
        processes.wait_for_first()
        check_seal(IMAGES)
        check_seal(SPLIT)
    params = read_params(Path("params.yaml"))
    if params.train.processes > 1:
        if_aborted(processes.LOST)
    images.check_prepared(IMAGES, params.image)
    config = Config(params.seed, params.model, params.augment, params.train)
    metrics = train_network(
        config, IMAGES, SPLIT, Path("data/weights"), Path("models"), Path("plots/history.csv")
    )
    if processes.is_first():
        files.write_json(Path("metrics/train.json"), metrics)


if __name__ == "__main__":
    if processes.is_first():
        run(train, reads=["data/images", "data/split"], writes=["models"])
    else:
        run(train, alone=False)
