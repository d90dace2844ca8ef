"""Balance of the split: how close the subset sizes and the class proportions are to those requested."""

from collections.abc import Sequence

import numpy as np

from darkroom.array_types import Rows
from darkroom.split.predefined import leaked, straddling
from darkroom.split_files import PARTS


def measure(
    parts: Rows, classes: Rows, groups: Rows, alike: Rows, fractions: Sequence[float]
) -> dict[str, int | float]:
    """Return the metrics of the split stage, flat.

    `train`, `validation`, `test`: images. `groups`, `grouped_images`, `largest_group`: of groups of two images
    or more. `leaked_images`: in validation or test while another of their group is in another part.
    `near_duplicates_across_labels`: images in groups of look-alikes that bear more than one label.
    `balance_error`: see :func:`balance_error`. `fraction_error`: the largest absolute difference between what
    was asked for (``fractions`` of the images that were drawn) and what came, in parts of these images.

    Parameters
    ----------
    parts, classes : int64, (images,)
        The part and the class of each image.
    groups, alike : int64, (images,)
        The row of the first member of each image's group; of all that stay together, and by looks alone.
    fractions : three floats
        The parts asked for.
    """
    sizes = np.bincount(groups, minlength=len(groups))
    counts = np.bincount(parts, minlength=len(PARTS))
    return {
        **{part: int(count) for part, count in zip(PARTS, counts, strict=True)},
        "groups": int((sizes > 1).sum()),
        "grouped_images": int(sizes[sizes > 1].sum()),
        "largest_group": int(sizes.max()),
        "leaked_images": leaked(parts, groups),
        "near_duplicates_across_labels": int(straddling(classes, alike).sum()),
        "balance_error": round(balance_error(parts, classes), 6),
        "fraction_error": round(fraction_error(counts, fractions), 6),
    }


def balance_error(parts: Rows, classes: Rows) -> float:
    """Return the largest absolute difference between a class's share in a part and its share overall."""
    table = np.zeros((len(PARTS), int(classes.max()) + 1))
    np.add.at(table, (parts, classes), 1)
    table = table[table.sum(axis=1) > 0]
    overall = table.sum(axis=0) / table.sum()
    return float(np.abs(table / table.sum(axis=1, keepdims=True) - overall).max())


def fraction_error(counts: Rows, fractions: Sequence[float]) -> float:
    """Return the largest absolute difference between the fractions asked for and the parts' shares.

    Parts whose fraction is 0 came with the source and are left out, as nothing was asked of them.
    """
    asked = np.asarray(fractions, np.float64)
    drawn = np.where(asked > 0, counts, 0)
    return float(np.abs(drawn / drawn.sum() - asked).max())
