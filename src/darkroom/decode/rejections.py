"""Rejected files: the documented reasons, a row of ``rejected.csv``, and the exception that is turned into one."""

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """One reason a row of ``rejected.csv``; the decoder's own words stand beside it in the column ``detail``."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not an image"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too large"
    TOO_SMALL = "too small"
    UNSUPPORTED = "unsupported format"
    ENCRYPTED = "encrypted"
    UNSAFE_NAME = "unsafe name"
    NOT_A_FILE = "not a regular file"
    UNREADABLE = "cannot be read"
    DUPLICATE_NAME = "duplicate name"
    SYSTEM_FILE = "system file"
    SKIPPED_LABEL = "label skipped"
    EXCLUDED = "excluded"
    DROPPED = "dropped"
    FEW_IMAGES = "class with few images"
    LABEL_CONFLICT = "duplicate with another label"
    BOX = "unusable box"
    NO_PICTURE = "box without a picture"
    NO_BOX = "no box"
    ANNOTATIONS = "file of boxes"


LEFT_OUT = frozenset(
    [
        *(Reason.SKIPPED_LABEL, Reason.EXCLUDED, Reason.FEW_IMAGES, Reason.SYSTEM_FILE),
        *(Reason.DROPPED, Reason.NO_BOX, Reason.ANNOTATIONS),
    ]
)
"""Reasons that were asked for, and what systems leave behind: such files are not unusable, and do not count against
`decode.max_rejected`."""


class Rejection(NamedTuple):
    """A file of the source that cannot be used: a row of ``rejected.csv``.

    ``id`` is "" where an archive is damaged in a way that hides the names of what it hit.
    """

    id: str
    reason: Reason
    detail: str

    @property
    def why(self) -> str:
        """The reason and, behind a colon, the detail if there is one."""
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


class Rejected(Exception):
    """A file cannot be used, whichever it is; never ends a run.

    Parameters
    ----------
    reason : Reason
    detail : str
        The decoder's own words, or what was found against what is allowed.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(Rejection("", reason, detail).why)
        self.reason = reason
        self.detail = detail

    def of(self, id: str) -> Rejection:
        """Return this as the rejection of the file ``id``."""
        return Rejection(id, self.reason, self.detail)
