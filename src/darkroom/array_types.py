"""Type aliases for the arrays passed between modules."""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
"""Positions of images: in the index of :class:`darkroom.images.Images`, or numbers of groups and parts by image."""
ClassNumbers = npt.NDArray[np.int64]
"""The class of each image as its position in the list of classes."""
