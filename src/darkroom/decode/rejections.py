"""Why a file could not be used: the documented reasons of ``rejected.csv``, and the exception that carries one."""

from enum import StrEnum


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
    DUPLICATE_NAME = "duplicate name"
    SYSTEM_FILE = "system file"
    SKIPPED_LABEL = "unlabelled class skipped"
    EXCLUDED = "excluded"
    FEW_IMAGES = "class with few images"
    LABEL_CONFLICT = "duplicate with another label"


LEFT_OUT = frozenset([Reason.SKIPPED_LABEL, Reason.EXCLUDED, Reason.FEW_IMAGES, Reason.SYSTEM_FILE])
"""Reasons that were asked for, and what systems leave behind: such files are not unusable, and do not count against
`decode.max_rejected`."""


class Rejected(Exception):
    """A file that cannot be used; never ends a run.

    Parameters
    ----------
    reason : Reason
    detail : str
        The decoder's own words, or what was found against what is allowed.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
