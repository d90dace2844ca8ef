"""The images of the parity check: test images of the pipeline, or images that the user names."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from darkroom import UserError, pipeline_images
from darkroom.array_types import Pixels
from darkroom.decode.archives import names
from darkroom.decode.rejections import Rejection
from darkroom.predict import inputs
from darkroom.predict.batches import batches
from darkroom.predict.inputs import Picture, Sources

Prepare = Callable[[bytes], Pixels]
Shape = tuple[int, int, int]

BATCH = 32
MOST = 256
"""Test images that are looked at: all, or so many at equal distances, which takes seconds for any network."""

_MAX_BYTES = 20_000_000_000  # of the pictures of an archive, as for decode


class Pictures(Protocol):
    """Images to check on.

    Attributes
    ----------
    kind : str
        What they are, to stand after their number.
    bad : list of Rejection
        Files met so far that could not be used.
    """

    kind: str
    bad: list[Rejection]

    def batches(self, prepare: Prepare) -> Iterator[Pixels]:
        """Yield them, uint8 (n, height, width, channels); ``prepare`` turns the bytes of a file into such pixels."""


@contextlib.contextmanager
def opened(paths: Sequence[Path], project: Path, shape: Shape) -> Iterator[Pictures]:
    """Give the pictures at ``paths``, or where there are none test images of the pipeline in ``project``.

    Raises
    ------
    UserError
        There are none, or those of the pipeline have another shape than the model takes.
    """
    if not paths:
        yield _OfPipeline(project, shape)
        return
    with tempfile.TemporaryDirectory(prefix="darkroom-export-") as scratch:
        yield _OfFiles(paths, Path(scratch), shape)


class _OfPipeline:
    def __init__(self, project: Path, shape: Shape) -> None:
        self._source, rows = pipeline_images.of_part(
            project, "test", "to check on", "name pictures with --images"
        )
        if self._source.shape != shape:
            given, wanted = ("x".join(map(str, sizes)) for sizes in (self._source.shape, shape))
            raise UserError(
                f"{self._source.folder / 'images.json'}: images of {given}, and the model takes {wanted}; `dvc repro` "
                "makes both again, or name pictures with --images"
            )
        self._rows = rows[np.linspace(0, len(rows) - 1, min(MOST, len(rows))).round().astype(int)]
        self.kind = f"of {len(rows)} test images" if len(rows) > MOST else "test images"
        self.bad: list[Rejection] = []

    def batches(self, prepare: Prepare) -> Iterator[Pixels]:
        return self._source.chunks(self._rows, BATCH)


class _OfFiles:
    kind = "pictures"

    def __init__(self, paths: Sequence[Path], scratch: Path, shape: Shape) -> None:
        self._shape = shape
        self._pictures: list[Picture]
        self._pictures, self.bad = inputs.find(
            [str(path) for path in paths], b"", Sources(scratch, _MAX_BYTES)
        )

    def batches(self, prepare: Prepare) -> Iterator[Pixels]:
        good = 0
        for batch in batches(self._pictures, prepare, self._shape, BATCH, os.cpu_count() or 1):
            self.bad += batch.bad
            good += len(batch.ids)
            yield batch.pixels
        if not good:
            first = self.bad[0]
            raise UserError(
                f"--images: none of {len(self.bad)} files is a picture to check on; the first, "
                f"{names.shown(first.id)}: {names.shown(first.why)}"
            )
