"""What a folder or an archive holds: its files, as fetch would bring and decode would list them, and its pictures."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np

from darkroom import UserError
from darkroom.decode import archives, preparation_warnings, tables
from darkroom.decode.archives import Member, extents
from darkroom.decode.pictures import decoding, formats
from darkroom.decode.rejections import Rejected, Rejection
from darkroom.fetch import local
from darkroom.params import Params

MOST_LOOKED_AT = 1000
"""Pictures that are decoded, at most: a second's work, and enough to tell what the others are."""


class Pictures(NamedTuple):
    """The pictures that were decoded, evenly spaced among all.

    Attributes
    ----------
    widths, heights : list of int
        Pixels, upright.
    coloured : int
        How many have colour.
    unreadable : list of Rejection
        Files among them that cannot be used.
    """

    widths: list[int]
    heights: list[int]
    coloured: int
    unreadable: list[Rejection]

    @property
    def looked_at(self) -> int:
        """How many files were read, the unreadable ones among them."""
        return len(self.widths) + len(self.unreadable)

    @property
    def width_and_height(self) -> tuple[int, int]:
        """The medians, pixels."""
        return int(np.median(self.widths)), int(np.median(self.heights))

    @property
    def in_colour(self) -> bool:
        """Whether most are coloured."""
        return self.coloured > len(self.widths) / 2


def members(path: Path, inbox: Path, scratch: Path, params: Params) -> tuple[list[Member], list[Rejection]]:
    """List the files at ``path``, a folder, an archive or a table of pixels, as decode will once fetch has brought it.

    Parameters
    ----------
    path, inbox : Path
    scratch : Path
        A folder of the caller's for what cannot be read in place; needed as long as the members are read.
    params : Params
        Whose limits hold.

    Raises
    ------
    UserError
        The archive cannot be read, or holds too much.
    """
    most = params.decode.max_bytes
    try:
        if path.is_dir():
            found = archives.members_of_folder(local.named_files(path, inbox, []), scratch / "nested", most)
        else:
            itself = [Member(path.name, extents.whole_file(path))]
            found = archives.members_of(path, scratch / "nested", most, archives.MAX_BYTES) or (itself, [])
    except Rejected as error:
        raise UserError(f"{path}: {error.detail}") from None
    listed, rejected = found
    column = params.labels.label_column
    listed, bad = tables.expanded(listed, scratch / "tables", most, archives.MAX_BYTES, column)
    return listed, [*rejected, *bad]


def parted(some: Sequence[Member]) -> tuple[list[Member], list[Rejection]]:
    """Part files into pictures, by name or else by their first bytes, and others."""
    pictures, others = [], []
    for member in some:
        try:
            # A table's row was written as a picture; of others the head is read only where the name does not say.
            if not member.label and not member.id.lower().endswith(archives.PICTURES):
                formats.sniff(extents.head(member.place, 512))
            pictures.append(member)
        except Rejected as error:
            others.append(error.of(member.id))
    return pictures, others


def look_at(some: Sequence[Member], params: Params) -> Pictures:
    """Decode up to :data:`MOST_LOOKED_AT` of the files, evenly spaced, in threads."""
    count = min(len(some), MOST_LOOKED_AT)
    chosen = [some[len(some) * place // count] for place in range(count)]
    limits = decoding.Limits(params.decode.max_pixels, params.decode.min_side)
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        seen = list(pool.map(lambda member: _seen(member, limits), chosen))
    good = [one for one in seen if not isinstance(one, Rejection)]
    return Pictures(
        [width for width, _, _ in good],
        [height for _, height, _ in good],
        sum(coloured for _, _, coloured in good),
        [one for one in seen if isinstance(one, Rejection)],
    )


def _seen(member: Member, limits: decoding.Limits) -> tuple[int, int, bool] | Rejection:
    try:
        # Colour and size are told from few pixels, which the decoder of JPEG makes sooner.
        picture = decoding.decode(archives.read(member), "rgb", limits, shrink_to=(32, 32))
    except Rejected as error:
        return error.of(member.id)
    return picture.width, picture.height, preparation_warnings.is_coloured(picture.pixels)
