"""The doors of the pipeline: one module a stage, run by DVC as ``python -m stages.NAME``."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path

# The code beside this file comes first: `dvc exp run --temp` and `--queue` run in a checkout of their own, where
# an installed `darkroom` would be the code of another revision.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from darkroom import UserError, files

_THE_MACHINES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
"""Refusals of the file system: not the user's mistake, but theirs to mend, and no bug."""


def run(stage: Callable[[], None]) -> None:
    """Run one stage; a user's mistake ends it with its message and exit code 1, a bug with its traceback.

    One stage at a time works in a folder: killing dvc alone leaves its stage at work, and the next run's must not
    mix with it.
    """
    name = stage.__name__
    try:
        with files.locked(
            Path(".dvc/tmp/darkroom/stage.lock"), f"{name}: waits for a stage of an earlier run"
        ):
            stage()
    except UserError as error:
        _end(f"{name}: {error}", 1)
    except OSError as error:
        if error.errno not in _THE_MACHINES:
            raise
        where = f"{error.filename}: " if error.filename else ""
        _end(f"{name}: {where}{error.strerror}; mend that and run again: nothing else is lost", 1)
    except KeyboardInterrupt:
        _end(f"{name}: interrupted; the next run goes on from what is finished", 130)


def _end(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(code) from None
