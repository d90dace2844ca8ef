"""Files of the source by their paths, or by the ends of these: what a row of labels or a box may name."""

from collections.abc import Iterable, Sequence
from functools import cached_property

AMBIGUOUS = -1
"""In the place of a file's number: several files are meant."""


class PathIndex:
    """The files ``ids``, to be found by paths of as many parts as those of ``wanted`` have.

    A path means the file of that path; else the one whose path ends with it; else the one of that name; else the one of
    that name without its suffix; and where there is none, the one found so where upper and lower case do not count.
    """

    def __init__(self, ids: Sequence[str], wanted: Iterable[str]) -> None:
        self._ids = ids
        lengths = {path.count("/") + 1 for path in wanted}
        self._by_id: dict[str, int] = {}
        self._by_end: dict[int, dict[str, int]] = {length: {} for length in {1, *lengths}}
        self._by_stem: dict[str, int] = {}
        for number, id in enumerate(ids):
            _enter(self._by_id, id, number)
            parts = id.split("/")
            for length, ends in self._by_end.items():
                if length <= len(parts):
                    _enter(ends, "/".join(parts[-length:]), number)
            _enter(self._by_stem, parts[-1].rpartition(".")[0], number)

    def find(self, path: str) -> tuple[int | None, bool]:
        """Return the number of the file that ``path`` means, and whether it is written with the same case.

        The number is None where there is no such file, and :data:`AMBIGUOUS` where several end so.
        """
        number = self._find(path)
        return (number, True) if number is not None else (self._in_any_case._find(path.casefold()), False)

    @cached_property
    def _in_any_case(self) -> "PathIndex":
        ends = ("/" * (length - 1) for length in self._by_end)
        return PathIndex([id.casefold() for id in self._ids], ends)

    def _find(self, path: str) -> int | None:
        if path in self._by_id:
            return self._by_id[path]
        number = self._by_end[path.count("/") + 1].get(path)
        if number is not None:
            return number
        name = path.rpartition("/")[2]
        for table in (self._by_end[1], self._by_stem):
            number = table.get(name)
            if number is not None and number != AMBIGUOUS:
                return number
        return None


def _enter(table: dict[str, int], key: str, number: int) -> None:
    table[key] = AMBIGUOUS if key in table else number
