"""Features of each image from a frozen network: computed once, kept beside the checkpoints for later runs."""

import contextlib
import functools
import hashlib
import importlib.metadata
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from darkroom import backends, compiled_network, files, npz
from darkroom.array_types import Floats, Pixels

KEPT_BYTES = 4 << 30
"""The most that the features of all networks take on disk; the ones not used for longest go first.

Where those of one run take more, half as much again as they: they must outlive it.
"""

BACKBONE_END = "average"
"""The layer of a network behind which what is ours begins."""

_BATCH = 32  # pictures in a step, always: the last bits must not depend on how many were missing


def backbone_end(network: Any) -> int:
    """Return how many layers of ``network``, a Keras model, come before what is ours; 0 where it has no backbone."""
    names = [layer.name for layer in network.layers]
    return names.index(BACKBONE_END) if BACKBONE_END in names else 0


def parted(network: Any) -> tuple[Any, Any]:
    """Return ``network`` in two that share its layers: raw pixels to features, and features to outputs.

    Features come out as (n, d) and go in as maps of one pixel, (n, 1, 1, d).
    """
    import keras

    at = backbone_end(network)
    trunk = keras.Model(network.inputs, network.layers[at].output, name="trunk")
    inputs = keras.layers.Input((1, 1, trunk.output_shape[-1]), name="features", dtype="float32")
    x = keras.layers.Flatten(name="features_flat", dtype="float32")(inputs)
    for layer in network.layers[at + 1 :]:
        x = layer(x)
    return trunk, keras.Model(inputs, x, name="top")


class Extractor:
    """A frozen network that says what it sees in pictures, unless that is kept from earlier.

    Features are known by the pixels and by what computes them: the trunk's layers and weights, the backend with its
    settings, and the processor.

    Parameters
    ----------
    trunk : keras.Model
        Raw pixels in, features out, nothing random in it.
    train : dict
        The section of params.yaml, or as ``models/model.json`` has it: some of it says how features are computed.
    stage : str
        What messages begin with.

    Attributes
    ----------
    size : int
        Features of a picture.
    root : Path or None
        The folder of all that is kept; outside of a DVC repository nothing is.
    kept, computed : int
        Of how many pictures the features were at hand, and of how many they were not.
    """

    def __init__(self, trunk: Any, train: Mapping[str, Any], stage: str) -> None:
        self.kept = self.computed = 0
        self.size: int = trunk.output_shape[-1]
        self._trunk = trunk
        self._stage = stage
        self.root = files.scratch("features")
        self._folder = None if self.root is None else self.root / _key(trunk, train)
        self._read = functools.lru_cache(8)(self._content)

    @functools.cached_property
    def _run(self) -> Callable[[Pixels], Floats]:
        # Seconds, which are not needed where everything is kept.
        return compiled_network.compiled(self._trunk)

    @functools.cached_property
    def _places(self) -> dict[bytes, tuple[Path, int]]:
        """Where the features of each picture lie: the file, and the row in it."""
        paths = sorted(self._folder.glob("[!.]*.features")) if self._folder is not None else []
        return {key: (path, row) for path in paths for row, key in enumerate(self._content(path)[0])}

    def __call__(self, pixels: Pixels) -> Floats:
        """Return the features of ``pixels``, uint8 (n, height, width, channels): float32, (n, d)."""
        pixels = np.ascontiguousarray(pixels)
        keys = [hashlib.blake2b(picture.data, digest_size=16).digest() for picture in pixels]
        values = np.empty((len(pixels), self.size), np.float32)
        missing = [row for row, key in enumerate(keys) if not self._fill(values[row], key)]
        if missing:
            values[missing] = _in_steps(self._run, pixels[missing])
            self._keep([keys[row] for row in missing], values[missing])
        self.kept += len(pixels) - len(missing)
        self.computed += len(missing)
        return values

    def _fill(self, value: Floats, key: bytes) -> bool:
        """Put what is kept for ``key`` into ``value``; return whether there is such."""
        if key not in self._places:
            return False
        path, row = self._places[key]
        keys, values = self._read(path)
        if keys[row : row + 1] != [key]:  # damaged since it was found, or another run has made room
            return False
        value[:] = values[row]
        return True

    def _content(self, path: Path) -> tuple[list[bytes], Floats]:
        """Return what a file holds, the keys and the values; a damaged one goes, and is computed again."""
        nothing: tuple[list[bytes], Floats] = ([], np.empty((0, 0), np.float32))
        try:
            payload = files.read_with_digest(path)
            if payload is None:
                print(f"{self._stage}: {path}: damaged; these features are computed again")
                path.unlink(missing_ok=True)
                return nothing
            os.utime(path)
        except FileNotFoundError:  # another run has made room
            return nothing
        with np.load(io.BytesIO(payload)) as content:
            return [key.tobytes() for key in content["keys"]], content["values"]

    def _keep(self, keys: list[bytes], values: Floats) -> None:
        if self._folder is None or self.root is None:
            return
        buffer = io.BytesIO()
        npz.write(buffer, keys=np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16), values=values)
        path = self._folder / f"{hashlib.blake2b(b''.join(keys), digest_size=8).hexdigest()}.features"
        files.write_with_digest(path, buffer.getvalue())
        self._places.update({key: (path, row) for row, key in enumerate(keys)})
        used = (self.kept + self.computed + len(keys)) * values[:1].nbytes
        _forget_oldest(self.root, max(KEPT_BYTES, used * 3 // 2))


def _in_steps(run: Callable[[Pixels], Floats], pixels: Pixels) -> Floats:
    found = []
    for start in range(0, len(pixels), _BATCH):
        step = pixels[start : start + _BATCH]
        filled = np.concatenate([step, np.zeros((_BATCH - len(step), *step.shape[1:]), np.uint8)])
        found.append(run(filled)[: len(step)])
    return np.concatenate(found)


def _key(trunk: Any, train: Mapping[str, Any]) -> str:
    import keras

    backend = keras.backend.backend()
    versions = [importlib.metadata.version(name) for name in ("keras", backend)]
    machine = [_processor(), backends.sees_gpu(backend)]
    settings = [train.get(name) for name in ("threads", "deterministic", "instruction_set")]
    what = [_without_trainable(trunk.get_config()), settings, backend, versions, machine]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode())
    for weight in trunk.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()[:32]


def _without_trainable(config: Any) -> Any:
    """Return ``config`` less what says which layers are trained, which changes no feature."""
    if isinstance(config, dict):
        return {name: _without_trainable(value) for name, value in config.items() if name != "trainable"}
    return [_without_trainable(value) for value in config] if isinstance(config, list | tuple) else config


def _processor() -> list[str]:
    """Return what tells processors apart, which round differently: the folder may be shared by several machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux: there is no telling
        return []
    # Of two kinds the name may be the same: what they compute with stands among the flags.
    return sorted(
        {line for line in lines if line.startswith(("model name", "flags", "CPU part", "Features"))}
    )


def _forget_oldest(root: Path, most: int) -> None:
    entries = []
    for path in root.glob("*/*"):  # what a kill left half-written, too
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            entries.append((status.st_mtime_ns, status.st_size, path))
    excess = sum(size for _, size, _ in entries) - most
    for _, size, path in sorted(entries):
        if excess <= 0:
            break
        path.unlink(missing_ok=True)
        excess -= size
