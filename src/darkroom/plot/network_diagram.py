"""The network diagram: one block per layer, its height the size of the feature maps, its width their number."""

from collections.abc import Mapping, Sequence
from math import log2
from typing import Any

from darkroom.plot import formatting
from darkroom.plot.html import Html, element, joined

MOST_LAYERS = 40
"""A network of more layers is drawn by its changes of shape alone."""

TALL, GAP, LEAST, LABEL = 120.0, 16.0, 10.0, 100.0


def diagram(shape: Sequence[int], layers: Sequence[Mapping[str, Any]]) -> Html:
    """Return the network as an inline SVG.

    Parameters
    ----------
    shape : (height, width, channels)
        Of the input.
    layers : sequence of mappings
        ``name``, ``type`` and ``shape`` of each, in order.
    """
    steps = [("input", list(shape))]
    steps += [
        (str(layer["type"]), sizes(layer["shape"])) for layer in layers if layer["type"] != "InputLayer"
    ]
    if len(steps) > MOST_LAYERS:
        steps = [
            step for before, step in zip([("", [0]), *steps], steps, strict=False) if step[1] != before[1]
        ]
    # Maps and flat layers are measured against their own largest: a long vector would dwarf every map.
    largest = {
        kind: max((log2(1 + step[0]) for _, step in steps if len(step) == kind), default=1) for kind in (1, 3)
    }
    blocks, left = [], GAP
    for name, step in steps:
        tall = max(LEAST, TALL * log2(1 + step[0]) / largest[3 if len(step) == 3 else 1])
        wide = LEAST + (4 * log2(1 + step[-1]) if len(step) == 3 else 0)
        blocks.append(_block(left, tall, wide, name, step))
        left += max(wide, 30) + GAP
    return element(
        "svg",
        element("title", "The network, layer by layer; the table below says the same in words"),
        *blocks,
        viewBox=f"0 0 {left + LABEL:.0f} {TALL + LABEL:.0f}",
        width=f"{left + LABEL:.0f}",
        class_="diagram",
        role="img",
    )


def sizes(shape: Sequence[int | None]) -> list[int]:
    """Return an output shape without its batch axis."""
    return [length for length in shape if length is not None] or [1]


def _block(left: float, tall: float, wide: float, name: str, shape: Sequence[int]) -> Html:
    middle, top = left + max(wide, 30) / 2, (TALL - tall) / 2 + 4
    return joined(
        [
            element(
                "rect",
                x=f"{middle - wide / 2:.1f}",
                y=f"{top:.1f}",
                width=f"{wide:.1f}",
                height=f"{tall:.1f}",
                rx="3",
                class_="flat" if len(shape) == 1 else "maps",
            ),
            element(
                "text",
                f"{name} ",
                element("tspan", formatting.shape(shape), class_="shape"),
                transform=f"translate({middle + 3:.1f} {TALL + 14:.0f}) rotate(32)",
            ),
        ]
    )
