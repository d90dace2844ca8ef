"""The checkpoint: the full training state after an epoch, so that a resumed run is bit-identical."""

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from darkroom import files, npz

Arrays = list[npt.NDArray[Any]]

_SUFFIX = ".checkpoint"


@dataclass
class State:
    """What a training knows between two epochs.

    Attributes
    ----------
    epoch, phase, phase_epoch : int
        Epochs done, the phase in which training stands, and how many epochs of it are done.
    history : list of dict
        One row an epoch, as in ``plots/history.csv``.
    best_loss, best_epoch : float or None, int
        The least loss watched, and after how many epochs it came.
    kept_epoch : int
        After how many epochs the weights to end with came, where fine-tuning has decided it; else 0.
    waited, plateau_waited : int
        Epochs since the last better loss: for early stopping, and for the next cut of the learning rate.
    weights, optimizer, best, before : list of array
        Of the model; of its optimizer; the weights to end with, those of the best epoch or the last; and these as they
        were before fine-tuning.
    """

    epoch: int = 0
    phase: int = 0
    phase_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_loss: float | None = None
    best_epoch: int = 0
    kept_epoch: int = 0
    waited: int = 0
    plateau_waited: int = 0
    weights: Arrays = field(default_factory=list)
    optimizer: Arrays = field(default_factory=list)
    best: Arrays = field(default_factory=list)
    before: Arrays = field(default_factory=list)


_ARRAYS = ("weights", "optimizer", "best", "before")


class Checkpoint:
    """The checkpoint of one training, among those of others in the same folder.

    Parameters
    ----------
    folder : Path
        Where checkpoints lie.
    key : str
        Names the training: equal keys mean equal results. See :func:`key_of`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.path = folder / f"{key}{_SUFFIX}"
        self._found = _stamps(folder)

    def save(self, state: State) -> None:
        """Write ``state``, whole or not at all."""
        files.write_with_digest(self.path, pack(state))

    def load(self) -> State | None:
        """Return the state saved last; None where there is none.

        A damaged file is set aside as ``….damaged``, and the user told: training then starts afresh.
        """
        try:
            payload = files.read_with_digest(self.path)
        except FileNotFoundError:
            return None
        if payload is None:
            aside = self.path.with_suffix(".damaged")
            self.path.replace(aside)
            print(
                f"train: the checkpoint of a killed run is damaged; set aside as {aside.name}, training starts afresh"
            )
            return None
        return unpack(payload)

    def finish(self) -> None:
        """Remove this checkpoint, and what has lain here untouched since before this training began, unless in use.

        What was saved since belongs to a training that was killed while this one ran, and may be gone on with.
        """
        self.path.unlink(missing_ok=True)
        for other, stamp in _stamps(self.path.parent).items():
            if self._found.get(other) == stamp:
                lock = other.with_suffix(".lock")
                with contextlib.suppress(TimeoutError), files.locked(lock):
                    other.unlink(missing_ok=True)
                    files.unname(lock)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of this training; wait, and say so, while another process holds it.

        Killing `dvc` alone leaves the stage's process at work, and a second `dvc repro` would start it again.
        """
        lock = self.path.with_suffix(".lock")
        with files.locked(lock, "train: the same training runs in another process; waiting for it to end"):
            try:
                yield
            finally:
                files.unname(lock)


def key_of(settings: Mapping[str, Any], contents: Sequence[Path]) -> str:
    """Return a name for the training that ``settings`` and the content of the files in ``contents`` determine."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in contents:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]


class Orphan:
    """Tells whether the process that started this one has died."""

    def __init__(self) -> None:
        self._parent = os.getppid()

    def __bool__(self) -> bool:
        return os.getppid() != self._parent


def _stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return what tells one state of each file in ``folder`` from another: equal or not, never earlier or later.

    A clock that was set back in between makes old files look new.
    """
    stamps = {}
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        with contextlib.suppress(FileNotFoundError):  # another training, of other params, has just finished
            status = path.stat()
            stamps[path] = (status.st_ino, status.st_mtime_ns)
    return stamps


def pack(state: State) -> bytes:
    """Return the content of ``state``."""
    scalars = {name: value for name, value in vars(state).items() if name not in _ARRAYS}
    arrays = {f"{name}/{n}": array for name in _ARRAYS for n, array in enumerate(getattr(state, name))}
    buffer = io.BytesIO()
    npz.write(buffer, state=np.array(json.dumps(scalars)), **arrays)
    return buffer.getvalue()


def unpack(payload: bytes) -> State:
    """Return the state that :func:`pack` packed."""
    with np.load(io.BytesIO(payload)) as content:
        state = State(**json.loads(str(content["state"])))
        for name in _ARRAYS:
            count = sum(entry.startswith(f"{name}/") for entry in content.files)
            setattr(state, name, [content[f"{name}/{n}"] for n in range(count)])
    return state
