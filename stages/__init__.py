"""The doors of the pipeline: one module a stage, run by DVC as ``python -m stages.NAME``."""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# The code beside this file comes first: `dvc exp run --temp` and `--queue` run in a checkout of their own, where
# an installed `darkroom` would be the code of another revision.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from darkroom import UserError, files

# What libraries read from the environment when a stage imports them, and what changes their results: dvc.yaml cannot
# declare it, so it is not heard. Keras and its backends have theirs in darkroom.backends.
_UNHEARD = ("MATPLOTLIBRC", "MPLBACKEND", "NPY_", "OPENBLAS_CORETYPE", "OPENCV_", "PANDAS_")
for _name in [name for name in os.environ if name.startswith(_UNHEARD)]:
    del os.environ[_name]

_THE_MACHINES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
"""Refusals of the file system: not the user's mistake, but theirs to mend, and no bug."""

_MAKER = {
    "data/raw": "fetch",
    "data/images": "decode",
    "data/split": "split",
    "models": "train",
    "data/predictions": "evaluate",
}
"""Which stage makes a sealed folder."""


def run(stage: Callable[[], None], reads: Sequence[str] = (), writes: Sequence[str] = ()) -> None:
    """Run one stage; a user's mistake ends it with its message and exit code 1, a bug with its traceback.

    One stage at a time works in a folder: killing dvc alone leaves its stage at work, and the next run's must not
    mix with it. The folders it ``writes`` are sealed, and the seals of those it ``reads`` are looked at first: DVC
    trusts its cache, and hands back what the disk made of it without a word.
    """
    name = stage.__name__
    try:
        with files.locked(
            Path(".dvc/tmp/darkroom/stage.lock"), f"{name}: waits for a stage of an earlier run"
        ):
            for folder in reads:
                _check(Path(folder))
            stage()
            for folder in writes:
                files.seal(Path(folder))
    except UserError as error:
        _end(f"{name}: {error}", 1)
    except OSError as error:
        if error.errno not in _THE_MACHINES:
            raise
        where = f"{error.filename}: " if error.filename else ""
        _end(f"{name}: {where}{error.strerror}; mend that and run again: nothing else is lost", 1)
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        _end(f"{name}: out of memory{what}; close other programs and run again: nothing else is lost", 1)
    except KeyboardInterrupt:
        _end(f"{name}: interrupted; the next run goes on from what is finished", 130)


def _check(folder: Path) -> None:
    """Raise a UserError where a file of ``folder`` is no longer what its stage wrote."""
    damaged = files.damage(folder)
    if damaged:
        maker = _MAKER[folder.as_posix()]
        objects = " ".join(f'"$(dvc cache dir)"/files/md5/{md5[:2]}/{md5[2:]}' for md5 in damaged.values())
        raise UserError(
            f"{', '.join(map(str, damaged))}: not as {maker} wrote it; changed by hand, or damaged on the disk or in "
            f"DVC's cache, which DVC does not check. To make it anew:\n"
            f"  rm -f {objects}\n"
            f"  dvc repro --force --single-item {maker} && dvc repro\n"
            f"To use what was changed by hand as it is, remove {folder / files.SEAL}"
        )


def _end(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(code) from None
