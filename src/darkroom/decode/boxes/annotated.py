"""What every reader of boxes is given and gives, and the check of a number that all share."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from darkroom import UserError
from darkroom.decode.box import Box


class BoxFile(NamedTuple):
    """One file of boxes: its path in the source or folder, what messages call it, and what reads its content."""

    path: str
    where: str
    read: Callable[[], bytes]


class Annotated(NamedTuple):
    """A box, the file that has it, and paths by which its picture may be meant, the likeliest first.

    A path may lack the picture's suffix.
    """

    where: str
    pictures: tuple[str, ...]
    box: Box


def number(where: str, field: str, value: Any) -> float:
    """Return ``value``, a number or its text.

    Raises
    ------
    UserError
        It is none, or not finite; the message names the file ``where`` and the ``field``.
    """
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise UserError(f"{where}: {field}: got {value!r}, expected a number")
    return found


def sides(where: str, field: str, width: Any, height: Any) -> tuple[int, int] | None:
    """Return the (width, height) of the annotated picture; None where the file leaves them out, or has 0."""
    if width in (None, "") or height in (None, ""):
        return None
    found = int(number(where, f"{field} width", width)), int(number(where, f"{field} height", height))
    return found if min(found) > 0 else None
