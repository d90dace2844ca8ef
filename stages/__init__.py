"""Entry points of the pipeline stages: one module per stage, run by DVC as ``python -m stages.NAME``."""

import contextlib
import ctypes
import errno
import mmap
import os
import signal
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
# NumPy and OpenBLAS choose their code by the CPU, and add up in another order with AVX-512: without it, results are the
# same bits on every x86-64 CPU that TensorFlow runs fast on. Both read this when they are loaded.
os.environ["NPY_DISABLE_CPU_FEATURES"] = "X86_V4 AVX512_ICL AVX512_SPR"
_cpu = Path("/proc/cpuinfo")
if _cpu.is_file() and "avx512f" in _cpu.read_text(encoding="utf-8", errors="replace").split():
    os.environ["OPENBLAS_CORETYPE"] = "Haswell"

_THE_MACHINES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
"""Refusals of the file system: not the user's mistake, but theirs to resolve, and no bug."""

_MAKER = {
    "data/raw": "fetch",
    "data/images": "decode",
    "data/split": "split",
    "models": "train",
    "data/predictions": "evaluate",
}
"""Which stage makes a sealed folder."""

_KEY_TO_LOWER = {
    "decode": "decode.workers",
    "train": "train.batch_size",
    "evaluate": "evaluate.batch_size",
}
"""What a stage's use of memory grows with, in params.yaml."""

_OOM_SIGNALS = {"SIGKILL", "SIGSEGV", "SIGBUS", "SIGABRT"}
"""What ends a process that has no memory left: the kernel's signal, and those of C code that found none."""

_IF_ABORTED = mmap.mmap(-1, 1024)
"""What the waiting process says where the stage is aborted, if that knows more than that memory may be short."""


def if_aborted(message: str) -> None:
    """Tell the process that waits for this one what to say where a library aborts it: nobody else can by then."""
    _IF_ABORTED.seek(0)
    _IF_ABORTED.write(message.encode())


def run(
    stage: Callable[[], None], reads: Sequence[str] = (), writes: Sequence[str] = (), alone: bool = True
) -> None:
    """Run one stage; a user's mistake ends it with its message and exit code 1, a bug with its traceback.

    One stage at a time works in a folder: killing dvc alone leaves its stage at work, and the next run's must not
    mix with it. The folders it ``writes`` are sealed, and the seals of those it ``reads`` are looked at first: DVC
    trusts its cache, and hands back what the disk made of it without a word. What is not ``alone`` has a part in
    a stage that another process runs.
    """
    name = stage.__name__
    _go_on_in_a_child(name)
    try:
        lock = files.locked(
            Path(".dvc/tmp/darkroom/stage.lock"), f"{name}: waits for a stage of an earlier run"
        )
        with lock if alone else contextlib.nullcontext():
            for folder in reads:
                check_seal(Path(folder))
            stage()
            for folder in writes:
                files.seal(Path(folder))
    except UserError as error:
        _end(f"{name}: {error}", 1)
    except OSError as error:
        if error.errno not in _THE_MACHINES:
            raise
        where = f"{error.filename}: " if error.filename else ""
        _end(f"{name}: {where}{error.strerror}; correct that and run again: nothing else is lost", 1)
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        _end(f"{name}: out of memory{what}; close other programs and run again: nothing else is lost", 1)
    except KeyboardInterrupt:
        _end(f"{name}: interrupted; the next run goes on from what is finished", 130)


def _go_on_in_a_child(name: str) -> None:
    """Return in a child process; the process itself waits for it, ends as it ends, and says so if it was killed.

    A process that is killed can say nothing, and running out of memory mostly kills: by the kernel, or inside a C
    library that does not check its allocations, as some operations of TensorFlow. On Linux alone: Windows cannot
    fork, what macOS's own libraries do after a fork is undefined, and neither ends a child with its parent.
    """
    if sys.platform != "linux":
        return
    parent = os.getpid()
    # The terminal sends Ctrl-C to both: the child ends as it sees fit, and we with it.
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        _die_with(parent)
        signal.signal(signal.SIGINT, interrupt)
        return
    signal.signal(signal.SIGTERM, lambda number, _: os.kill(child, number))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code >= 0:
        raise SystemExit(code)
    by = signal.Signals(-code).name
    message = _IF_ABORTED[:].rstrip(b"\0").decode()
    if by == "SIGABRT" and message:
        _end(f"{name}: {message}", 1)
    if by not in _OOM_SIGNALS:
        _end(f"{name}: ended by {by}; the next run goes on from what is finished", 1)
    key = _KEY_TO_LOWER.get(name)
    lower = f"lower {key} in params.yaml or " if key else ""
    _end(
        f"{name}: killed by {by}, most likely out of memory; {lower}close other programs, and run again: "
        "nothing else is lost",
        1,
    )


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends: killing the stage must also kill its worker."""
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
    killed = signal.Signals["SIGKILL"]
    ctypes.CDLL(None).prctl(set_parent_death_signal, killed)
    if os.getppid() != parent:  # it ended in between
        os.kill(os.getpid(), killed)


def check_seal(folder: Path) -> None:
    """Raise a UserError where a file of ``folder`` is no longer what its stage wrote."""
    damaged = files.damage(folder)
    if damaged:
        maker = _MAKER[folder.as_posix()]
        objects = " ".join(f'"$(dvc cache dir)"/files/md5/{md5[:2]}/{md5[2:]}' for md5 in damaged.values())
        raise UserError(
            f"{', '.join(map(str, damaged))}: not as {maker} wrote it; changed by hand, or damaged on the disk or in "
            f"DVC's cache, which DVC does not check. To make it again:\n"
            f"  rm -f {objects}\n"
            f"  dvc repro --force --single-item {maker} && dvc repro\n"
            f"To use what was changed by hand as it is, remove {folder / files.SEAL}"
        )


def _end(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(code) from None
