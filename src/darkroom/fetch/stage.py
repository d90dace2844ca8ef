"""The fetch stage: fill data/raw with the source's archives, as they came, and say where from."""

import hashlib
from pathlib import Path

from darkroom import UserError, files
from darkroom.fetch import digits, packing
from darkroom.fetch.params import SourceParams


def fetch(source: SourceParams, inbox: Path, raw: Path) -> dict[str, object]:
    """Bring the archives of ``source`` into ``raw`` and write ``source.json`` beside them.

    Parameters
    ----------
    source : SourceParams
    inbox : Path
        The folder in which the user puts images; the tracked place for local sources.
    raw : Path
        Emptied, then filled: the archives, never unpacked, and ``source.json`` with each one's name, where it came
        from, bytes and sha256.

    Returns
    -------
    dict
        The metrics: number of archives and their bytes in all.

    Raises
    ------
    UserError
        The source is not there, is refused by its server, or is not an archive.
    """
    files.empty_folder(raw)
    if source.kind != "bundled" or source.name != "digits":
        raise UserError(f"params.yaml: source.kind: {source.kind} is not there yet")
    packing.pack_contents(raw / "digits.zip", digits.digits())
    archives = [_record(raw / "digits.zip", "scikit-learn, load_digits")]
    files.write_json(raw / "source.json", {"kind": source.kind, "archives": archives})
    return {"archives": len(archives), "bytes": sum(archive["bytes"] for archive in archives)}


def _record(path: Path, origin: str) -> dict:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "from": origin, "bytes": path.stat().st_size, "sha256": digest}
