"""What each step of `image.steps` makes of one picture, before and after: docs/steps.png.

    python benchmarks/steps.py                      # writes it
    python benchmarks/steps.py --out elsewhere.png

The picture is drawn here, of what the steps are about: a ground in a margin of one colour, uneven light, objects of two
colours, thin lines, specks. Each step has the numbers that it has by itself.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from darkroom import files
from darkroom.array_types import Pixels
from darkroom.decode.pictures import filters
from darkroom.params.steps import STEPS

SHEET = Path(__file__).parents[1] / "docs" / "steps.png"

HEIGHT, WIDTH = 120, 160
_GAP, _TITLE, _COLUMNS = 8, 18, 5


def picture() -> Pixels:
    """Draw the picture: uint8 (HEIGHT, WIDTH, 3), RGB, the same at every call."""
    random = np.random.default_rng(1)
    across, down = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    light = 90 + 90 * across - 30 * down
    drawn = np.ascontiguousarray(np.stack([light * 0.9, light, light * 1.1], axis=2).astype(np.uint8))
    for at, radius, colour in (((62, 62), 30, (214, 96, 60)), ((110, 74), 22, (60, 120, 70))):
        cv2.circle(drawn, at, radius, colour, cv2.FILLED, cv2.LINE_AA)
        cv2.circle(
            drawn, (at[0] - radius // 3, at[1] - radius // 3), radius // 4, (250, 240, 220), cv2.FILLED
        )
    for x in range(20, 146, 9):
        cv2.line(drawn, (x, 104), (x + 5, 96), (30, 30, 40), 1, cv2.LINE_AA)
    specks = random.integers([8, 8], [HEIGHT - 8, WIDTH - 8], (90, 2))
    drawn[tuple(specks.T)] = np.where(random.random((90, 1)) < 0.5, 255, 0)
    for edge in (np.s_[:4], np.s_[-4:], np.s_[:, :4], np.s_[:, -4:]):
        drawn[edge] = 235
    return drawn


def sheet() -> Pixels:
    """Return the picture as it was and after each step, with their names: uint8 (height, width, 3), RGB."""
    before = picture()
    tiles = {"as it was": before, **{name: filters.apply(before, [name]) for name in STEPS}}
    rows = -(-len(tiles) // _COLUMNS)
    size = rows * (HEIGHT + _TITLE + _GAP) + _GAP, _COLUMNS * (WIDTH + _GAP) + _GAP
    drawn = np.full((*size, 3), 255, np.uint8)
    for number, (name, tile) in enumerate(tiles.items()):
        row, column = divmod(number, _COLUMNS)
        top, left = _GAP + row * (HEIGHT + _TITLE + _GAP), _GAP + column * (WIDTH + _GAP)
        height, width = tile.shape[:2]
        drawn[top : top + height, left : left + width] = tile
        base = left, top + HEIGHT + _TITLE - 5
        cv2.putText(drawn, name, base, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (30, 30, 30), 1, cv2.LINE_AA)
    return drawn


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=SHEET, help="where the PNG goes")
    options = parser.parse_args()
    with files.whole(options.out) as part:
        cv2.imwrite(str(part), cv2.cvtColor(sheet(), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
