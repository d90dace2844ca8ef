"""split: assign every image to train, validation or test without leaks; fit the normalization on train."""

from pathlib import Path

from stages import run  # isort: skip  (puts src/ on the path)

from darkroom import files, images
from darkroom.params import read_params
from darkroom.split.stage import split as split_images


def split() -> None:
    """Read the params, split data/images into data/split, write the counts to metrics/split.json."""
    params = read_params(Path("params.yaml"))
    images.check_prepared(Path("data/images"), params.image)
    metrics = split_images(
        params.split,
        params.normalize,
        images=Path("data/images"),
        out=Path("data/split"),
    )
    files.write_json(Path("metrics/split.json"), metrics)


if __name__ == "__main__":
    run(split, reads=["data/images"], writes=["data/split"])
