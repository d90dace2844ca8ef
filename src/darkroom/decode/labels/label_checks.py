"""Checks for suspicious labels: merged, spelled in two ways, joined, numeric; and for masks among the images."""

import glob
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from darkroom import UserError
from darkroom.decode.archives import Member
from darkroom.decode.labels.predefined_splits import Folders, Layout
from darkroom.params import LabelsParams

_SHOWN = 3  # classes or files in a message
_SEPARATORS = ";|,/+&"
_FEWEST_TWINS = 3
_MOST_NUMBERS = 20  # whole numbers that pass for classes without a word


def check(members: Sequence[Member], labels: LabelsParams) -> list[str]:
    """Return a warning for each doubt about the labels of ``members``.

    Raises
    ------
    UserError
        The labels are numbers, most images having one of their own.
    """
    counts = Counter(member.label for member in members if member.label is not None)
    warnings = [*_variants(counts), *_twins(members)]
    if labels.kind != "folder":
        warnings += [*_numbers(counts), *_several(counts)]
    return warnings


def merged(said: Mapping[Folders, str | None], depths: Sequence[int], layout: Layout) -> list[str]:
    """Return a warning where folders of one name under different parents became one class.

    Parameters
    ----------
    said
        The label of the files in each folder.
    depths
        `labels.depth`.
    layout
        Folders that are splits are no parents: `train/cats` and `test/cats` are meant to be one class.
    """
    parents: dict[str, dict[Folders, Folders]] = defaultdict(dict)
    for path in sorted(said):
        label = said[path]
        if label is not None:
            no_parents = {*layout.splits.get(path, {}), *(len(path) - depth for depth in depths)}
            inner = range(len(path) - min(depths))
            above = tuple(path[place] for place in inner if place not in no_parents)
            parents[label].setdefault(above, path)
    found = {label: list(paths.values()) for label, paths in parents.items() if len(paths) > 1}
    if not found:
        return []
    told = "; ".join(
        f"{label} of {_first(['/'.join(path) for path in paths])}"
        for label, paths in list(found.items())[:_SHOWN]
    )
    more = f"; and {len(found) - _SHOWN} other classes" if len(found) > _SHOWN else ""
    return [f"folders of one name became one class: {told}{more}{_apart(next(iter(found.values())), depths)}"]


def _apart(paths: Sequence[Folders], depths: Sequence[int]) -> str:
    """Return how to keep the classes of ``paths`` apart: by the innermost other folder in which they differ."""
    for depth in range(1, min(map(len, paths)) + 1):
        if depth not in depths and len({path[-depth] for path in paths}) == len(paths):
            wanted = sorted({*depths, depth}, reverse=True)
            classes = ["/".join(path[-one] for one in wanted) for path in paths]
            return f"; if they are different things, labels.depth: {wanted} makes them {_first(classes)}"
    return "; if they are different things, rename the folders"


def _variants(counts: Mapping[str, int]) -> list[str]:
    """Return a warning where classes differ only in upper and lower case, or in spaces, hyphens and underscores."""
    by_key = defaultdict(list)
    for label in sorted(counts):
        by_key[re.sub(r"[\s_-]+", " ", label.casefold())].append(label)
    found = [
        " and ".join(f"{label} ({counts[label]})" for label in alike)
        for alike in by_key.values()
        if len(alike) > 1
    ]
    if not found:
        return []
    return [
        f"classes that are written almost alike are different classes: {_first(found)}; to merge them, use labels.map"
    ]


def _twins(members: Sequence[Member]) -> list[str]:
    """Return a warning where nearly every picture of a folder has a twin whose name only says more, as with _mask."""
    groups: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for member in members:
        if member.label is not None:
            folder, _, name = member.id.rpartition("/")
            groups[folder, member.label].setdefault(name.rpartition(".")[0] or name, member.id)
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    ends: dict[str, set[str]] = defaultdict(set)
    for stems in groups.values():
        twins = defaultdict(list)
        tails = {stem: tail for stem in stems if (tail := _tail(stem, stems))}
        for stem, tail in tails.items():
            twins[re.sub(r"[\W_]*\d+$", "", tail)].append((stem, tail))
        for family, pairs in twins.items():
            bases = {stem.removesuffix(tail) for stem, tail in pairs}
            if len(pairs) >= _FEWEST_TWINS and len(bases) >= 0.8 * (len(stems) - len(tails)):
                found[family] += [(stems[stem], stems[stem.removesuffix(tail)]) for stem, tail in pairs]
                ends[family] |= {tail for _, tail in pairs}
    warnings = []
    for family, files in found.items():
        pattern = f"*{glob.escape(family)}" + (".*" if ends[family] == {family} else "*")
        twin, base = min(files)
        warnings.append(
            f"{len(files)} files are called like another and {family} ({twin}, beside {base}), and count as pictures "
            f"of the same class; if they are masks or the like, leave them out: labels.exclude: ['{pattern}']"
        )
    return warnings


def _tail(stem: str, stems: Collection[str]) -> str:
    """Return what ``stem`` has more than the longest other name that it begins with: a sign, then a word; or ""."""
    for place in range(len(stem) - 1, 0, -1):
        if not stem[place].isalnum() and stem[:place] in stems and re.search(r"[^\W\d_]", stem[place:]):
            return stem[place:]
    return ""


def _numbers(counts: Counter[str]) -> list[str]:
    """Return a warning, or end the stage, where labels look like numbers to predict."""
    try:
        values = [float(label.replace(",", ".")) for label in counts]
    except ValueError:
        return []
    images = counts.total()
    whole = all(value.is_integer() for value in values)
    own = len(counts) > images / 2
    if len(counts) < 3 or (whole and not (own and len(counts) > _MOST_NUMBERS)):
        return []
    told = (
        f"the labels are numbers, {len(counts)} different ones for {images} images: {_first(sorted(counts))}"
    )
    remedy = (
        "to predict a number (regression) is not what this does: make classes of it, as a column that says 20-29, "
        "30-39, and read that by labels.label_column"
    )
    if own and not whole:
        raise UserError(f"{told}. Each would be a class of its own; {remedy}")
    return [f"{told}; each is a class of its own. If they are amounts: {remedy}"]


def _several(counts: Mapping[str, int]) -> list[str]:
    """Return a warning where labels look like several, joined: where their parts are labels, or parts of others."""
    for sign in _SEPARATORS:
        parts = {
            label: [part.strip() for part in label.split(sign)] for label in sorted(counts) if sign in label
        }
        uses = Counter(part for found in parts.values() for part in set(found) if part)
        uses.update(label for label in counts if sign not in label)
        found = [label for label, words in parts.items() if all(uses[word] > 1 for word in words)]
        if found:
            images = sum(counts[label] for label in found)
            return [
                f"{len(found)} classes look like several labels of one image, joined by {sign!r} ({images} images): "
                f"{_first(found)}. Every image has one class here, and each of these is one: several labels an image "
                "(multi-label) is not what this does; leave them out by labels.skip, or give each the one that counts "
                "by labels.map"
            ]
    return []


def _first(texts: Sequence[str]) -> str:
    return ", ".join(texts[:_SHOWN]) + (", …" if len(texts) > _SHOWN else "")
