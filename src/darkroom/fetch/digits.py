"""The bundled digits: scikit-learn's 1,797 scanned handwritten digits, as PNGs."""

from collections.abc import Iterator

import cv2
import numpy as np


def digits() -> Iterator[tuple[str, bytes]]:
    """Yield (name, PNG) of each digit: ``digits/<class>/digit-<number>.png``, 8x8 grayscale.

    The scans hold 17 grey levels, 0 to 16 (Alpaydin and Kaynak, 1998, UCI Machine Learning Repository); they are spread
    over 0 to 255.
    """
    from sklearn.datasets import load_digits  # half a second, which other sources need not wait for

    scans = load_digits()
    pixels = np.rint(scans.images * (255 / 16)).astype(np.uint8)
    for number, (image, label) in enumerate(zip(pixels, scans.target, strict=True)):
        yield f"digits/{label}/digit-{number:04d}.png", cv2.imencode(".png", image)[1].tobytes()
