"""Tables of pixels: every row becomes a member with its label, as if it were a picture in an archive."""

from darkroom.decode.tables.expansion import expanded

__all__ = ["expanded"]
