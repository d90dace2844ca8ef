"""The accuracies under disturbance, each beside that on the same images as they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from darkroom import intervals
from darkroom.array_types import ClassNumbers, Pixels, Rows
from darkroom.stress.kinds import Kind
from darkroom.stress.level import COLUMNS, Level


@dataclass(frozen=True)
class Examples:
    """Some of the images, disturbed.

    Attributes
    ----------
    rows : int64, (k,)
        Which ones, by their rows in the index.
    pixels : uint8, (5, k, height, width, channels), by kind
        At each severity.
    predicted : int64, (5, k), by kind
        The classes predicted then.
    """

    rows: Rows
    pixels: dict[Kind, Pixels]
    predicted: dict[Kind, ClassNumbers]


@dataclass(frozen=True)
class Stress:
    """All that was measured: of ``images`` test images ``right`` are right as they are; severities by kind."""

    images: int
    right: int
    of_test: int
    levels: dict[Kind, list[Level]]

    @property
    def accuracy(self) -> float:
        """Share of the images that are right as they are."""
        return self.right / self.images

    def of_sort(self, is_attack: bool) -> dict[Kind, list[Level]]:
        """Return the severities by kind, of attacks alone or of the other disturbances."""
        return {kind: levels for kind, levels in self.levels.items() if kind.is_attack is is_attack}

    def first(self, is_attack: bool) -> tuple[Kind, Level] | None:
        """Return the mildest severity that measurably costs accuracy, of several the one that costs most.

        That is the first whose interval of the difference lies below zero; None where none does.
        """
        told = [
            (level.severity, level.difference, place, kind, level)
            for place, (kind, levels) in enumerate(self.of_sort(is_attack).items())
            for level in levels
            if level.difference_interval[1] < 0
        ]
        return min(told)[3:] if told else None

    @property
    def headline(self) -> str:
        """What breaks the model first, by name."""
        found = [first[0].title for is_attack in (False, True) if (first := self.first(is_attack))]
        return f"First to cost accuracy: {', '.join(found) or 'nothing, as far as these images tell'}"

    @property
    def sentence(self) -> str:
        """What breaks the model first, with the figures."""
        parts = []
        for is_attack, words in ((False, "of disturbances"), (True, "of attacks")):
            if self.of_sort(is_attack):
                first = self.first(is_attack)
                parts.append(f"{words} {_in_words(*first) if first else 'none, as far as these images tell'}")
        return f"First to cost accuracy: {'; '.join(parts)}"

    def to_json(self) -> dict[str, Any]:
        """Return the figures as metrics: flat numbers by kind and severity, and the mean over severities."""
        low, high = intervals.wilson(self.right, self.images)
        content: dict[str, Any] = {
            "images": self.images,
            "clean": {"accuracy": _digits(self.accuracy), "low": _digits(low), "high": _digits(high)},
        }
        for kind, levels in self.levels.items():
            mean = sum(level.accuracy for level in levels) / len(levels)
            content[kind.name] = {"mean_accuracy": _digits(mean)}
            for level in levels:
                content[kind.name][f"{level.severity}"] = {
                    name: _digits(value) for name, value in zip(COLUMNS[5:], level.figures, strict=True)
                }
        return content

    def rows(self) -> Iterator[list[object]]:
        """Yield the table of figures, a row a severity, with :data:`COLUMNS`; each kind begins with severity 0."""
        for kind, levels in self.levels.items():
            clean = Level(self.images, self.right, 0, 0, severity=0, amount=0)
            yield [kind.name, 0, "", kind.unit, self.images, clean.accuracy, *clean.interval, 0.0, 0.0, 0.0]
            for level in levels:
                about = (kind.name, level.severity, f"{level.amount:g}", kind.unit, level.images)
                yield [*about, *level.figures]


def _in_words(kind: Kind, level: Level) -> str:
    return f"{kind.title} at {level.amount:g} ({kind.unit}), {level.accuracy:.3f} right, {level.beside}"


def _digits(value: float) -> float:
    """Return ``value`` to six significant digits, as the stages' metrics are."""
    return float(f"{value:.6g}")
