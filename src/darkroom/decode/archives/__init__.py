"""Archives: every file in them is a member that any thread, process or machine can read without unpacking."""

from darkroom.decode.archives.extents import Place, chunks, span
from darkroom.decode.archives.listing import NO_DATA, PICTURES, Member, members, members_of, read
from darkroom.decode.archives.names import ids as composed
from darkroom.decode.archives.names import safe as safe_name
from darkroom.decode.archives.names import shown

__all__ = [
    "NO_DATA",
    "PICTURES",
    "Member",
    "Place",
    "chunks",
    "composed",
    "members",
    "members_of",
    "read",
    "safe_name",
    "shown",
    "span",
]
