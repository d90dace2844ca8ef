"""The names that archives give their files, made into ids: plain, safe, the same on every machine."""

import re
import unicodedata

from darkroom.decode.rejections import Reason, Rejected

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:")


def decoded(raw: bytes) -> str:
    """Return ``raw`` as UTF-8 text; bytes that are none become surrogates, which :func:`safe` spells out."""
    return raw.decode("utf-8", "surrogateescape")


def safe(name: str) -> str:
    r"""Return ``name`` as an id: parts joined by ``/``, in Unicode's composed form (NFC).

    Bytes that are no UTF-8 are spelled ``\xe9``, so that such a file can be used and its id written.

    Raises
    ------
    Rejected
        The name is empty, absolute, climbs with ``..``, has a drive letter, a backslash or a control character: it
        would do harm on some machine that unpacks the archive, and no tool that packs photos writes such.
    """
    if name.startswith("/"):
        raise _unsafe("absolute")
    if _DRIVE.match(name):
        raise _unsafe("starts with a drive letter")
    if "\\" in name:
        raise _unsafe("has a backslash")
    if not name.isprintable():
        if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", name):
            raise _unsafe("has a control character")
        name = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _unsafe("climbs with '..'")
    if not parts:
        raise _unsafe("empty")
    return unicodedata.normalize("NFC", "/".join(parts))


def shown(name: str) -> str:
    r"""Return ``name`` fit for a table or a message: what cannot be printed is spelled out, as ``\x0a``."""
    return _UNPRINTABLE.sub(lambda found: _spelled(found.group()), name)


def _spelled(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as surrogateescape keeps it
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _unsafe(why: str) -> Rejected:
    return Rejected(Reason.UNSAFE_NAME, why)
