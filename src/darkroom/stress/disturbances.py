"""Disturbances as pictures meet them: noise, blur, compression, light, position, and a part that is covered.

Which ones, and that there are five severities of each, follows Hendrycks and Dietterich, "Benchmarking neural network
robustness to common corruptions and perturbations", 2019. Theirs are set for photos of 224 pixels; lengths are relative
to the image here, so that images of any size can be asked. Every draw is a function of seed, kind and image, and the
same for all severities: the noise of a severity is that of the one before, louder.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from darkroom.array_types import ClassNumbers, Doubles, Pixels
from darkroom.plot.thumbnails import encoded
from darkroom.train import geometry, random_numbers


@dataclass(frozen=True)
class Batch:
    """Some test images.

    Attributes
    ----------
    pixels : uint8, (n, height, width, channels)
    labels : int64, (n,)
        True classes.
    keys : uint64, (n,)
        From :func:`darkroom.train.random_numbers.image_keys`.
    seed : int
    """

    pixels: Pixels
    labels: ClassNumbers
    keys: random_numbers.Keys
    seed: int

    def draws(self, purpose: str, count: int) -> Doubles:
        """Return ``count`` draws an image, uniform in [0, 1): float64, (n, count)."""
        return random_numbers.uniform(self.seed, f"stress {purpose}", 0, self.keys, count)


def gaussian_noise(batch: Batch, deviations: Sequence[float]) -> Iterator[Pixels]:
    """Yield the images under noise of these standard deviations, in grey levels, independent in every number."""
    # scipy.special and not scipy.stats: the same function, without half a second of imports.
    from scipy.special import ndtri

    noise = ndtri(batch.draws("noise", batch.pixels[0].size)).reshape(batch.pixels.shape)
    for deviation in deviations:
        yield _levels(batch.pixels + deviation * noise)


def gaussian_blur(batch: Batch, deviations: Sequence[float]) -> Iterator[Pixels]:
    """Yield the images blurred by Gaussians of these standard deviations, in per cent of the shorter side."""
    side = min(batch.pixels.shape[1:3])
    for deviation in deviations:
        sigma = deviation / 100 * side
        blurred = [cv2.GaussianBlur(image, (0, 0), sigma) for image in batch.pixels]
        yield np.array(blurred, np.uint8).reshape(batch.pixels.shape)


def jpeg(batch: Batch, qualities: Sequence[float]) -> Iterator[Pixels]:
    """Yield the images as JPEG files of these qualities, 0 to 100 of libjpeg's scale, give them back."""
    flag = cv2.IMREAD_COLOR_RGB if batch.pixels.shape[3] == 3 else cv2.IMREAD_GRAYSCALE
    for quality in qualities:
        options = [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
        stored = [np.frombuffer(encoded(image, ".jpg", options), np.uint8) for image in batch.pixels]
        yield np.array([cv2.imdecode(data, flag) for data in stored], np.uint8).reshape(batch.pixels.shape)


def brightness(batch: Batch, levels: Sequence[float]) -> Iterator[Pixels]:
    """Yield the images brighter or darker by so many grey levels: one half of them, drawn, either way."""
    for level in levels:
        yield _levels(batch.pixels + level * _sides(batch, "brightness")[:, None, None, None])


def contrast(batch: Batch, losses: Sequence[float]) -> Iterator[Pixels]:
    """Yield the images with so many per cent of their contrast taken away: of the distance from their mean."""
    mean = batch.pixels.mean(axis=(1, 2, 3), keepdims=True)
    for loss in losses:
        yield _levels(mean + (1 - loss / 100) * (batch.pixels - mean))


def rotation(batch: Batch, degrees: Sequence[float]) -> Iterator[Pixels]:
    """Yield the images turned about their centre by so many degrees: one half of them, drawn, either way."""
    for angle in degrees:
        yield _moved(batch, np.radians(angle) * _sides(batch, "rotation"), np.ones(len(batch.keys)))


def scale(batch: Batch, factors: Sequence[float]) -> Iterator[Pixels]:
    """Yield the images enlarged about their centre by these factors, or shrunk by them: one half, drawn, either way."""
    for factor in factors:
        yield _moved(batch, np.zeros(len(batch.keys)), factor ** _sides(batch, "scale"))


def occlusion(batch: Batch, sides: Sequence[float]) -> Iterator[Pixels]:
    """Yield the images with a square covered by their mean colour, of so many per cent of the shorter side.

    The place is drawn, and is always wholly inside the image.
    """
    height, width = batch.pixels.shape[1:3]
    places = batch.draws("occlusion", 2)
    mean = batch.pixels.mean(axis=(1, 2)).round().astype(np.uint8)
    for side in sides:
        length = max(1, round(side / 100 * min(height, width)))
        covered = batch.pixels.copy()
        corners = (places * [height - length + 1, width - length + 1]).astype(np.int64)
        for image, (top, left), color in zip(covered, corners, mean, strict=True):
            image[top : top + length, left : left + length] = color
        yield covered


def _levels(values: Doubles) -> Pixels:
    """Return ``values`` as pixels: rounded, and cut off at black and white."""
    return values.clip(0, 255).round().astype(np.uint8)


def _sides(batch: Batch, purpose: str) -> Doubles:
    """Return -1 or 1 an image."""
    return np.where(batch.draws(purpose, 1)[:, 0] < 0.5, -1.0, 1.0)


def _moved(batch: Batch, rotation: Doubles, zoom: Doubles) -> Pixels:
    """Return the images turned and enlarged; beyond an edge it goes on, as `augment.fill: nearest` has it."""
    count, height, width, _ = batch.pixels.shape
    none = np.zeros((count, 2))
    placement = geometry.Placement(none + 1, rotation, none[:, 0], zoom, none, none, crop=1.0)
    return geometry.warp(batch.pixels, placement.maps(height, width), "nearest")
