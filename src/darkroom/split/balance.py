"""Balance: how close the parts came to the request, in images and in the shares of the classes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from darkroom.split.assignment import PARTS
from darkroom.split.ready_made import leaked

Rows = npt.NDArray[np.int64]


def measure(parts: Rows, classes: Rows, groups: Rows, fractions: Sequence[float]) -> dict[str, int | float]:
    """Return the metrics of the split stage; groups count from two images on."""
    sizes = np.bincount(groups, minlength=len(groups))
    counts = np.bincount(parts, minlength=len(PARTS))
    return {
        **{part: int(count) for part, count in zip(PARTS, counts, strict=True)},
        "groups": int((sizes > 1).sum()),
        "grouped_images": int(sizes[sizes > 1].sum()),
        "largest_group": int(sizes.max()),
        "leaked_images": leaked(parts, groups),
        "balance_error": round(balance_error(parts, classes), 6),
    }


def balance_error(parts: Rows, classes: Rows) -> float:
    """Return the largest absolute difference between a class's share in a part and its share overall."""
    table = np.zeros((len(PARTS), int(classes.max()) + 1))
    np.add.at(table, (parts, classes), 1)
    table = table[table.sum(axis=1) > 0]
    overall = table.sum(axis=0) / table.sum()
    return float(np.abs(table / table.sum(axis=1, keepdims=True) - overall).max())
