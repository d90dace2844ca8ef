"""The wording of a result: percentage points, p-values and the one sentence that states the conclusion."""

import math

_FEW = 100
"""Test images below which an accuracy of 0.9 is known to 6 points either way at best (Wilson)."""


def points(difference: float, sign: bool = False) -> str:
    """Return a difference of shares in percentage points, with a second decimal where the first would be 0."""
    value = 100 * difference
    decimals = 1 if abs(value) >= 0.1 or value == 0 else 2
    return f"{value:+.{decimals}f}" if sign else f"{value:.{decimals}f}"


def probability(p: float) -> str:
    """Return a p-value as it is usually printed."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def about(count: int) -> str:
    """Return a number with two significant digits and thousands separated."""
    unit = 10 ** max(0, math.floor(math.log10(count)) - 1)
    return f"{math.ceil(count / unit) * unit:,}"


def decided(better: str, difference: float, low: float, high: float, p: float) -> str:
    """Return the sentence for a difference that is told, seen from the better of the two."""
    if better == "A":
        difference, low, high = -difference, -high, -low
    interval = f"({points(low)} to {points(high)})"
    return f"{better} is better: {points(difference, sign=True)} points {interval}, {probability(p)}"


def undecided(images: int, discordant: int, difference: float, needed: int | None) -> str:
    """Return the sentence for a difference that cannot be told, with advice where images are few."""
    advice = "; with so few, `darkroom crossvalidate` tests every image once" if images < _FEW else ""
    if not discordant:
        return f"A and B are right and wrong on the same images, all {images:,} of them{advice}"
    if needed is None or difference == 0:
        return f"no difference can be told with {images:,} images: A and B are right on equally many{advice}"
    gap = f"about {about(needed)} would be needed for this gap"
    return f"no difference can be told with {images:,} images; {gap}{advice}"
