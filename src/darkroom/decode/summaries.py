"""Summary of decode: classes, splits, unlabelled images, files left out with reasons, and warnings."""

import contextlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from darkroom import UserError, files
from darkroom.decode.archives import Member
from darkroom.decode.rejections import Rejection
from darkroom.decode.shards import Row

MOST_LINES = 12
"""Classes, and other rows of a kind, that are printed, at most."""


class Group(NamedTuple):
    """Images, or files, of one kind: how many, and the id of the first."""

    files: int
    example: str


class Summary(NamedTuple):
    """What was understood, by the names of classes, splits ("": none came) and reasons."""

    classes: dict[str, Group]
    splits: dict[str, Group]
    unlabelled: Group
    left_out: dict[str, Group]
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``summary.json``."""
        kinds = {"classes": self.classes, "splits": self.splits, "left_out": self.left_out}
        groups = {kind: {name: one._asdict() for name, one in found.items()} for kind, found in kinds.items()}
        return {**groups, "unlabelled": self.unlabelled._asdict(), "warnings": self.warnings}

    def text(self, speaker: str = "decode") -> str:
        """Return a short table for the terminal, and the warnings, each line of which names the ``speaker``."""
        lines = [
            *_lines("class", self.classes),
            *_lines("split", {name or "none": group for name, group in self.splits.items()}),
            *_lines("no label", {"": self.unlabelled} if self.unlabelled.files else {}),
            *_lines("left out", self.left_out),
        ]
        wide = [max(len(line[place]) for line in lines) for place in range(3)]
        table = [
            f"  {kind:<{wide[0]}}  {name:<{wide[1]}}  {count:>{wide[2]}}  {example}".rstrip()
            for kind, name, count, example in lines
        ]
        return "\n".join(
            [
                f"{speaker}: what was understood (images, the first of them)",
                *table,
                *_told(self.warnings, speaker),
            ]
        )


def of(
    used: Sequence[Row] | Sequence[Member],
    unlabelled: Sequence[Row] | Sequence[Member],
    rejected: Iterable[Rejection],
    warnings: Sequence[str],
) -> Summary:
    """Sum up images, in order of their ids, and files that were left out."""
    return Summary(
        _groups((str(row.label), row.id) for row in used),
        _groups((row.split, row.id) for row in used),
        Group(len(unlabelled), unlabelled[0].id if unlabelled else ""),
        _groups((str(reason), name) for name, reason, _ in rejected),
        list(warnings),
    )


def write(path: Path, summary: Summary) -> None:
    """Write ``summary`` as JSON, and print it on stderr."""
    files.write_json(path, summary.to_json())
    print(summary.text(), file=sys.stderr)


@contextlib.contextmanager
def told_on_failure(warnings: Sequence[str]) -> Iterator[None]:
    """Print ``warnings`` where the block ends with a message: they may say why."""
    try:
        yield
    except UserError:
        print(*_told(warnings), sep="\n", end="\n" if warnings else "", file=sys.stderr)
        raise


def _told(warnings: Sequence[str], speaker: str = "decode") -> list[str]:
    return [f"{speaker}: warning: {warning}" for warning in warnings]


def _groups(found: Iterable[tuple[str, str]]) -> dict[str, Group]:
    pairs = sorted(found)
    counts = Counter(name for name, _ in pairs)
    # Of several equal names the last counts: reversed, that is the first.
    examples = dict(reversed(pairs))
    return {name: Group(count, examples[name]) for name, count in counts.items()}


def _lines(kind: str, groups: dict[str, Group]) -> list[tuple[str, str, str, str]]:
    shown = list(groups.items())[:MOST_LINES]
    lines = [(kind, name, str(group.files), group.example) for name, group in shown]
    if len(groups) > len(shown):
        rest = sum(group.files for group in groups.values()) - sum(group.files for _, group in shown)
        lines.append((kind, f"and {len(groups) - len(shown)} more", str(rest), ""))
    return lines
