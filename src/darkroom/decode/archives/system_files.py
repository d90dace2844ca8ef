"""Files that operating systems and tools add (not part of the data set), recognized by name."""

_FOLDERS = {
    "__macosx": "macOS keeps a file's attributes there",
    "@eadir": "a Synology NAS keeps thumbnails there",
    "#recycle": "the bin of a Synology NAS",
    "@recycle": "the bin of a QNAP NAS",
    "$recycle.bin": "the bin of Windows",
    "system volume information": "Windows keeps its own data there",
}
_FILES = {
    "thumbs.db": "thumbnails that Windows keeps",
    "ehthumbs.db": "thumbnails that Windows keeps",
    "desktop.ini": "how Windows shows a folder",
}


def told(name: str, pictures: tuple[str, ...]) -> str:
    """Return what leaves a file of this name behind, "" where it may be the user's own.

    Parameters
    ----------
    name : str
        The path in the archive, parts joined by ``/``.
    pictures : tuple of str
        Suffixes of pictures: one that only begins with a dot, ``.0001.jpg``, may be the user's own.
    """
    *folders, file = name.split("/")
    for folder in folders:
        if folder.lower() in _FOLDERS:
            return f"{folder}: {_FOLDERS[folder.lower()]}"
        if folder.startswith(".") and folder.strip("."):
            return f"{folder}: a hidden folder"
    file = file.lower()
    if file.startswith("._"):
        return "macOS keeps the attributes of another file there"
    if file.endswith(".dvc"):
        return "DVC keeps the hash of a file or folder there"
    if file.startswith(".") and file.strip(".") and not file.endswith(pictures):
        return "a hidden file"
    return _FILES.get(file, "")
