"""Archives: every file in them as a member, read from any thread, process or machine where it lies."""

from darkroom.decode.archives.listing import PICTURES, Member, members, members_of, read

__all__ = ["PICTURES", "Member", "members", "members_of", "read"]
