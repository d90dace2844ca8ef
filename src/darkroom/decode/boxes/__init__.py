"""Bounding boxes: every box of a file of them becomes a member, as if it were a picture of its own."""

from darkroom.decode.boxes.expansion import expanded, warnings

__all__ = ["expanded", "warnings"]
