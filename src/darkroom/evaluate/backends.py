"""The Keras backend a model was trained on, made ready before Keras is imported: device, threads, determinism."""

import importlib
import importlib.util
import os
from typing import Any

from darkroom import UserError


def start(description: dict[str, Any]) -> None:
    """Make Keras importable as ``model.json`` says the model was trained; once a process, before the first import.

    Parameters
    ----------
    description : dict
        The content of ``model.json``: ``backend``, ``threads``, ``deterministic``, ``params``.

    Raises
    ------
    UserError
        The backend is not installed.
    """
    backend: str = description["backend"]
    if importlib.util.find_spec(backend) is None:
        raise UserError(
            f"models/model.json: the model was trained on {backend}, which is not installed; "
            f"`pip install 'darkroom[{backend}]'`, or train it on another: params.yaml, train.backend"
        )
    os.environ["KERAS_BACKEND"] = backend
    prepare = {"tensorflow": _prepare_tensorflow, "torch": _prepare_torch, "jax": _prepare_jax}
    on_cpu = description["params"]["train"]["device"] == "cpu"
    prepare[backend](description["threads"], description["deterministic"], on_cpu)
    import keras

    if keras.backend.backend() != backend:
        raise RuntimeError(f"Keras runs on {keras.backend.backend()} here already, not on {backend}")


def _prepare_tensorflow(threads: int, deterministic: bool, on_cpu: bool) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() != threads:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(threads)
    if on_cpu and tf.config.get_visible_devices("GPU"):
        tf.config.set_visible_devices([], "GPU")
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def _prepare_torch(threads: int, deterministic: bool, on_cpu: bool) -> None:
    if on_cpu:
        os.environ["KERAS_TORCH_DEVICE"] = "cpu"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to be deterministic
    torch = importlib.import_module("torch")  # an extra: absent in most environments
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def _prepare_jax(threads: int, deterministic: bool, on_cpu: bool) -> None:
    # XLA on a CPU has no number of threads among its options: it reads this variable when it starts.
    os.environ["NPROC"] = str(threads)
    if on_cpu:
        os.environ["JAX_PLATFORMS"] = "cpu"
    if deterministic:
        os.environ["XLA_FLAGS"] = (
            f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()
        )
