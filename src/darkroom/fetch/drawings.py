"""The bundled synthetic drawings of O and X, each generated from (seed, split, class, number) alone."""

import math
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

COUNTS = {"train": 38, "validation": 8, "test": 6}
"""Drawings a class in each split, as in the set of 104 drawings that the recipe `ox` follows."""

CLASSES = ("O", "X")

_SCALE = 3  # drawn this much larger, then shrunk by area: smooth edges with integer arithmetic alone
_STEP = 1.5  # pixels between two touches of the pen

Points = npt.NDArray[np.float64]


def drawings(seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield (name, PNG) of each drawing: ``ox/<split>/<class>/<class>-<number>.png``, grayscale, dark on light."""
    for split, count in COUNTS.items():
        for label in CLASSES:
            for number in range(count):
                image = draw(seed, split, label, number)
                yield f"ox/{split}/{label}/{label}-{number:03d}.png", cv2.imencode(".png", image)[1].tobytes()


def draw(seed: int, split: str, label: str, number: int) -> npt.NDArray[np.uint8]:
    """Return one drawing: uint8, (height, width), sides of 200 to 600 pixels, dark strokes on light paper."""
    rng = np.random.default_rng([seed, list(COUNTS).index(split), CLASSES.index(label), number])
    width, height = _canvas(rng)
    pen = float(np.exp(rng.uniform(math.log(3), math.log(25))))
    unit = _round_stroke(rng) if label == "O" else _crossed_strokes(rng)
    strokes = _place(rng, unit, width, height, pen)
    paper, ink = int(rng.integers(236, 256)), int(rng.integers(0, 90))
    image = np.full((height * _SCALE, width * _SCALE), paper, np.uint8)
    for stroke in strokes:
        _ink(rng, image, _even(stroke), pen, ink)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _canvas(rng: np.random.Generator) -> tuple[int, int]:
    side = int(rng.integers(200, 601))
    if rng.random() < 0.5:  # half of the canvases are square
        return side, side
    return side, int(np.clip(side * rng.uniform(0.75, 1.33), 200, 600))


def _round_stroke(rng: np.random.Generator) -> list[Points]:
    """Return an O of radius about 1: one turn, begun anywhere, that misses its start or runs past it."""
    begin = rng.uniform(0, 2 * math.pi)
    turn = rng.choice([-1, 1]) * (2 * math.pi + rng.normal(0.12, 0.16))
    t = np.linspace(0, 1, 240)
    angle = begin + turn * t
    radius = 1 + _wobble(rng, t, 0.045) + rng.normal(0, 0.07) * t  # the drift is what leaves the ends apart
    stretch = rng.uniform(0.72, 1.0)
    return [np.stack([radius * np.cos(angle) * stretch, radius * np.sin(angle)], axis=1)]


def _crossed_strokes(rng: np.random.Generator) -> list[Points]:
    """Return an X: two strokes that each bend a little, differ in length and cross somewhere near the middle."""
    strokes = []
    stretch = rng.uniform(0.7, 1.0)
    for side in (1, -1):
        start = np.array([-side * stretch, -1.0]) + rng.normal(0, 0.11, 2)
        end = np.array([side * stretch, 1.0]) + rng.normal(0, 0.11, 2)
        if rng.random() < 0.3:  # some hands draw upwards
            start, end = end, start
        t = np.linspace(0, 1, 120)
        along = end - start
        across = np.array([-along[1], along[0]]) / 2
        bend = rng.normal(0, 0.06) * 4 * t * (1 - t) + _wobble(rng, t, 0.014)
        strokes.append(start + t[:, None] * along + bend[:, None] * across)
    return strokes


def _wobble(rng: np.random.Generator, t: Points, size: float) -> Points:
    """Return the tremor of a hand along ``t`` in 0 to 1: a few slow waves and weaker quick ones."""
    waves = np.arange(1, 9)
    strength = rng.normal(0, size, len(waves)) / waves**1.1
    phase = rng.uniform(0, 2 * math.pi, len(waves))
    return np.sin(2 * math.pi * waves * t[:, None] + phase) @ strength


def _place(rng: np.random.Generator, unit: list[Points], width: int, height: int, pen: float) -> list[Points]:
    """Turn, slant, size and move strokes of radius about 1 so that all of them lie on the canvas, pen included."""
    turn, slant = rng.normal(0, 0.13), rng.normal(0, 0.12)
    shape = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]) @ [
        [1, 0],
        [slant, 1],
    ]
    strokes = [stroke @ shape for stroke in unit]
    low = np.min([stroke.min(axis=0) for stroke in strokes], axis=0)
    high = np.max([stroke.max(axis=0) for stroke in strokes], axis=0)
    margin = pen + 3
    room = np.array([width, height]) - 2 * margin
    size = rng.uniform(0.45, 0.97) * float(np.min(room / (high - low)))
    corner = margin + rng.beta(2.5, 2.5, 2) * (room - size * (high - low))  # mostly near the middle
    return [corner + size * (stroke - low) for stroke in strokes]


def _even(stroke: Points) -> Points:
    """Return points along ``stroke`` that lie :data:`_STEP` pixels apart, so that pressure changes evenly."""
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
    at = np.arange(0, lengths[-1], _STEP)
    return np.stack([np.interp(at, lengths, stroke[:, axis]) for axis in (0, 1)], axis=1)


def _ink(
    rng: np.random.Generator, image: npt.NDArray[np.uint8], stroke: Points, pen: float, ink: int
) -> None:
    """Draw ``stroke`` with a round pen, ``pen`` pixels thick, whose pressure varies as it goes."""
    pressure = 1 + _wobble(rng, np.linspace(0, 1, len(stroke)), 0.05)
    for (x, y), thickness in zip(stroke, np.clip(pen * pressure, 3, 25), strict=True):
        centre = (round(x * _SCALE), round(y * _SCALE))
        cv2.circle(image, centre, round(thickness / 2 * _SCALE), ink, cv2.FILLED)
