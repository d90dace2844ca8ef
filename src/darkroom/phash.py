"""Perceptual hashes: 64 bits that stay nearly the same when a picture is scaled, brightened or compressed again."""

import numpy as np
import numpy.typing as npt

SIDE = 32
"""Height and width, in pixels, of the grayscale thumbnail that is hashed."""

_LOW = 8


def _cosines() -> npt.NDArray[np.float64]:
    """Return the first 8 rows of the DCT-II of 32 samples, times 4096 and rounded: (8, 32) whole numbers."""
    frequency, sample = np.mgrid[:_LOW, :SIDE]
    return np.round(4096 * np.cos(np.pi * frequency * (2 * sample + 1) / (2 * SIDE)))


_COSINES = _cosines()


def perceptual_hashes(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Hash grayscale thumbnails, uint8 (n, 32, 32), to uint64 (n,).

    The pHash of Zauner (2010), "Implementation and Benchmarking of Perceptual Image Hash Functions": one bit for each
    of the 8x8 lowest frequencies of the cosine transform, set where it exceeds their median. All sums here are of
    whole numbers below 2**53, hence exact, so that the bits do not depend on the processor.
    """
    low = (_COSINES @ thumbnails.astype(np.float64) @ _COSINES.T).reshape(-1, _LOW * _LOW)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64).ravel()
