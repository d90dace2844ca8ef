"""Number formatting for the report: percentages, counts, file sizes."""

from collections.abc import Iterable, Mapping
from typing import Any

THIN = "\u202f"
"""A narrow space that does not break: before a percent sign and between thousands."""


DASH = "\u2013"
"""Stands for a figure that there is not."""


def shape(lengths: Iterable[int]) -> str:
    """Return lengths with the sign of multiplication between them."""
    return "\u00d7".join(map(str, lengths))


def percent(share: float) -> str:
    """Return a share as a percentage to one decimal."""
    return f"{100 * share:.1f}{THIN}%"


def count(number: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{int(number):,}".replace(",", THIN)


def images(number: int) -> str:
    """Return so many images, in words."""
    return "1 image" if number == 1 else f"{count(number)} images"


def file_name(id: str) -> str:
    """Return the last part of an image's id: all that a caption has room for."""
    return id.rsplit("/", 1)[-1]


def size(number: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f}{THIN}{unit}" if unit == "bytes" else f"{number:.1f}{THIN}{unit}"
        number /= 1000
    raise AssertionError


def figure(scores: Mapping[str, Any], name: str, shares: bool = False) -> str:
    """Return a figure by name, a dash where these images leave it undefined."""
    if name not in scores or scores[name] is None:
        return DASH
    if shares:
        return percent(scores[name])
    written = f"{scores[name]:.3f}"
    return f"{scores[name]:.5f}" if written == "1.000" and scores[name] < 1 else written  # not quite perfect


def flat(content: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Return nested params as dotted names and their values, as params.yaml would write them."""
    rows: list[tuple[str, str]] = []
    for key, value in content.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and value:
            rows += flat(value, f"{name}.")
        else:
            rows.append((name, written(value)))
    return rows


def written(value: Any) -> str:
    """Return a value as YAML writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(written(item) for item in value)}]"
    return str(value)
