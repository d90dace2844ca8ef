"""What `image.steps` may hold: the names of steps and the numbers that each takes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Step = str | dict[str, Any]
"""A step as it stands in params.yaml: ``blur``, ``{blur: 9}``, ``{canny: [50, 150]}`` or ``{clahe: {clip: 3}}``."""


class Number(NamedTuple):
    """A number that a step takes, where nothing is given ``default``; whole and odd only if ``kind`` says so."""

    default: float
    least: float
    most: float
    kind: str = "whole number"


_KERNEL = Number(3, 3, 99, "odd number")
_ANY = "number"

STEPS: dict[str, dict[str, Number]] = {
    # No name is `size`: DVC's run cache leaves keys called so out of what it compares (treeverse/dvc#10296).
    "equalize": {},
    "clahe": {"clip": Number(2.0, 0.1, 100, _ANY), "tiles": Number(8, 1, 64)},
    "threshold": {"level": Number(127, 0, 254)},
    "otsu": {},
    "adaptive_threshold": {
        "window": Number(11, 3, 999, "odd number"),
        "offset": Number(2.0, -255, 255, _ANY),
    },
    "blur": {"kernel": _KERNEL._replace(default=5)},
    "median": {"kernel": _KERNEL._replace(default=5)},
    "sharpen": {"amount": Number(1.0, 0, 10, _ANY)},
    "erode": {"kernel": _KERNEL},
    "dilate": {"kernel": _KERNEL},
    "open": {"kernel": _KERNEL},
    "close": {"kernel": _KERNEL},
    "gradient": {},
    "canny": {"low": Number(100, 0, 1000), "high": Number(200, 0, 1000)},
    "hsv": {},
    "lab": {},
    "invert": {},
    "trim": {"tolerance": Number(12, 0, 255)},
    "grabcut": {"inset": Number(0.05, 0.01, 0.45, _ANY), "iterations": Number(5, 1, 20)},
}
"""Every step, with its numbers in order."""

COLOR_ONLY = {"hsv", "lab"}
"""Steps that need three channels."""


def numbers(step: Step) -> tuple[str, dict[str, float]]:
    """Return the name of a step and all its numbers by name.

    Raises
    ------
    ValueError
        There is no such step, or it does not take that; the message says what it does take.
    """
    name, given = next(iter(step.items())) if isinstance(step, Mapping) and len(step) == 1 else (step, {})
    if not isinstance(name, str) or name not in STEPS:
        raise ValueError(f"steps of {', '.join(STEPS)}, each alone or as {{blur: 9}}, not {step!r}")
    takes = STEPS[name]
    if not isinstance(given, Mapping):
        values = given if isinstance(given, list) else [given]
        given = dict(zip(takes, values, strict=False)) if len(values) <= len(takes) else {"": values}
    wrong = [f"{key}: {value}" for key, value in given.items() if not _fits(takes.get(key), value)]
    if wrong:
        allowed = ", ".join(f"{key} ({_said(number)})" for key, number in takes.items())
        raise ValueError(f"{name} with {allowed or 'no numbers'}, not {', '.join(wrong).removeprefix(': ')}")
    complete = {key: given.get(key, number.default) for key, number in takes.items()}
    return name, {key: value if takes[key].kind == _ANY else int(value) for key, value in complete.items()}


def _fits(number: Number | None, value: Any) -> bool:
    if number is None or isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if not number.least <= value <= number.most:  # NaN neither
        return False
    return number.kind == _ANY or (value % 1 == 0 and (number.kind != "odd number" or value % 2 == 1))


def _said(number: Number) -> str:
    return f"{number.kind}, {number.least:g} to {number.most:g}, default {number.default:g}"
