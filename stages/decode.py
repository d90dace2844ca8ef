"""decode: turn every image of data/raw into pixels of one size, in shards; account for every file."""

from pathlib import Path

from stages import run  # isort: skip  (puts src/ on the path)

from darkroom import files
from darkroom.decode.stage import decode as decode_images
from darkroom.params import read_params


def decode() -> None:
    """Read the params, decode data/raw into data/images, write the counts to metrics/decode.json."""
    params = read_params(Path("params.yaml"))
    metrics = decode_images(
        params.labels,
        params.image,
        params.decode,
        raw=Path("data/raw"),
        inbox=Path("data/inbox"),
        out=Path("data/images"),
    )
    files.write_json(Path("metrics/decode.json"), metrics)


if __name__ == "__main__":
    run(decode, reads=["data/raw"], writes=["data/images"])
