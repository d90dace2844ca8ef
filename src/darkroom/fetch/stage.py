"""The fetch stage: fills data/raw with the source's archives, unchanged, and records their origin."""

import hashlib
from pathlib import Path
from typing import Any

from darkroom import UserError, files
from darkroom.fetch import packing
from darkroom.params import SourceParams


def fetch(source: SourceParams, inbox: Path, raw: Path) -> dict[str, object]:
    """Bring the archives of ``source`` into ``raw`` and write ``source.json`` beside them.

    Parameters
    ----------
    source : SourceParams
        The section of params.yaml.
    inbox : Path
        The folder in which the user puts images; the tracked place for local sources.
    raw : Path
        Emptied, then filled: the archives, never unpacked, and ``source.json`` with each one's name, where it
        came from, bytes and sha256.

    Returns
    -------
    dict
        The metrics: the source in words, number of archives, and their bytes in all.

    Raises
    ------
    UserError
        The source is not there, is refused by its server, or is not an archive.
    """
    try:
        files.empty_folder(raw)
    except OSError as error:
        raise UserError(
            f"{error.filename or raw}: cannot be written: {error.strerror}; correct that and run again"
        ) from None
    archives = [_record(path, origin) for path, origin in _bring(source, inbox, raw)]
    files.write_json(raw / "source.json", {"kind": source.kind, "archives": archives})
    return {
        "source": f"{_origins(archives)} ({source.kind})",
        "archives": len(archives),
        "bytes": sum(archive["bytes"] for archive in archives),
    }


def _origins(archives: list[dict[str, Any]]) -> str:
    """Return in a few words where archives came from: what a table of metrics has room for."""
    first, *others = dict.fromkeys(archive["from"] for archive in archives)
    return f"{first} and {len(others)} more" if others else str(first)


def _bring(source: SourceParams, inbox: Path, raw: Path) -> list[tuple[Path, str]]:
    """Fetch by the source's kind; each kind is imported only where it is used."""
    if source.kind == "bundled":
        return [_bundled(source, raw)]
    if source.kind == "local":
        from darkroom.fetch.local import fetch_local

        return fetch_local(_listed(source.path), inbox, raw)
    from darkroom.fetch.http_transfer import Patience

    # Not in data/raw, which DVC empties before each run.
    partials = files.scratch("fetch") or Path(".dvc/tmp/darkroom/fetch")
    if source.kind == "kaggle":
        from darkroom.fetch.kaggle import Wanted, fetch_kaggle

        wanted = Wanted(source.dataset, source.version, source.competition)
        return fetch_kaggle(wanted, source.max_bytes, raw, partials, Patience())
    from darkroom.fetch.http import fetch_http

    urls = source.urls if isinstance(source.urls, list) else [source.urls]
    downloads = [(one, "") if isinstance(one, str) else (one.url, one.sha256) for one in urls]
    return fetch_http(downloads, source.max_bytes, raw, partials, Patience())


def _bundled(source: SourceParams, raw: Path) -> tuple[Path, str]:
    target = raw / f"{source.name}.zip"
    if source.name == "digits":
        from darkroom.fetch.digits import digits

        packing.pack_contents(target, digits())
        return target, "scikit-learn: load_digits"
    from darkroom.fetch.drawings import drawings

    packing.pack_contents(target, drawings(source.seed))
    return target, f"darkroom: drawings of O and X, seed {source.seed}"


def _listed(value: str | list[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


def _record(path: Path, origin: str) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "from": origin, "bytes": path.stat().st_size, "sha256": digest}
