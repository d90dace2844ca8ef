"""One bounding box: the part of a picture that becomes an image, and where its edges lie among the pixels."""

import math
from typing import NamedTuple

from darkroom.decode.rejections import Reason, Rejected


class Edges(NamedTuple):
    """A rectangle of whole pixels: columns from ``left``, rows from ``top``, to before ``right`` and ``bottom``."""

    left: int
    top: int
    right: int
    bottom: int


class Box(NamedTuple):
    """A box as annotated, in the picture as it is seen: upright, if its EXIF data turns it.

    Attributes
    ----------
    left, top, right, bottom : float
        Distances of the edges from the picture's left and upper edge: in pixels, or in parts of its width and height
        where ``relative``.
    label : str
        Its class; "" where the annotation has none.
    relative : bool
    picture : (width, height) or None
        Of the picture that was annotated, pixels, where the annotation says so.
    crowd : bool
        It marks several objects at once (``iscrowd`` of COCO).
    """

    left: float
    top: float
    right: float
    bottom: float
    label: str = ""
    relative: bool = False
    picture: tuple[int, int] | None = None
    crowd: bool = False

    def edges(self, width: int, height: int, margin: float, min_side: int) -> Edges:
        """Return what is cut out of a picture of ``width`` by ``height`` pixels.

        Parameters
        ----------
        width, height : int
        margin : float
            `image.box_margin`: what is added on each side, as far as the picture goes; a part of the box's longer side.
        min_side : int
            `decode.min_side`, of the part of the box that lies in the picture.

        Raises
        ------
        Rejected
            ``unusable box``: it has no area, lies outside of the picture, marks a crowd, or is of a picture of other
            sides; or ``too small``.
        """
        if self.crowd:
            raise Rejected(Reason.BOX, "marks a crowd (iscrowd), and not one object")
        if self.picture is not None and self.picture != (width, height):
            was = "{} x {}".format(*self.picture)
            raise Rejected(Reason.BOX, f"of a picture of {was} pixels; this one is {width} x {height}")
        scale = (width, height) if self.relative else (1, 1)
        left, right = self.left * scale[0], self.right * scale[0]
        top, bottom = self.top * scale[1], self.bottom * scale[1]
        found = f"({left:g}, {top:g}) to ({right:g}, {bottom:g})"
        if right <= left or bottom <= top:
            raise Rejected(Reason.BOX, f"{found} has no area")
        sides = min(right, width) - max(left, 0), min(bottom, height) - max(top, 0)
        if min(sides) <= 0:
            raise Rejected(Reason.BOX, f"{found} lies outside of the picture of {width} x {height} pixels")
        if min(sides) < min_side:
            raise Rejected(
                Reason.TOO_SMALL, f"box of {sides[0]:g} x {sides[1]:g} pixels; decode.min_side is {min_side}"
            )
        spare = margin * max(right - left, bottom - top)
        return Edges(
            # Bounded first: what is infinite has no floor.
            math.floor(max(0, left - spare)),
            math.floor(max(0, top - spare)),
            math.ceil(min(width, right + spare)),
            math.ceil(min(height, bottom + spare)),
        )
