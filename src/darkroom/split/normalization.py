"""Normalization: the statistics that the model's first layer needs, fitted on the training images alone."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from darkroom import UserError
from darkroom.images import Images
from darkroom.split_files import Statistics

ZCA_LARGEST = 4096
"""Most values an image may have for ZCA: its matrix has the square of that, here 64 MiB."""

ZCA_EPSILON = 0.1
"""Added to the eigenvalues, in parts of their mean; see :func:`zca`."""


def fit(method: str, images: Images, rows: npt.NDArray[np.int64]) -> Statistics:
    """Return the arrays that ``method`` needs, float32, in units of uint8 pixels, from the images at ``rows``.

    rescale: none; minmax: `minimum`, `maximum` (height, width, channels); standard: `mean`, `std`
    (channels,); zca: `mean` (values,), `matrix` (values, values).
    """
    return METHODS[method](images, rows)


def _chunk(images: Images) -> int:
    """Return how many images to hold at a time: 4 MiB of pixels, which a pass turns into 32 MiB of float64."""
    return max(1, 2**22 // int(np.prod(images.shape)))


def rescale(images: Images, rows: npt.NDArray[np.int64]) -> Statistics:
    """Return nothing: 0 to 255 becomes 0 to 1 whatever the images are."""
    return {}


def minmax(images: Images, rows: npt.NDArray[np.int64]) -> Statistics:
    """Return the least and the greatest value of each pixel."""
    minimum = np.full(images.shape, 255, np.uint8)
    maximum = np.zeros(images.shape, np.uint8)
    for chunk in images.chunks(rows, _chunk(images)):
        np.minimum(minimum, chunk.min(axis=0), out=minimum)
        np.maximum(maximum, chunk.max(axis=0), out=maximum)
    return {"minimum": minimum.astype(np.float32), "maximum": maximum.astype(np.float32)}


def standard(images: Images, rows: npt.NDArray[np.int64]) -> Statistics:
    """Return mean and standard deviation (of the population) of each channel.

    Counts of whole numbers are exact, so that neither the chunks nor their order show in the result. A
    channel that never changes has the standard deviation 1: it becomes 0 and not a division by 0, as in
    scikit-learn's StandardScaler.
    """
    levels = np.zeros((images.shape[2], 256), np.int64)
    for chunk in images.chunks(rows, _chunk(images)):
        for channel, counts in enumerate(levels):
            counts += np.bincount(chunk[..., channel].ravel(), minlength=256)
    count = levels.sum(axis=1)
    values = np.arange(256)
    mean = (levels @ values) / count
    variance = (levels @ values**2) / count - mean**2
    varied = (levels > 0).sum(axis=1) > 1
    std = np.sqrt(np.where(varied, variance, 1))
    return {"mean": mean.astype(np.float32), "std": std.astype(np.float32)}


def zca(images: Images, rows: npt.NDArray[np.int64]) -> Statistics:
    """Return mean and whitening matrix of zero-phase component analysis.

    With the covariance C = V diag(d) V' of the pixel values, the matrix is V diag(d + e)^(-1/2) V' (Bell and
    Sejnowski, "The 'independent components' of natural scenes are edge filters", Vision Research 37, 1997).
    The epsilon e keeps directions with hardly any variance, which hold only noise, from being blown up;
    Coates and Ng, "Learning feature representations with k-means" (2012), take 0.1 for contrast-normalized
    images, whose pixels have variance 1, so e is 0.1 times the mean of d here, whatever the contrast.

    Raises
    ------
    UserError
        An image has more than :data:`ZCA_LARGEST` values.
    """
    size = int(np.prod(images.shape))
    if size > ZCA_LARGEST:
        height, width, channels = images.shape
        raise UserError(
            f"params.yaml: normalize.method: got 'zca' with images of {height} x {width} x {channels} = {size}"
            f" values; allowed are at most {ZCA_LARGEST}, as the matrix has the square of that; make image.resolution"
            f" smaller or use 'standard'"
        )
    total = np.zeros(size)
    products = np.zeros((size, size))
    # Whole numbers below 2**53 add up exactly in float64 in any order, so threads do not show here; in the
    # eigenvectors they would.
    for chunk in images.chunks(rows, _chunk(images)):
        flat = chunk.reshape(len(chunk), size).astype(np.float64)
        total += flat.sum(axis=0)
        products += flat.T @ flat
    mean = total / len(rows)
    with threadpool_limits(1):
        covariance = products / len(rows) - np.outer(mean, mean)
        eigenvalues, vectors = np.linalg.eigh(covariance)
        eigenvalues = np.maximum(eigenvalues, 0)
        # Images all alike: nothing to whiten, nothing to divide by.
        epsilon = ZCA_EPSILON * eigenvalues.mean() or 1.0
        matrix = (vectors / np.sqrt(eigenvalues + epsilon)) @ vectors.T
    return {"mean": mean.astype(np.float32), "matrix": matrix.astype(np.float32)}


METHODS: dict[str, Callable[[Images, npt.NDArray[np.int64]], Statistics]] = {
    "rescale": rescale,
    "minmax": minmax,
    "standard": standard,
    "zca": zca,
}
