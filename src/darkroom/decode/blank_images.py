"""Blank images: constant after preprocessing, although nothing is wrong with the file itself."""

from collections import Counter
from collections.abc import Iterable

from darkroom.array_types import Pixels


def value_of(pixels: Pixels) -> str:
    """Return the one colour of an image, uint8 (height, width, channels), as "white" or "90 90 90"; "" if it has more.

    Nearly every image differs in its first row already, so that this costs next to nothing.
    """
    first = pixels[0, 0]
    if (pixels[0] != first).any() or (pixels != first).any():
        return ""
    levels = " ".join(str(level) for level in first.tolist())
    return {"255": "white", "255 255 255": "white", "0": "black", "0 0 0": "black"}.get(levels, levels)


def warnings(found: Iterable[tuple[str, str]]) -> list[str]:
    """Return what to tell about flat images, given as (id, value) in order."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for id, value in found:
        first.setdefault(value, id)
        counts[value] += 1
    if not counts:
        return []
    kinds = ", ".join(f"{count} {value} (as {first[value]})" for value, count in counts.most_common(5))
    more = ", …" if len(counts) > 5 else ""
    return [
        f"{counts.total()} images are of one flat value once prepared: {kinds}{more}; look at them. "
        "Drawings on a transparent ground may want another image.background, and image.steps or image.resize may "
        "have left nothing"
    ]
