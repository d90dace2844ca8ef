"""The Keras backend, its device, threads and determinism, set once per process before Keras is imported."""

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from darkroom import UserError, how_to_install, tf_logging

NAMES = ("tensorflow", "torch", "jax")


def start(
    backend: str, device: str, threads: int, deterministic: bool, instruction_set: str, asked_by: str
) -> None:
    """Make Keras importable as asked for; nothing of a backend is imported before its settings stand.

    Parameters
    ----------
    backend : "tensorflow", "torch" or "jax"
    device : "auto" or "cpu"
        ``auto`` is a GPU where the backend sees one.
    threads : int
        CPU threads in one operation; >= 1.
    deterministic : bool
        The same bits every run.
    instruction_set : "avx2" or "native"
        The widest vector instructions of an x86-64 CPU that are used: at ``avx2`` those with AVX-512 compute the same
        bits as those without. ``native`` is whatever the CPU has.
    asked_by : str
        The file and name that ask for the backend, for the message where it is not installed.

    Raises
    ------
    UserError
        The backend is not installed, or TensorFlow has computed in this process already with other threads.
    """
    if importlib.util.find_spec(backend) is None:
        raise UserError(
            f"{asked_by}: {backend} is not installed; {how_to_install(backend)}, or train on another backend"
        )
    _forget([*_OF_RESULTS, *(_OF_BITS if deterministic else [])])
    os.environ["KERAS_BACKEND"] = backend
    if instruction_set == "avx2":
        # oneDNN, in which TensorFlow and PyTorch compute, and what PyTorch computes by itself. These are limits: where
        # there is no AVX2, or no x86-64, nothing is asked for that the CPU lacks.
        os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
        os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
    keep_freed_memory()
    with tf_logging.quiet(), _uncollected(), _hidden(name for name in _NOT_USED if name != backend):
        _PREPARE[backend](device == "cpu", threads, deterministic)
        import keras

    if keras.backend.backend() != backend:
        raise RuntimeError(f"Keras runs on {keras.backend.backend()} here already, not on {backend}")
    # Whatever the user's keras.json says: Keras reads it when it is imported.
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")


_OF_RESULTS = ("KERAS_MAX_", "KERAS_NNX_ENABLED", "JAX_ENABLE_X64", "JAX_DEFAULT_")
"""Beginnings of the names of environment variables that make another training of the same params."""

_OF_BITS = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_",
    "TF_CUDNN_",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_",
    "TF_ONEDNN_",
    "TF_XLA_FLAGS",
    "TORCH_ALLOW_TF32",
    "XLA_FLAGS",
)
"""And of those that change how the same numbers are added up: heard only where ``deterministic`` is false."""


_NOT_USED = ("sklearn", "matplotlib", "pandas", "jax")
"""Packages that Keras and TensorFlow import where they are installed, for features of theirs that are not used here."""


@contextlib.contextmanager
def _hidden(packages: Iterable[str]) -> Iterator[None]:
    """Let an import of any of ``packages`` that is not imported yet fail inside the block, as if it were not installed.

    Importing Keras and TensorFlow takes two thirds of the time without them. ``None`` in ``sys.modules`` is how
    Python's import system itself says that a module is not there.
    """
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Let Python's garbage collector rest inside the block, and leave alone for good what was made there.

    Importing TensorFlow makes a million objects of which nearly all stay: looking for garbage among them, again and
    again as their number grows, is a quarter of the time that it takes.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def _forget(beginnings: list[str]) -> None:
    """Remove what dvc.yaml cannot declare from the environment, so that the result does not depend on it."""
    for name in [name for name in os.environ if name.startswith(tuple(beginnings))]:
        del os.environ[name]


