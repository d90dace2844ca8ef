"""The Keras backend, its device, threads and determinism: all of it set before Keras is imported, once a process."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from darkroom import UserError
from darkroom.train.params import TrainParams

BACKEND_VARIABLE = "KERAS_BACKEND"


def start(train: TrainParams) -> None:
    """Make Keras importable as ``train`` wants it; nothing of a backend is imported before its settings stand.

    Raises
    ------
    UserError
        The backend is not installed, or ``train.device`` is ``gpu`` and it sees none.
    """
    if importlib.util.find_spec(train.backend) is None:
        raise UserError(
            f"params.yaml: train.backend: {train.backend} is not installed; "
            f"`pip install 'darkroom[{train.backend}]'`, or choose tensorflow"
        )
    os.environ[BACKEND_VARIABLE] = train.backend
    _PREPARE[train.backend](train)
    import keras

    if keras.backend.backend() != train.backend:
        raise RuntimeError(f"Keras runs on {keras.backend.backend()} here already, not on {train.backend}")
    if train.device == "gpu" and not sees_gpu(train.backend):
        raise UserError(
            f"params.yaml: train.device: got gpu, but {train.backend} sees none; expected auto or cpu"
        )


def sees_gpu(backend: str) -> bool:
    """Return whether the started backend computes on a GPU."""
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.get_visible_devices("GPU"))
    if backend == "torch":
        return bool(_extra("torch").cuda.is_available()) and os.environ.get("KERAS_TORCH_DEVICE") != "cpu"
    return _extra("jax").default_backend() == "gpu"


def precision(train: TrainParams) -> str:
    """Return ``float32`` or ``bfloat16``: ``auto`` resolved by what the hardware computes in.

    On a CPU only TensorFlow gains from bfloat16: PyTorch is no faster with it, and JAX emulates it.
    """
    if train.precision != "auto":
        return train.precision
    fast = sees_gpu(train.backend) or (train.backend == "tensorflow" and _cpu_computes_bfloat16())
    return "bfloat16" if fast else "float32"


def jit_compile(train: TrainParams) -> bool | str:
    """Return what ``compile`` is given: XLA pays on a GPU, but costs TensorFlow on a CPU both start-up and speed."""
    if train.backend == "tensorflow" and (train.deterministic or not sees_gpu("tensorflow")):
        return False
    return "auto"


def _cpu_computes_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:  # no Linux: there is no telling
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _prepare_tensorflow(train: TrainParams) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() != train.threads:
        threading.set_intra_op_parallelism_threads(train.threads)
        threading.set_inter_op_parallelism_threads(train.threads)
    if train.device == "cpu" and tf.config.get_visible_devices("GPU"):
        tf.config.set_visible_devices([], "GPU")
    if train.deterministic:
        tf.config.experimental.enable_op_determinism()


def _prepare_torch(train: TrainParams) -> None:
    if train.device == "cpu":
        os.environ["KERAS_TORCH_DEVICE"] = "cpu"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to be deterministic
    torch = _extra("torch")
    torch.set_num_threads(train.threads)
    torch.use_deterministic_algorithms(train.deterministic)
    torch.backends.cudnn.benchmark = not train.deterministic


def _prepare_jax(train: TrainParams) -> None:
    # XLA on a CPU has no number of threads among its options: it reads this variable when it starts.
    os.environ["NPROC"] = str(train.threads)
    if train.device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    flag = "--xla_gpu_deterministic_ops=true"
    if train.deterministic and flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


def _extra(name: str) -> Any:
    """Import a package that most environments lack, so that type checkers need not know it."""
    return sys.modules.get(name) or importlib.import_module(name)


_PREPARE = {"tensorflow": _prepare_tensorflow, "torch": _prepare_torch, "jax": _prepare_jax}
