"""The bundled digits."""

import cv2
import numpy as np
from sklearn.datasets import load_digits

from darkroom.fetch.digits import digits


def test_every_digit_comes_once_with_its_class_in_its_name() -> None:
    names = [name for name, _ in digits()]
    assert len(set(names)) == 1797
    labels = [int(name.split("/")[1]) for name in names]
    assert np.array_equal(labels, load_digits().target)
    assert names[0] == "digits/0/digit-0000.png"


def test_grey_levels_are_spread_over_the_whole_range() -> None:
    scans = load_digits().images
    for number, (_, png) in enumerate(digits()):
        pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
        assert pixels.shape == (8, 8)
        assert np.array_equal(pixels, np.rint(scans[number] * 255 / 16))
