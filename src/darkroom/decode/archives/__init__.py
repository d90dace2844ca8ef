"""Archives: every file in them is a member that any thread, process or machine can read without unpacking."""

from darkroom.decode.archives.listing import PICTURES, Member, members, members_of, read

__all__ = ["PICTURES", "Member", "members", "members_of", "read"]
