"""Compilation of a network for the active backend: in which precision, and whether with XLA."""

from darkroom import UserError, backends
from darkroom.params import TrainParams

_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
"""What a CPU computes bfloat16 with."""


def start(train: TrainParams) -> None:
    """Start the backend that ``train`` names.

    Raises
    ------
    UserError
        The backend is not installed, or ``train.device`` is ``gpu`` and it sees none.
    """
    backends.start(
        train.backend,
        train.device,
        train.threads,
        train.deterministic,
        train.instruction_set,
        "params.yaml: train.backend",
    )
    if train.device == "gpu" and not backends.sees_gpu(train.backend):
        raise UserError(
            f"params.yaml: train.device: got gpu, but {train.backend} sees none; expected auto or cpu"
        )


def precision(train: TrainParams) -> str:
    """Return ``float32`` or ``bfloat16``: ``auto`` resolved by what the hardware computes in.

    On a CPU only TensorFlow gains from bfloat16, whose instructions are newer than AVX2: PyTorch is no faster with
    it, and JAX emulates it.
    """
    if train.precision != "auto":
        return train.precision
    native = train.backend == "tensorflow" and train.instruction_set == "native"
    fast = backends.sees_gpu(train.backend) or (native and not _BFLOAT16.isdisjoint(backends.cpu_flags()))
    return "bfloat16" if fast else "float32"


def jit_compile(train: TrainParams) -> bool | str:
    """Return what ``compile`` is given: XLA pays on a GPU, but costs TensorFlow on a CPU both start-up and speed."""
    if train.backend == "tensorflow" and (train.deterministic or not backends.sees_gpu("tensorflow")):
        return False
    return "auto"
