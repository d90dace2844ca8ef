"""Addresses of folders and of object storage, as fsspec reads them."""

from typing import Any

import fsspec


def opened(address: str) -> tuple[Any, str]:
    """Return the file system that ``address`` names, and the path in it: an absolute path, or ``s3://bucket/folder``."""
    # Only for folders: s3fs would take a mistyped bucket for one to make.
    is_folder = "://" not in address or address.startswith("file://")
    storage, path = fsspec.core.url_to_fs(address, **({"auto_mkdir": True} if is_folder else {}))
    return storage, path
