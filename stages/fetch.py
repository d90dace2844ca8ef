"""fetch: bring the archives of the source into data/raw, as they came."""

from pathlib import Path

from stages import run  # isort: skip  (puts src/ on the path)

from darkroom import files
from darkroom.fetch.stage import fetch as fetch_source
from darkroom.params import read_params


def fetch() -> None:
    """Read the source's params, fetch it, write what was fetched to metrics/fetch.json."""
    params = read_params(Path("params.yaml"))
    metrics = fetch_source(
        params.source,
        inbox=Path("data/inbox"),
        raw=Path("data/raw"),
    )
    files.write_json(Path("metrics/fetch.json"), metrics)


if __name__ == "__main__":
    run(fetch, writes=["data/raw"])
