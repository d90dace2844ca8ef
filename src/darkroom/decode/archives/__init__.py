"""Archives: every file in them is a member that any thread, process or machine can read without unpacking."""

from darkroom.decode.archives.extents import Place, chunks, span
from darkroom.decode.archives.listing import (
    MAX_BYTES,
    NO_DATA,
    PICTURES,
    Member,
    first_of_each_id,
    members,
    members_of,
    members_of_folder,
    read,
)
from darkroom.decode.archives.names import safe as safe_name
from darkroom.decode.archives.names import shown

__all__ = [
    "MAX_BYTES",
    "NO_DATA",
    "PICTURES",
    "Member",
    "Place",
    "chunks",
    "first_of_each_id",
    "members",
    "members_of",
    "members_of_folder",
    "read",
    "safe_name",
    "shown",
    "span",
]
