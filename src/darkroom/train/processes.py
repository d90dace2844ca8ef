"""Processes that train one network together, on one host or several: what starts them, and what passes between them.

All run the same steps on slices of the same batches (JAX calls this SPMD); the first alone writes.
"""

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from darkroom import UserError
from darkroom.array_types import Floats, Rows
from darkroom.params import TrainParams

COORDINATOR = "DARKROOM_COORDINATOR"
"""Environment variable of every process: ``host:port``, at which the first one is to be found."""

PROCESS = "DARKROOM_PROCESS"
"""Environment variable of every process but the first: its number, 1 to ``train.processes`` - 1."""

_GPU = "JAX_LOCAL_DEVICE_IDS"
"""JAX's own variable: which of the host's GPUs this process has; where it is not set, all."""

_MEETING = 300
"""Seconds in which all processes have to come."""

_SILENCE = 20
"""Seconds without a sign of life after which a process counts as lost."""

LOST = (
    "another process of this training is gone, or cannot be reached; start all of them again: training goes on from "
    "the last finished epoch"
)
"""What a process says where it misses another; where JAX notices first, it aborts the process."""

_SAID_LOST = ("Gloo", "NCCL", "coordination service")  # in the errors of collective operations


@dataclass(frozen=True)
class Group:
    """The processes of one training; each has one of these.

    Attributes
    ----------
    number, count : int
        Of this process, from 0, and of all.
    devices : int
        Of all processes together: what a batch is divided among.
    """

    number: int = 0
    count: int = 1
    devices: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.number == 0

    def share(self, size: int) -> tuple[Rows, Floats]:
        """Return the part of a batch of ``size`` images that this process takes.

        Each takes equally many: where that does not come out even, images from the beginning of the batch come again
        at its end and count nothing, and all others so much more that the mean over the batch is that of its images.

        Returns
        -------
        int64, (n,) and float32, (n,)
            Positions in the batch, and how much each counts.
        """
        whole = -(-size // self.devices) * self.devices
        each = whole // self.count
        numbers = np.arange(self.number * each, (self.number + 1) * each)
        return numbers % size, np.where(numbers < size, np.float32(whole / size), np.float32(0))

    def distribute(self) -> None:
        """Have Keras divide batches among all devices and keep the variables the same on each."""
        if self.count > 1:
            import keras

            keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))

    def check_equal(self, facts: Mapping[str, str]) -> None:
        """Raise a UserError, in all of several processes, where one has another value of ``facts``."""
        from jax.experimental import multihost_utils

        digests = np.array(
            [list(hashlib.sha256(fact.encode()).digest()) for fact in facts.values()], np.uint8
        )
        for number, theirs in enumerate(np.asarray(multihost_utils.process_allgather(digests))):
            others = [
                name for name, same in zip(facts, (theirs == digests).all(axis=1), strict=True) if not same
            ]
            if others:
                raise UserError(
                    f"process {number} has other {', '.join(others)} than process {self.number}; all processes of a "
                    "training need the same checkout, data/images, data/split and data/weights: `git pull` and `dvc "
                    "pull` there, or share the folder"
                )

    def from_first(self, content: bytes) -> bytes:
        """Return the ``content`` that the first of several passes; that of the others is not looked at."""
        from jax.experimental import multihost_utils

        size = int(multihost_utils.broadcast_one_to_all(np.int32(len(content))))
        padded = np.zeros(size, np.uint8)
        if self.first:
            padded[:] = np.frombuffer(content, np.uint8)
        return np.asarray(multihost_utils.broadcast_one_to_all(padded)).astype(np.uint8).tobytes()


ALONE = Group()


def is_first() -> bool:
    """Return whether the environment makes this the first process of its training, or the only one."""
    return os.environ.get(PROCESS, "0") == "0"


def wait_for_first() -> None:
    """Return once the first process listens: its host may still decode and split what this one is going to read.

    Raises
    ------
    UserError
        The environment does not say where it listens, or dvc runs this process, which writes nothing.
    """
    if "DVC_STAGE" in os.environ:
        raise UserError(
            f"{PROCESS} is set, and dvc is for the first process alone; start the others by `python -m stages.train`"
        )
    address = os.environ.get(COORDINATOR)
    if address is None:
        raise UserError(
            f"{PROCESS} is set without {COORDINATOR}; expected the first process's host:port in it"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"{COORDINATOR}: got {address!r}; expected host:port")
    said = False
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except socket.gaierror as error:
            raise UserError(f"{COORDINATOR}: {address}: {error.strerror}") from None
        except OSError:
            if not said:
                print(f"train: waits for the first process at {address}", flush=True)
            said = True
            time.sleep(0.5)
        else:
            return


@contextlib.contextmanager
def together(train: TrainParams) -> Iterator[Group]:
    """Join the processes of a training, and start those of this host where the environment names no others.

    Raises
    ------
    UserError
        Not all came, or one was lost.
    """
    if train.processes == 1:
        yield ALONE
        return
    text, address = os.environ.get(PROCESS, "0"), os.environ.get(COORDINATOR)
    if not text.isdigit() or int(text) >= train.processes:
        raise UserError(
            f"{PROCESS}: got {text!r}; expected a whole number below train.processes, which is {train.processes}"
        )
    own = int(text)
    with contextlib.ExitStack() as stack:
        if address is None:
            address = f"127.0.0.1:{_free_port()}"
            os.environ[_GPU] = "0"
            for other in range(1, train.processes):
                stack.enter_context(_started(other, address))
        elif not own:
            print(f"train: waits for {train.processes - 1} more at {address}", flush=True)
        group = _joined(own, train.processes, address)
        try:
            yield group
        except Exception as error:
            if not any(words in str(error) for words in _SAID_LOST):
                raise
            # At once: on the way out JAX would wait for the others, and then abort with a trace of its own.
            print(f"train: {LOST}", file=sys.stderr, flush=True)
            os._exit(1)
        _leave()


def _joined(own: int, count: int, address: str) -> Group:
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(
        address,
        count,
        own,
        cluster_detection_method="deactivate",  # Slurm's, say, which would guess what is said here
        initialization_timeout=_MEETING,
        heartbeat_timeout_seconds=_SILENCE,
    )
    return Group(own, count, jax.device_count())


def _leave() -> None:
    """Wait until all are done, so that none takes another for lost."""
    import jax

    jax.distributed.shutdown()


@contextlib.contextmanager
def _started(other: int, address: str) -> Iterator[None]:
    """Run process number ``other`` on this host; end it with this one."""
    environment = {name: value for name, value in os.environ.items() if name != "DVC_STAGE"}
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.train"],
        env=environment | {COORDINATOR: address, PROCESS: str(other), _GPU: str(other)},
    )
    try:
        yield
        process.wait()
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
