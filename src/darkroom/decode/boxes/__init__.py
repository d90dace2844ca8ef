"""Bounding boxes: every box of a file of them becomes a member, as if it were a picture of its own."""

from darkroom.decode.boxes.expansion import expanded

__all__ = ["expanded"]
