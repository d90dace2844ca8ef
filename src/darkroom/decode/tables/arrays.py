"""Arrays of images and of their labels, matched by name: of NPY files (an NPZ is an archive of them), HDF5 and IDX."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from darkroom import table_files
from darkroom.decode.rejections import Reason, Rejected
from darkroom.decode.tables import rows
from darkroom.decode.tables.rows import Row

_IMAGES = {"x", "image", "images", "img", "imgs", "data", "pixels", "features", "inputs"}
_LABELS = {"y", "label", "labels", "target", "targets"}
_NAMES = {"classes", "class", "names"}
_BETWEEN = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")

Array = Any
"""What has a shape, a dtype and slices: a NumPy array, in memory or mapped, or an HDF5 dataset."""


class _Pair(NamedTuple):
    """Names of an array of images and of that of their labels, None where there is none; the folder of their rows."""

    images: str
    labels: str | None
    folder: str


def _pairs(names: Sequence[str]) -> list[_Pair]:
    """Match arrays by their names: ``x_train`` with ``y_train``, ``train-images`` with ``train-labels``.

    Names are words; one says what the array holds, and the others are what both have in common.
    """
    images, labels = _by_rest(names, _IMAGES), _by_rest(names, _LABELS)
    splits = Counter(_split(rest) for rest in images)
    return [
        _Pair(name, labels.get(rest), _split(rest) if splits[_split(rest)] == 1 else "-".join(rest))
        for rest, name in images.items()
    ]


def _split(words: Iterable[str]) -> str:
    return next(filter(None, map(rows.split_of, words)), "")


def _class_names(arrays: Mapping[str, Array]) -> list[str]:
    """Return what labels 0, 1 … are called, where an array of text says so, else []."""
    for name, array in arrays.items():
        if _NAMES & set(_words(name)) and array.ndim == 1 and array.dtype.kind in "SUO":
            return [rows.label_of(value) for value in array[:]]
    return []


def _words(name: str) -> list[str]:
    return [word.casefold() for word in _BETWEEN.split(table_files.stem(name)) if word]


def _by_rest(names: Sequence[str], role: set[str]) -> dict[tuple[str, ...], str]:
    found = {}
    for name in names:
        words = _words(name)
        if len(role & set(words)) == 1 and not _NAMES & set(words):
            found[tuple(word for word in words if word not in role)] = name
    return found


def read(arrays: Mapping[str, Array]) -> Iterator[Row]:
    """Yield a row for each image of ``arrays``, by name: of a file with several, or of the files of a folder.

    Images are (count, height, width), with a last or second axis of 1 or 3 channels where in colour, or flat: (count,
    values) of a square. Labels are (count,) or (count, 1), numbers or text, or one-hot: (count, classes).

    Raises
    ------
    Rejected
        No name says images; the shapes are none of these, labels and images differ in number, or values are not those
        of pixels.
    """
    called = _class_names(arrays)
    pairs = _pairs(list(arrays))
    if not pairs:
        raise Rejected(
            Reason.NOT_AN_IMAGE,
            f"no array of images: {', '.join(arrays) or 'nothing'}; expected names as x_train and y_train, or images "
            "and labels",
        )
    for pair in pairs:
        yield from _rows(pair, arrays, called)


def _rows(pair: _Pair, arrays: Mapping[str, Array], called: Sequence[str]) -> Iterator[Row]:
    images = arrays[pair.images]
    turn = _turn(images.shape, pair.images)
    labels = None if pair.labels is None else arrays[pair.labels]
    if labels is not None and labels.shape[:1] != images.shape[:1]:
        raise Rejected(
            Reason.CORRUPT,
            f"{pair.images} has the shape {images.shape}, {pair.labels} {labels.shape}; expected a label an image",
        )
    texts = (
        [""] * images.shape[0] if labels is None else _texts(_part(labels, slice(None)), called, pair.labels)
    )
    for number, text in enumerate(texts):
        picture = _part(images, number)
        wide = picture.dtype == np.uint16
        yield Row(
            rows.named(number, pair.folder),
            rows.png(turn(picture if wide else rows.grey_levels(picture))),
            text,
        )


def _part(array: Array, key: int | slice) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(array[key])
    except (OSError, RuntimeError) as error:  # a chunk of HDF5 that is damaged
        raise Rejected(Reason.CORRUPT, f"cannot be read: {error}") from None


def _turn(shape: tuple[int, ...], name: str) -> Any:
    """Return what makes (height, width) or (height, width, channels) of one image."""
    one = shape[1:]
    if (len(one) == 2 and min(one) > 1) or (len(one) == 3 and one[2] in (1, 3, 4)):
        return lambda picture: picture
    if len(one) == 3 and one[0] in (1, 3):
        return lambda picture: np.moveaxis(picture, 0, 2)
    if len(one) == 1 and (square := rows.shape_of(one[0])):
        return lambda picture: picture.reshape(square)
    raise Rejected(
        Reason.UNSUPPORTED,
        f"{name} has the shape {shape}; expected (count, height, width), with 1 or 3 channels where in colour, or "
        "(count, values) of square images",
    )


def _texts(labels: np.ndarray[Any, Any], called: Sequence[str], name: str | None) -> list[str]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and (np.count_nonzero(labels, axis=1) == 1).all() and (labels.max(axis=1) == 1).all():
        labels = labels.argmax(axis=1)
    if labels.ndim != 1:
        raise Rejected(
            Reason.UNSUPPORTED,
            f"{name} has the shape {labels.shape}; expected one label an image, as a number, text or one-hot row",
        )
    if (
        called
        and labels.dtype.kind in "iu"
        and labels.size
        and labels.min() >= 0
        and labels.max() < len(called)
    ):
        return [called[number] for number in labels]
    return [rows.label_of(value) for value in labels]
