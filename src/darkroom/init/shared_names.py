"""Pictures that may show one patient, plant or scene: their file names begin alike."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

PATTERN = r"([^/_-]+)[_-][^/]*$"
"""What `split.group_by` would be: a file's name up to its first _ or -."""

_SMALLEST = 2  # pictures of a beginning, in the mean
_BEGINNINGS = 5  # how many there must be: fewer are classes, cameras or parts


def warning(ids: Sequence[str], labels: Sequence[str | None]) -> list[str]:
    """Return a warning where many file names begin alike, in groups that are neither classes nor single pictures.

    Parameters
    ----------
    ids, labels : sequences of str
        Of each picture.
    """
    found = [re.fullmatch(PATTERN, PurePosixPath(id).name) for id in ids]
    beginnings = Counter(match[1] for match in found if match)
    for label in set(labels):
        beginnings.pop(str(label), None)
    several = Counter({name: count for name, count in beginnings.items() if count > 1})
    # A digit tells `C12` from a word of a class; mere numbers of six digits or more are those of a web site's photos.
    named = [name for name in several if re.search(r"\d", name) and not re.fullmatch(r"\d{6,}", name)]
    covered = sum(several[name] for name in named)
    if len(named) < _BEGINNINGS or covered < len(ids) / 2 or covered < _SMALLEST * len(named):
        return []
    most, count = max(((name, several[name]) for name in named), key=lambda one: (one[1], one[0]))
    return [
        f"the names of {covered} pictures begin alike in {len(named)} ways, {count} of them with {most}: where these "
        f"show one patient, plant or scene, set split.group_by: '{PATTERN}', or they fall on both sides of the split"
    ]
