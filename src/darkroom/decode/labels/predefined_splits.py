"""Names of predefined splits, and detection of split folders from the folder layout of the whole source."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

_STEMS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
_SUFFIXES = {"", "set", "data"}

ALLOWED = "train, validation and test, and training, valid, val, testing, each also with _set or _data"

# Between words: signs, a capital after a small letter, a number.
_BETWEEN = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)")

Folders = tuple[str, ...]


def split_named(name: str) -> str:
    """Return train, validation or test where ``name`` is that of one, whatever its case, else "".

    Kaggle's ``test1`` is none: its images have no labels.
    """
    split, rest = _parted(name)
    return split if rest in _SUFFIXES else ""


def _parted(name: str) -> tuple[str, str]:
    """Return the split that a word of ``name`` means, and the other words; "" where none or several do."""
    words = [word.casefold() for word in _BETWEEN.split(name) if word]
    places = [place for place, word in enumerate(words) if word in _STEMS]
    if len({_STEMS[words[place]] for place in places}) != 1:
        return "", name
    first = places[0]
    return _STEMS[words[first]], "_".join(words[:first] + words[first + 1 :])


class Layout(NamedTuple):
    """Which folders are predefined splits.

    Attributes
    ----------
    splits : dict
        For the folders of each file: the split of each of them that is one, by its place among them.
    bare : set
        Folders of files that lie beside splits, and not in class folders as those of the splits do: unlabelled.
    warnings : list of str
        Where the names could have been meant otherwise.
    """

    splits: dict[Folders, dict[int, str]]
    bare: set[Folders]
    warnings: list[str]

    def split(self, folders: Folders) -> str:
        """Return the split of files in ``folders``, the innermost of several, or ""."""
        found = self.splits.get(folders, {})
        return found[max(found)] if found else ""


class _Siblings(NamedTuple):
    """Folders at one level under one parent, or under parents that are splits beside each other.

    ``above`` are the names of folders that hold class folders or no classes at all, ``classes`` those that stand where
    the class does; one name may be both.
    """

    level: int
    paths: list[Folders]
    above: set[str]
    classes: set[str]


def layout(
    paths: Collection[Folders], depths: Collection[int], mode: Literal["auto", "always", "never"]
) -> Layout:
    """Tell which folders are splits.

    A name alone does not say: `train` beside `bus` and `car` is a class. Folders that hold class folders, or stand
    where classes do, are splits where all beside them are called like splits too, or where at least two different
    splits are among them, of the same words otherwise (`seg_train`, `seg_test`, and beside them `seg_pred`). A
    name of more words than the split's own never says it without another such split beside it.

    Parameters
    ----------
    paths
        The folders of each file, outermost first, without the suffixes of archives.
    depths
        `labels.depth`: 1 is the innermost folder. Empty where labels do not come from folders.
    mode
        `labels.split_folders`.
    """
    if mode == "never":
        return Layout({}, set(), [])
    found: dict[Folders, dict[int, str]] = defaultdict(dict)
    bare: set[Folders] = set()
    warnings = []
    groups = []
    for siblings, parts in _walk(sorted(set(paths)), depths, mode == "always"):
        for path in siblings.paths:
            if path[siblings.level] in parts:
                found[path][siblings.level] = parts[path[siblings.level]]
        groups.append((siblings, parts))
    for siblings, parts in groups:
        if parts and depths:
            here = _without_classes(siblings, parts, found, depths)
            bare.update(here)
            warnings += _bare_warning(here, siblings.level, parts)
        warnings += _doubt(siblings, parts)
    return Layout(dict(found), bare, warnings)


def _walk(
    paths: list[Folders], depths: Collection[int], always: bool
) -> Iterator[tuple[_Siblings, dict[str, str]]]:
    """Yield all siblings, outermost first, with those of their names that are splits."""
    waiting = [(paths, 0)]
    while waiting:
        group, level = waiting.pop()
        inside = [path for path in group if len(path) > level]
        if not inside:
            continue
        # Files without a class folder say nothing about what is one.
        telling = [path for path in inside if not depths or len(path) >= max(depths)]
        siblings = _Siblings(
            level,
            inside,
            {path[level] for path in telling if len(path) - level not in depths},
            {path[level] for path in telling if len(path) - level in depths},
        )
        names = sorted({path[level] for path in inside})
        parts = {name: split for name in names if (split := _parted(name)[0])}
        if not always:
            parts = _meant(siblings, parts)
        yield siblings, parts
        children = defaultdict(list)
        for path in inside:
            children["" if path[level] in parts else path[level]].append(path)
        waiting += [(child, level + 1) for child in reversed(children.values())]


def _meant(siblings: _Siblings, parts: Mapping[str, str]) -> dict[str, str]:
    """Return those of ``parts``, the names that could mean splits, that do."""
    flat = siblings.classes - siblings.above - set(parts)
    if siblings.above & set(parts):
        alone = len(set(parts.values())) == 1
        # One folder of classes beside several folders of files, as train/steam/1.jpg beside bus/1.jpg and car/1.jpg.
        if not (alone and len(flat) > 1) and _are_splits(
            siblings.above | (siblings.classes & set(parts)), parts, above=True
        ):
            return dict(parts)
    named = {name: split for name, split in parts.items() if name in siblings.classes}
    return named if named and _are_splits(siblings.classes, named) else {}


def _are_splits(names: Collection[str], parts: Mapping[str, str], above: bool = False) -> bool:
    """Tell whether folders are splits, ``parts`` being those whose names could mean so; ``above`` that of classes."""
    by_rest = defaultdict(set)
    for name, split in parts.items():
        if name in names:
            rest = _parted(name)[1]
            by_rest["" if rest in _SUFFIXES else rest].add(split)
    alike = any(len(found) > 1 for found in by_rest.values())
    if all(name in parts for name in names):
        return alike or "" in by_rest or (above and len(set(parts.values())) > 1)
    return alike


def _without_classes(
    siblings: _Siblings,
    parts: Mapping[str, str],
    found: Mapping[Folders, Mapping[int, str]],
    depths: Collection[int],
) -> list[Folders]:
    """Return the folders beside splits whose class would be a folder further out than in any of the splits."""

    def place(path: Folders) -> int:
        return len(path) - max(depths)

    level = siblings.level
    usual: dict[Folders, int] = {}
    for path in siblings.paths:
        if path[level] in parts and place(path) > level and place(path) not in found[path]:
            usual[path[:level]] = min(place(path), usual.get(path[:level], len(path)))
    return [
        path
        for path in siblings.paths
        if path[level] not in parts and level <= place(path) < usual.get(path[:level], 0)
    ]


def _bare_warning(paths: Sequence[Folders], level: int, parts: Mapping[str, str]) -> list[str]:
    if not paths:
        return []
    names = ", ".join(sorted({"/".join(path[: level + 1]) for path in paths}))
    return [
        f"the files of {names} are taken as unlabelled: they do not lie in class folders as those of "
        f"{', '.join(sorted(parts))} do; where that is wrong, set labels.split_folders: never, or leave them out by "
        "labels.exclude"
    ]


_MOST = 8  # names in a message


def _doubt(siblings: _Siblings, parts: Mapping[str, str]) -> list[str]:
    """Return a warning where a plain name of a split was taken as none, or as one in spite of what is beside it."""
    names = siblings.above | siblings.classes
    passed = sorted(
        name
        for name in names
        if (split_named(name) or split_named(name.rstrip("0123456789"))) and name not in parts
    )
    beside = sorted(names - set(passed) - set(parts))
    shown = ", ".join(beside[:_MOST]) + (", …" if len(beside) > _MOST else "")
    parent = "/".join(siblings.paths[0][: siblings.level])
    where = f" in {parent}" if parent else ""
    if passed and beside:
        one, many = (
            ("a class", "classes") if set(passed) <= siblings.classes else ("any folder", "any folders")
        )
        return [
            f"{_folders(passed, where)} taken as {one if len(passed) == 1 else many}, not as predefined splits, "
            f"because of what is beside: {shown}; if they are splits, set labels.split_folders: always"
        ]
    mixed = sorted(set(parts) & siblings.classes)
    if mixed and beside and not siblings.above & set(parts):
        return [
            f"{_folders(mixed, where)} taken as predefined splits, what is in them as unlabelled, beside {shown}; if "
            "they are classes, set labels.split_folders: never"
        ]
    return []


def _folders(names: Sequence[str], where: str) -> str:
    return (
        f"the folder {names[0]}{where} is"
        if len(names) == 1
        else f"the folders {', '.join(names)}{where} are"
    )