def keep_freed_memory() -> None:
    """Let the C library keep the memory of one step's tensors for the next step's.

    Left alone, glibc returns each large block to the kernel when it is freed, and the kernel then clears every page
    of it again in the next step: a quarter to a third of a training's processor time (docs/benchmarks.md). Whoever
    has set glibc's own variables keeps what they set; other C libraries have no ``mallopt``. See ``man 3 mallopt``.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None or any(name.startswith("MALLOC_") for name in os.environ):
        return
    for setting, value in _MALLOPT.items():
        mallopt(setting, value)


_MALLOPT = {
    -3: 32 << 20,  # M_MMAP_THRESHOLD, bytes: smaller blocks come from a heap; 32 MiB is the most it can be
    -1: -1,  # M_TRIM_THRESHOLD: the end of a heap is never given back
    -2: 64 << 20,  # M_TOP_PAD, bytes: nor is a thread's heap that is wholly free, which is of 64 MiB
}
"""glibc's numbers of its settings, and what they become."""


def sees_gpu(backend: str) -> bool:
    """Return whether the started backend computes on a GPU."""
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.get_visible_devices("GPU"))
    if backend == "torch":
        return bool(_extra("torch").cuda.is_available()) and os.environ.get("KERAS_TORCH_DEVICE") != "cpu"
    return _extra("jax").default_backend() == "gpu"


def cpu_flags() -> set[str]:
    """Return the names of what the CPU has, ``avx2`` and the like; none but on Linux, where there is no telling."""
    path = Path("/proc/cpuinfo")
    found = re.search(r"(?m)^flags\s*:(.*)$", path.read_text(encoding="utf-8")) if path.is_file() else None
    return set(found[1].split()) if found else set()


@contextlib.contextmanager
def enough_memory(key: str) -> Iterator[None]:
    """Raise a UserError naming ``key``, the images in a step, where the backend runs out of memory.

    Each backend has an error of its own for this, and on a GPU it is the commonest of all. Python's MemoryError passes.
    """
    try:
        yield
    except Exception as error:
        names = {kind.__name__ for kind in type(error).__mro__}
        if not names & _OUT_OF_MEMORY and not any(words in str(error) for words in _SAID_OUT_OF_MEMORY):
            raise
        raise UserError(
            f"params.yaml: {key}: the backend ran out of memory; expected fewer images in a step, smaller images "
            "or a smaller network"
        ) from error


_OUT_OF_MEMORY = {"ResourceExhaustedError", "OutOfMemoryError"}  # of TensorFlow, of PyTorch on a GPU
_SAID_OUT_OF_MEMORY = ("RESOURCE_EXHAUSTED", "can't allocate memory")  # of JAX, of PyTorch on a CPU


def _prepare_tensorflow(on_cpu: bool, threads: int, deterministic: bool) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow itself turns oneDNN on where the CPU has AVX-512 VNNI or newer; without these it is faster too.
    # Whoever asks for the same bits is not asked for the variable, which they could not have declared to DVC.
    if deterministic or "TF_ENABLE_ONEDNN_OPTS" not in os.environ:
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    import tensorflow as tf

    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() != threads:
        try:
            threading.set_intra_op_parallelism_threads(threads)
            threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError as error:  # a notebook, say, that has used TensorFlow before
            raise UserError(
                f"TensorFlow has computed in this process already, and its threads can no longer be set to {threads}; "
                "expected a process of our own, or Darkroom before any other use of TensorFlow"
            ) from error
    # Asked here in any case: the first question is when TensorFlow looks for a driver, and says what it finds.
    found = tf.config.get_visible_devices("GPU")
    if on_cpu and found:
        tf.config.set_visible_devices([], "GPU")
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def _prepare_torch(on_cpu: bool, threads: int, deterministic: bool) -> None:
    if on_cpu:
        os.environ["KERAS_TORCH_DEVICE"] = "cpu"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to be deterministic
    torch = _extra("torch")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic


def _prepare_jax(on_cpu: bool, threads: int, deterministic: bool) -> None:
    # XLA on a CPU has no number of threads among its options: it reads this variable when it starts.
    os.environ["NPROC"] = str(threads)
    if on_cpu:
        os.environ["JAX_PLATFORMS"] = "cpu"
    flag = "--xla_gpu_deterministic_ops=true"
    if deterministic and flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


def _extra(name: str) -> Any:
    """Import a package that most environments lack, so that type checkers need not know it."""
    return sys.modules.get(name) or importlib.import_module(name)


_PREPARE = {"tensorflow": _prepare_tensorflow, "torch": _prepare_torch, "jax": _prepare_jax}
