"""Stateless random numbers: a pure function of seed, purpose, pass over the data, and image."""

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from darkroom.array_types import Doubles

Keys = npt.NDArray[np.uint64]

_MASK = 0xFFFFFFFFFFFFFFFF
_GAMMA = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio, made odd


def image_keys(ids: Iterable[str]) -> Keys:
    """Return a 64-bit key for each id, the start of its BLAKE2b hash, whatever other images there are."""
    digests = b"".join(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest() for text in ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def uniform(seed: int, purpose: str, turn: int, keys: Keys, count: int) -> Doubles:
    """Return ``count`` draws an image, uniform in [0, 1).

    Row ``i`` is the start of the SplitMix64 sequence (Steele, Lea and Flood, "Fast splittable pseudorandom
    number generators", 2014) whose state is a hash of ``seed``, ``purpose``, ``turn`` and ``keys[i]``. A draw
    therefore does not depend on which other images there are, on what was drawn before, or on which thread
    asks.

    Parameters
    ----------
    seed : int
        Of the run, >= 0.
    purpose : str
        Who draws, as ``"geometry"``, so that two uses never see the same numbers.
    turn : int
        The pass over the images.
    keys : uint64, (n,)
        From :func:`image_keys`.
    count : int
        Doubles an image.

    Returns
    -------
    float64, (n, count)
        Multiples of 2**-53.
    """
    state = _mix(image_keys([f"{purpose} {seed} {turn}"]) ^ keys)
    steps = np.array([(number + 1) * _GAMMA & _MASK for number in range(count)], np.uint64)
    bits = _mix(state[:, None] + steps)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def within(draws: Doubles, limit: float) -> Doubles:
    """Return draws from [0, 1) spread over [-limit, limit)."""
    return (2 * draws - 1) * limit


def _mix(bits: Keys) -> Keys:
    """Return the finalizer of SplitMix64: any input bit flips each output bit half of the time."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
