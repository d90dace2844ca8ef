"""File names in archives, normalized to image ids that are safe and the same on every machine."""

import re
import unicodedata
from collections.abc import Sequence

from darkroom.decode.archives import name_encodings
from darkroom.decode.rejections import Reason, Rejected

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SURROGATE = re.compile(r"[\udc80-\udcff]")
_DRIVE = re.compile(r"[A-Za-z]:")


def decoded(raw: bytes, certain: bool = False) -> str:
    """Return ``raw`` as UTF-8 text; bytes that may be no UTF-8 become surrogates, which :func:`together` reads.

    ``certain`` says that the archive calls them UTF-8. Else two bytes that happen to be UTF-8 may well be something
    else, as a cat in GBK is an è in UTF-8; three in a row hardly ever are.
    """
    text = raw.decode("utf-8", "surrogateescape")
    doubtful = not certain and not text.isascii() and max(text) < "\u0800"
    return raw.decode("ascii", "surrogateescape") if doubtful else text


def together(found: Sequence[str], wanted: str) -> tuple[list[str], name_encodings.Reading | None, list[int]]:
    """Return the names of one archive, as :func:`decoded` gave them, with those that are not UTF-8 read by a code page.

    Parameters
    ----------
    found : sequence of str
    wanted : str
        `decode.name_encoding`.

    Returns
    -------
    list of str
        In the order given; a name that ``wanted`` cannot read keeps its surrogates, which :func:`safe` spells out.
    Reading or None
        How those that are not UTF-8 were read; None where all are.
    list of int
        The places of these.
    """
    unread = {place: _raw(name) for place, name in enumerate(found) if not is_utf8(name)}
    others = [raw for raw in unread.values() if not is_utf8(raw.decode("utf-8", "surrogateescape"))]
    texts = list(found)
    reading = (
        name_encodings.read(others or unread.values(), wanted)
        if unread and (others or wanted != "auto")
        else None
    )
    so_read = []
    for place, raw in unread.items():
        texts[place] = utf8 = raw.decode("utf-8", "surrogateescape")
        # What is UTF-8 by accident is two bytes of one character; in a code page of one byte it would be Ã©.
        if reading and (
            wanted != "auto" or reading.encoding in name_encodings.OF_TWO_BYTES or not is_utf8(utf8)
        ):
            texts[place] = _read(raw, reading.encoding, utf8)
            so_read.append(place)
    return texts, reading, so_read


def is_utf8(text: str) -> bool:
    """Return whether a name that :func:`decoded` gave is UTF-8 beyond doubt."""
    # Nearly all names are printable, and this is a single pass in C.
    return text.isprintable() or not _SURROGATE.search(text)


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _read(raw: bytes, encoding: str, otherwise: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return otherwise


def ids(came: Sequence[str]) -> list[str]:
    """Return names in Unicode's composed form (NFC), in which names that look the same are the same.

    Two that differ in nothing but their composition are two files, though: these keep their names as they came.
    """
    composed = [unicodedata.normalize("NFC", name) for name in came]
    forms = dict(zip(composed, came, strict=True))
    several = {id for id, name in zip(composed, came, strict=True) if forms[id] != name}
    return [name if id in several else id for id, name in zip(composed, came, strict=True)]


def safe(name: str) -> str:
    r"""Return ``name`` as an id: parts joined by ``/``.

    Bytes that could not be read as text are spelled ``\xe9``, so that such a file can be used and its id written.

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
    return "/".join(parts)


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
