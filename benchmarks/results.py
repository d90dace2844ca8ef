"""Every recipe on real images, and our own beside the published ones: the figures of docs/results.md.

    make results                                     # on the photos in $DARKROOM_REAL_IMAGES, or ../shared/data
    python benchmarks/results.py --images FOLDER     # on others, a full data set say, in the same four sub-folders
    python benchmarks/results.py --only malaria fast-small --seeds 5
    python benchmarks/results.py --write             # only write what follows from the record

It writes docs/results.md, and the measured figures into the recipes' headers.

Each run is a real `dvc repro` in a temporary clone of the last commit, with seed and split.seed both set to the number
of the run, so that the spread over runs holds everything that chance decides. While it trains, every checkpoint is
kept; afterwards each is measured on the test images: what the model would have scored, had training been stopped
there. What was measured is added to docs/results.json at once, and a run that stands there is not made again. Run it on
an otherwise idle machine, since it compares times, or with --busy, which takes none.
"""

import argparse
import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pipeline
from results_page import write_header, write_page
from results_runs import CASES, REAL, run

from darkroom import files

RECORD, PAGE = pipeline.ROOT / "docs" / "results.json", pipeline.ROOT / "docs" / "results.md"

TIMED = 3
"""Runs of a case with a frozen network that start from nothing; later ones find what the last of these left."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, default=REAL)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--write", action="store_true", help="run nothing")
    parser.add_argument("--busy", action="store_true", help="take no times: the machine does other things")
    options = parser.parse_args()
    record = files.read_json(options.record) if options.record.is_file() else {}
    if not options.write:
        with tempfile.TemporaryDirectory() as folder:
            # Rivals side by side, run by run: a machine is not equally fast all day.
            for number, name in itertools.product(range(options.seeds), options.only):
                if str(number) not in record.get(name, {}):
                    result = measured_in(Path(folder), name, options.images.resolve(), number)
                    if options.busy:
                        result = {key: value for key, value in result.items() if not key.endswith("_seconds")}
                    record.setdefault(name, {})[str(number)] = result
                    files.write_json(options.record, record)
    write_page(record, options.page)
    for name in sorted(record):
        if CASES[name].recipe == name:
            write_header(name, record[name], pipeline.ROOT / "recipes")


def measured_in(clones: Path, name: str, images: Path, number: int) -> dict[str, Any]:
    """Make one run and return what came of it: in a clone of its own, or of a frozen network in the one left before."""
    again = number >= TIMED and "transfer" in CASES[name].recipe
    clone = clones / name
    if clone.exists() and not again:
        shutil.rmtree(clone)
    result = run(CASES[name], images, number, clone if clone.exists() else pipeline.clone(clone))
    print(f"{name}, run {number}: {result['accuracy']:.4f}", flush=True)
    return result


if __name__ == "__main__":
    main()
