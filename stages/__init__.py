"""The doors of the pipeline: one module a stage, run by DVC as ``python -m stages.NAME``."""

import sys
from collections.abc import Callable
from pathlib import Path

# The code beside this file comes first: `dvc exp run --temp` and `--queue` run in a checkout of their own, where
# an installed `darkroom` would be the code of another revision.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from darkroom import UserError


def run(stage: Callable[[], None]) -> None:
    """Run one stage; a user's mistake ends it with its message and exit code 1, a bug with its traceback."""
    try:
        stage()
    except UserError as error:
        print(f"{stage.__name__}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
