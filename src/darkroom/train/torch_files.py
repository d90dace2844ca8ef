"""Reads tensors from PyTorch's legacy file format, without PyTorch and without executing pickled code.

Such a file is five pickles (a magic number, a version, facts about the machine, the tensors, the names of their
storages) and then, for each storage, its length as int64 and its numbers. The names that a pickle may call are few and
listed here; anything else is refused, so that a file from a stranger can be wrong but not do harm.
"""

import collections
import io
import math
import pickle
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}


def read(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a file by name, in their order.

    Parameters
    ----------
    content : bytes
        The whole file, as ``torch.save(…, _use_new_zipfile_serialization=False)`` writes a ``state_dict``.

    Raises
    ------
    ValueError
        It is no such file, is cut off or damaged, or asks for more than tensors are made of.
    """
    try:
        return _read(io.BytesIO(content))
    except ValueError:
        raise
    except Exception as error:  # what a damaged pickle raises has no bounds
        raise ValueError(f"not a readable PyTorch file ({type(error).__name__}: {error})") from error


class _Storage(NamedTuple):
    dtype: str
    key: str
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in numbers, not in bytes


class _Rebuild:
    """What stands for ``torch._utils._rebuild_tensor_v2``; it has no attribute that a pickle could set."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
        tensor = _Tensor(storage, offset, tuple(shape), tuple(strides))
        counts = (offset, *tensor.shape, *tensor.strides)
        if not isinstance(storage, _Storage) or any(type(count) is not int or count < 0 for count in counts):
            raise ValueError("a tensor of something else than numbers")
        return tensor


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Rebuild()
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise ValueError(f"asks for {module}.{name}, which no tensor needs; refused")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count, view = pid
        if kind != "storage" or dtype not in _STORAGES.values() or type(count) is not int or view is not None:
            raise ValueError("a storage of an unknown kind")
        return _Storage(dtype, str(key), count)


def _read(file: io.BytesIO) -> dict[str, npt.NDArray[Any]]:
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _VERSION:
        raise ValueError("not a PyTorch file of the older format")
    _Unpickler(file).load()  # facts about the machine
    tensors = _Unpickler(file).load()
    keys = _Unpickler(file).load()
    if not isinstance(tensors, Mapping) or not all(
        isinstance(tensor, _Tensor) for tensor in tensors.values()
    ):
        raise ValueError("not a state_dict: a mapping of names to tensors")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers = {key: _numbers(file, storages[key]) for key in keys}
    return {str(name): _array(tensor, numbers) for name, tensor in tensors.items()}


def _numbers(file: io.BytesIO, storage: _Storage) -> npt.NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    content = file.read(max(0, count) * np.dtype(storage.dtype).itemsize)
    if count != storage.length or len(content) != count * np.dtype(storage.dtype).itemsize:
        raise ValueError(f"storage {storage.key} is cut off")
    return np.frombuffer(content, storage.dtype)


def _array(tensor: _Tensor, numbers: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    flat = numbers[tensor.storage.key]
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
    if math.prod(tensor.shape) > len(flat) or last >= len(flat) or 0 in tensor.shape:
        raise ValueError("a tensor that reaches beyond its storage")
    strides = [stride * flat.itemsize for stride in tensor.strides]
    return as_strided(flat[tensor.offset :], tensor.shape, strides, writeable=False)
