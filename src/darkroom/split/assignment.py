"""Assignment: which group goes to train, validation or test, or to which fold, drawn from the seed and its own name."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from darkroom import UserError
from darkroom.array_types import Doubles, Rows

TRAIN, VALIDATION, TEST = range(3)


def draws(seed: int, names: Iterable[str]) -> Doubles:
    """Return a number in [0, 1) for each name, a pure function of ``seed`` and the name: float64, (names,).

    No draw depends on another, so an image that is added or taken away leaves all others their place in line.
    """
    digests = (hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in names)
    return np.array([int.from_bytes(digest, "big") >> 11 for digest in digests], np.float64) / 2**53


def quotas(count: int, fractions: Sequence[float] | Doubles) -> Rows:
    """Share ``count`` out by ``fractions`` with the largest-remainder method: int64, (parts,).

    A part whose fraction is above 0 gets at least one as long as there are enough for all such parts.
    """
    shares = np.asarray(fractions, np.float64)
    exact = np.round(count * shares / shares.sum(), 9)
    whole = np.floor(exact).astype(np.int64)
    missing = count - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    asked = shares > 0
    if count >= asked.sum():
        for part in np.flatnonzero(asked & (whole == 0)):
            whole[np.argmax(whole)] -= 1
            whole[part] = 1
    return whole


def fold_quotas(totals: Rows, folds: int) -> Rows:
    """Share each of ``totals`` out in ``folds`` equal parts, as whole numbers: int64, (totals, folds).

    What is left over of one goes to the folds after those that got what was left of the one before, so that the folds
    together differ by one image at most, as of scikit-learn's ``StratifiedKFold``.
    """
    together = np.array([quotas(total, [1] * folds) for total in np.cumsum(totals)])
    return np.diff(together, axis=0, prepend=np.zeros((1, folds), np.int64))


def assign(
    strata: Rows, groups: Rows, drawn: Doubles, fractions: Sequence[float], wanted: Rows | None = None
) -> Rows:
    """Assign each image to a part: int64, (images,), positions in ``fractions``.

    Each stratum is shared out by :func:`quotas`. Groups of several images come first, the larger ones before
    the smaller: each goes where its draw falls if it fits there, else where what is missing of its strata is
    greatest. Images that stand alone then fill up each part in the order of their draws, to the image. Where
    too few stand alone for that, groups move as long as it brings the quotas closer.

    Parameters
    ----------
    strata : int64, (images,)
        The stratum of each image, from 0: its class, or 0 for all.
    groups : int64, (images,)
        The row of the first member of each image's group.
    drawn : float64, (images,)
        The draw of each image's group, in [0, 1).
    fractions : floats, (parts,)
        The parts asked for, together 1; those of :data:`PARTS`, or of each fold.
    wanted : int64, (strata, parts), optional
        The images of each stratum in each part; by default as :func:`quotas` has them.
    """
    totals = np.bincount(strata)
    missing = np.array([quotas(total, fractions) for total in totals]) if wanted is None else wanted.copy()
    parts = np.full(len(strata), -1, np.int64)
    large = [(members, *np.unique(strata[members], return_counts=True)) for members in _large(groups, drawn)]
    for members, here, counts in large:
        part = _by_draw(drawn[members[0]], fractions)
        if (missing[here, part] < counts).any():
            part = int(np.argmax((counts[:, None] / totals[here, None] * missing[here]).sum(axis=0)))
        parts[members] = part
        missing[here, part] -= counts
    free = np.flatnonzero(parts < 0)
    free = free[np.lexsort((drawn[free], strata[free]))]
    for rows in np.split(free, np.flatnonzero(np.diff(strata[free])) + 1) if len(free) else ():
        stratum = strata[rows[0]]
        filled = _fill(len(rows), missing[stratum])
        # Low draws are test, the last part.
        parts[rows] = np.repeat(np.arange(len(filled))[::-1], filled[::-1])
        missing[stratum] -= filled
    _refine(parts, large, totals, missing, np.flatnonzero(np.asarray(fractions) > 0))
    return parts


def _refine(
    parts: Rows, large: list[tuple[Rows, Rows, Rows]], totals: Rows, missing: Rows, asked: Rows
) -> None:
    """Move single groups while that brings the strata closer to their quotas, by squared shares; in place.

    It ends when a pass over all groups gains less than a tenth; where images that stand alone have filled every
    part, nothing is missing and there is none.
    """
    before = np.inf
    while 0 < abs(missing).sum() < 0.9 * before:
        before = abs(missing).sum()
        for members, here, counts in large:
            share, left = counts[:, None] / totals[here, None], missing[here] / totals[here, None]
            old = parts[members[0]]
            # Taking a share x from what is missing of a part changes its square by x (x - 2 missing).
            leaving = (share[:, 0] * (share[:, 0] + 2 * left[:, old])).sum()
            change = leaving + (share * (share - 2 * left)).sum(axis=0)
            new = asked[np.argmin(change[asked])]
            if new != old and change[new] < -1e-12:
                missing[here, old] += counts
                missing[here, new] -= counts
                parts[members] = new


def _large(groups: Rows, drawn: Doubles) -> list[Rows]:
    """Return the members of each group of several images, in the order in which they are placed.

    Sizes count by powers of two, and within one by the draw: by exact size the seed would hardly matter.
    """
    order = np.argsort(groups, kind="stable")
    bounds = np.flatnonzero(np.diff(groups[order])) + 1
    several = [members for members in np.split(order, bounds) if len(members) > 1]
    return sorted(several, key=lambda members: (-len(members).bit_length(), drawn[members[0]], members[0]))


def _by_draw(draw: float, fractions: Sequence[float]) -> int:
    # Low draws are the last part, as among single images: a group that falls apart tends to stay where it was.
    before = int(np.searchsorted(np.cumsum(fractions[::-1]), draw, side="right"))
    return max(0, len(fractions) - 1 - before)


def _fill(count: int, missing: Rows) -> Rows:
    """Return how many of ``count`` single images go to each part, given what each still misses."""
    room = np.maximum(missing, 0)
    if room.sum() == count:
        return room
    # A group overshot one part's quota: the other parts bear it by their size.
    return quotas(count, room)


def cover(
    parts: Rows, strata: Rows, groups: Rows, drawn: Doubles, asked: Sequence[int]
) -> tuple[int, int] | None:
    """Move the smallest groups that help until each stratum has an image in each of ``asked``; in place.

    Returns
    -------
    None, or the stratum and the part for which no group could be moved without leaving one absent elsewhere.
    """
    table = np.zeros((int(strata.max()) + 1, max(*asked, int(parts.max())) + 1), np.int64)
    np.add.at(table, (strata, parts), 1)
    for stratum, part in np.argwhere(table == 0):
        if part not in asked or table[stratum, part]:
            continue
        for first in _smallest(np.unique(groups[strata == stratum]), groups, drawn):
            members = np.flatnonzero(groups == first)
            here, counts = np.unique(strata[members], return_counts=True)
            if (table[here, parts[first]] > counts).all():
                table[here, parts[first]] -= counts
                table[here, part] += counts
                parts[members] = part
                break
        else:
            return int(stratum), int(part)
    return None


def _smallest(firsts: Rows, groups: Rows, drawn: Doubles) -> Rows:
    sizes = np.bincount(groups)[firsts]
    return firsts[np.lexsort((firsts, drawn[firsts], sizes))]


def check_enough(
    strata: Rows, groups: Rows, names: Sequence[str], least: int, keys: str, remedy: str
) -> None:
    """Raise a UserError if a stratum, called as in ``names``, has fewer than ``least`` groups, as ``keys`` ask for."""
    pairs = np.unique(np.stack([strata, groups]), axis=1)
    counts = np.bincount(pairs[0], minlength=len(names))
    images = np.bincount(strata, minlength=len(names))
    for name, count, total in zip(names, counts, images, strict=True):
        if count < least:
            inseparable = f" in {count} groups that stay together" if count < total else ""
            raise UserError(
                f"params.yaml: {keys}: {name} has {total} images{inseparable} to share out; expected at least"
                f" {least}, one for each of them; bring more images, leave out all classes this small"
                f" (labels.min_images: {least}) or this one (labels.skip), merge it (labels.map), or {remedy}"
            )
