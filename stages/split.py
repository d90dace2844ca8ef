"""split: assign every image to train, validation or test without leaks; fit the normalization on train."""

from pathlib import Path

from stages import run  # isort: skip  (puts src/ on the path)

from darkroom import files
from darkroom.params import Params
from darkroom.split.params import NormalizeParams, SplitParams
from darkroom.split.stage import split as split_images


def split() -> None:
    """Read the params, split data/images into data/split, write the counts to metrics/split.json."""
    params = Params(Path("params.yaml"))
    metrics = split_images(
        params.section("split", SplitParams),
        params.section("normalize", NormalizeParams),
        images=Path("data/images"),
        out=Path("data/split"),
    )
    files.write_json(Path("metrics/split.json"), metrics)


if __name__ == "__main__":
    run(split, reads=["data/images"], writes=["data/split"])
