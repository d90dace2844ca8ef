"""Thumbnails of rejected files, so that the report shows what was left out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from darkroom import files, npz
from darkroom.array_types import Pixels
from darkroom.decode.pictures import decoder_stderr, decoding, formats, resizing
from darkroom.decode.rejections import Reason, Rejected, Rejection

SIDE = 96
"""The longest side of a thumbnail, pixels."""

MOST = 8
"""Thumbnails of one reason, at most: examples, not an archive."""

SHOWN = frozenset([Reason.TOO_SMALL, Reason.TRUNCATED, Reason.CORRUPT])
"""Reasons that leave something to decode; those of too large a file must not be decoded at all."""

Thumbnails = dict[str, Pixels]
"""By the file's id: uint8, (height, width, 3), RGB."""

_START_OF_JPEG, _END_OF_JPEG = b"\xff\xd8", b"\xff\xd9"


def of_file(data: bytes, reason: Reason, max_pixels: int) -> Pixels | None:
    """Return what can be made out of a file that was rejected for one of :data:`SHOWN`; None where that is nothing.

    Of damaged files, JPEGs alone: what other decoders hand out of them is nothing, or a crash. One that ends too early
    is given an end, and its decoder fills what is missing with grey. Call it inside
    :func:`darkroom.decode.pictures.decoder_stderr.listening`.
    """
    if reason is Reason.TOO_SMALL:
        try:
            return of_pixels(decoding.decode(data, "rgb", decoding.Limits(max_pixels, 1)).pixels)
        except Rejected:
            return None
    header = formats.jpeg_header(data) if data.startswith(_START_OF_JPEG) else None
    if header is None or header.components not in (1, 3) or header.width * header.height > max_pixels:
        return None
    encoded = np.frombuffer(formats.without_junk(data, header) + _END_OF_JPEG, np.uint8)

    def attempt() -> Pixels | None:
        try:
            return cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)  # type: ignore[return-value]
        except cv2.error as error:
            if error.code == cv2.Error.StsNoMem:  # no fault of the file, and the bytes must not depend on it
                raise MemoryError(error.err) from None
            return None

    picture, _ = decoder_stderr.decoded(attempt)
    return None if picture is None else of_pixels(picture)


def of_pixels(picture: Pixels) -> Pixels:
    """Return a picture, uint8 (height, width[, 1 or 3]), small enough and in three channels."""
    height, width = picture.shape[:2]
    factor = min(1.0, SIDE / max(height, width))
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    small = resizing.squash(np.squeeze(picture, 2) if picture.shape[2:] == (1,) else picture, size, "auto")
    return np.repeat(small[..., None], 3, axis=2) if small.ndim == 2 else small


def examples(rejected: Iterable[Rejection], known: Thumbnails) -> Thumbnails:
    """Return the thumbnails of the first :data:`MOST` files of each reason, in the order of ``rejected``."""
    chosen: Thumbnails = {}
    count: Counter[Reason] = Counter()
    for name, reason, _ in rejected:
        if name in known and count[reason] < MOST:
            count[reason] += 1
            chosen[name] = known[name]
    return chosen


def write(path: Path, thumbnails: Mapping[str, Pixels]) -> None:
    """Write thumbnails as one NPZ: ``ids`` and, by their places in it, the arrays ``0``, ``1`` and so on."""
    arrays: dict[str, Any] = {str(place): thumbnail for place, thumbnail in enumerate(thumbnails.values())}
    with files.whole(path) as part:
        npz.write(part, ids=np.array(list(thumbnails), np.str_), **arrays)


def read(path: Path) -> Thumbnails:
    """Read what :func:`write` wrote; nothing where there is no such file."""
    if not path.is_file():
        return {}
    with np.load(path) as arrays:
        return {str(name): arrays[str(place)] for place, name in enumerate(arrays["ids"])}
