"""PyTorch's older files are read without PyTorch; a file that would do anything but hold tensors is refused."""

import collections
import io
import pickle
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from darkroom.train import torch_files

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


class Storage:
    """Pickles as the persistent id that PyTorch gives a storage."""

    def __init__(self, kind: str, key: str, count: int) -> None:
        self.id = ("storage", Named("torch", kind), key, "cpu", count, None)


class Named:
    """Pickles as the global ``module.name``."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Call:
    """Pickles as a call of a global."""

    def __init__(self, module: str, name: str, *arguments: Any) -> None:
        self.function, self.arguments = Named(module, name), arguments


class Pickler(pickle._Pickler):
    """Writes what PyTorch writes, though it is not there to be imported."""

    def persistent_id(self, thing: Any) -> Any:
        return thing.id if isinstance(thing, Storage) else None

    def save(self, thing: Any, save_persistent_id: bool = True) -> None:
        if isinstance(thing, Named):
            self.write(f"c{thing.module}\n{thing.name}\n".encode())
        elif isinstance(thing, Call):
            self.save(thing.function)
            self.save(thing.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(thing, save_persistent_id)


def pickled(*things: Any) -> bytes:
    file = io.BytesIO()
    for thing in things:
        Pickler(file, 2).dump(thing)
    return file.getvalue()


def tensor(storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Call:
    return Call(
        "torch._utils",
        "_rebuild_tensor_v2",
        storage,
        offset,
        shape,
        strides,
        False,
        collections.OrderedDict(),
    )


def file_of(tensors: Any, numbers: dict[str, Any]) -> bytes:
    content = pickled(MAGIC, VERSION, {"little_endian": True}, tensors, sorted(numbers))
    for key in sorted(numbers):
        content += struct.pack("<q", len(numbers[key])) + numbers[key].tobytes()
    return content


NUMBERS = np.arange(24, dtype=np.float32)


def good() -> bytes:
    one, two = Storage("FloatStorage", "1", 24), Storage("LongStorage", "2", 1)
    tensors = collections.OrderedDict(
        plain=tensor(one, 0, (2, 3), (3, 1)),
        turned=tensor(one, 6, (3, 4), (1, 3)),
        count=tensor(two, 0, (), ()),
    )
    return file_of(tensors, {"1": NUMBERS, "2": np.array([7], np.int64)})


def test_tensors_come_out_with_their_names_shapes_and_order():
    found = torch_files.read(good())
    assert list(found) == ["plain", "turned", "count"]
    np.testing.assert_array_equal(found["plain"], NUMBERS[:6].reshape(2, 3))
    np.testing.assert_array_equal(found["turned"], NUMBERS[6:18].reshape(4, 3).T)
    assert found["count"] == 7
    assert found["count"].dtype == np.int64


def with_object(thing: Any) -> bytes:
    return pickled(MAGIC, VERSION, {}, thing, [])


def storage() -> Storage:
    return Storage("FloatStorage", "1", 24)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a command of the shell": lambda: with_object(Call("os", "system", "touch harm")),
    "the same, by its other name": lambda: with_object(Call("posix", "system", "touch harm")),
    "code": lambda: with_object(Call("builtins", "eval", "open('harm', 'w')")),
    "an import": lambda: with_object(Call("importlib", "import_module", "antigravity")),
    "a name with dots": lambda: with_object(Named("torch._utils", "_rebuild_tensor_v2.__globals__")),
    "a function of torch that runs others": lambda: with_object(
        Call("torch.hub", "load", "someone/something")
    ),
    "attributes of what is allowed": lambda: (
        pickled(MAGIC, VERSION, {})
        + b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}(X\x08\x00\x00\x00__call__X\x04\x00\x00\x00harmub."
    ),
    "in the facts about the machine": lambda: pickled(MAGIC, VERSION, Call("os", "system", "touch harm")),
    "in place of the magic number": lambda: pickled(Call("os", "system", "touch harm")),
    "a storage of objects": lambda: with_object(tensor(Storage("Object", "1", 1), 0, (1,), (1,))),
    "no mapping": lambda: with_object([tensor(storage(), 0, (1,), (1,))]),
    "something else than tensors": lambda: with_object({"a": 1}),
    "a shape of many": lambda: file_of({"a": tensor(storage(), 0, (1 << 40,), (0,))}, {"1": NUMBERS}),
    "beyond the end": lambda: file_of({"a": tensor(storage(), 20, (5,), (1,))}, {"1": NUMBERS}),
    "before the beginning": lambda: file_of({"a": tensor(storage(), 5, (5,), (-1,))}, {"1": NUMBERS}),
    "a length that lies": lambda: file_of({"a": tensor(storage(), 0, (1,), (1,))}, {"1": NUMBERS[:7]}),
    "endless nesting": lambda: (
        pickled(MAGIC, VERSION, {}) + b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."
    ),
    "another version": lambda: pickled(MAGIC, 1002, {}, {}, []),
    "a zip": lambda: b"PK\x03\x04" + bytes(100),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_more_than_tensors_is_refused(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError):
        torch_files.read(content())
    assert list(tmp_path.iterdir()) == []


def test_a_file_cut_off_anywhere_is_refused():
    content = good()
    for end in range(0, len(content), 3):
        with pytest.raises(ValueError):
            torch_files.read(content[:end])


def test_damage_anywhere_gives_other_numbers_or_an_error_of_ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for _ in range(2_000):
        content = bytearray(good())
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(256)
        try:
            found = torch_files.read(bytes(content))
        except ValueError:
            continue
        assert all(value.size <= 24 for value in found.values())
    assert list(tmp_path.iterdir()) == []
