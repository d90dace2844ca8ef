"""Perceptual hashes agree on one picture in many guises and differ between pictures."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from darkroom import phash as hashes
from darkroom.decode.pictures.preparation import Preparation

PREPARATION = Preparation((80, 80), "grayscale", "squash", "auto", (), False, 10**8, 1)


def of_file(data: bytes, preparation: Preparation = PREPARATION) -> int:
    return int(hashes.perceptual_hashes(preparation.prepare(data).thumbnail[np.newaxis])[0])


def distance(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def scene(seed: int) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def jpeg(picture: npt.NDArray[np.uint8], quality: int = 95) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def test_a_batch_hashes_as_its_parts_do() -> None:
    thumbnails = np.random.default_rng(0).integers(0, 256, (5, 32, 32), np.uint8)
    together = hashes.perceptual_hashes(thumbnails)
    assert together.dtype == np.uint64
    assert [int(h) for h in together] == [int(hashes.perceptual_hashes(t[np.newaxis])[0]) for t in thumbnails]


def test_no_images_have_no_hashes() -> None:
    assert hashes.perceptual_hashes(np.empty((0, 32, 32), np.uint8)).shape == (0,)


def test_pictures_of_one_colour_hash_alike() -> None:
    flat = np.stack([np.full((32, 32), level, np.uint8) for level in (1, 77, 255)])
    assert len(set(hashes.perceptual_hashes(flat).tolist())) == 1


def test_saving_again_or_smaller_changes_at_most_two_bits() -> None:
    for seed in range(10):
        picture = scene(seed)
        original = of_file(jpeg(picture))
        assert distance(original, of_file(jpeg(picture, 50))) <= 2
        half = cv2.resize(picture, (160, 120), interpolation=cv2.INTER_AREA)
        assert distance(original, of_file(jpeg(half))) <= 2


def test_steps_and_resizing_of_the_image_do_not_change_what_is_hashed() -> None:
    data = jpeg(scene(1))
    for other in (
        Preparation((80, 80), "grayscale", "crop", "auto", (), False, 10**8, 1),
        Preparation((80, 80), "rgb", "squash", "auto", ("canny",), False, 10**8, 1),
        Preparation((8, 8), "grayscale", "fit", "auto", (), False, 10**8, 1),
    ):
        assert distance(of_file(data), of_file(data, other)) <= 2


def test_distinct_photos_are_told_apart(real_images: Path) -> None:
    photos = sorted((real_images / "dogs-vs-cats" / "train").iterdir())[::5]
    found = [of_file(path.read_bytes()) for path in photos]
    pairs = [(i, j) for i in range(len(found)) for j in range(i) if distance(found[i], found[j]) <= 2]
    assert pairs == []


def test_photos_saved_again_are_recognised(real_images: Path) -> None:
    photos = sorted((real_images / "dogs-vs-cats" / "train").iterdir())[::30]
    near = 0
    for path in photos:
        picture = cv2.imread(str(path))
        assert picture is not None
        near += distance(of_file(path.read_bytes()), of_file(jpeg(picture, 60))) <= 2  # type: ignore[arg-type]
    assert near >= 0.95 * len(photos)
