"""Names of classes in PNG files: one that matplotlib's own font cannot draw has its number in its place.

A font of the system could draw it, but not the same bytes on another machine. Of what the font has, matplotlib (from
3.11 on) joins Arabic letters and sets Arabic and Hebrew from the right.
"""

from collections.abc import Sequence

from matplotlib.font_manager import findfont, get_font

from darkroom.plot.style import RC


def png_names(classes: Sequence[str]) -> dict[str, str]:
    """Return what stands for each class: its name, or ``class 3`` where the font lacks a letter of it.

    The number is the class's place in ``classes``, from 0 on. Where another class is called so, it is ``class #3``.
    """
    font = get_font(findfont(RC["font.family"]))
    lacking = {
        place: name
        for place, name in enumerate(classes)
        if not all(font.get_char_index(ord(letter)) for letter in name)
    }
    mark = "class "
    while {f"{mark}{place}" for place in lacking} & set(classes):
        mark += "#"
    return {name: f"{mark}{place}" if place in lacking else name for place, name in enumerate(classes)}
