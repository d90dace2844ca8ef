"""Archives: every file in them is a member that any thread, process or machine can read without unpacking."""

from darkroom.decode.archives.extents import span
from darkroom.decode.archives.listing import NO_DATA, PICTURES, Member, members, members_of, read

__all__ = ["NO_DATA", "PICTURES", "Member", "members", "members_of", "read", "span"]
