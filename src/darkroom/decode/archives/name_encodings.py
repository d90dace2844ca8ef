"""Finds the character encoding of an archive's file names where it is not UTF-8.

A zip made by Windows or by an old program holds its names in the code page of that machine and does not say which.
The names of one archive come from one machine, so they are judged together: the code page that makes them most likely
text of its language is taken. The measure is the probability of each character, by the area of the code page it lies
in (frequent letters, the common characters, the rare ones), and of letters of two scripts side by side in a word.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

SURE = math.log(20)
"""By how much the logarithm of the probability must exceed the next best reading's for a reading to be sure."""


class Reading(NamedTuple):
    """An encoding, and whether any other one is far less likely."""

    encoding: str
    sure: bool


def read(names: Iterable[bytes], wanted: str) -> Reading:
    """Return how the names of one archive, none of them UTF-8, are to be read.

    Parameters
    ----------
    names : iterable of bytes
        Whole names, parts joined by ``/``.
    wanted : str
        An encoding that Python knows; "auto": the most likely of :data:`ENCODINGS`.
    """
    if wanted != "auto":
        return Reading(wanted, True)
    # One folder of a thousand files is no better evidence than the folder's name once.
    parts = sorted({part for name in names for part in name.split(b"/") if not part.isascii()})
    texts = {encoding: text for encoding in ENCODINGS if (text := _decoded(parts, encoding)) is not None}
    found = sorted((_likelihood(texts[encoding], encoding), encoding) for encoding in texts)
    best, encoding = found[-1]
    others = [likelihood for likelihood, other in found if texts[other] != texts[encoding]]
    return Reading(encoding, not others or best - max(others) >= SURE)


def told(archive: str, count: int, example: str, reading: Reading, judged: bool) -> str:
    """Return what to print where ``count`` names of ``archive``, of which ``example`` is the first, were so read."""
    how = "" if not judged else " by what they most likely say" if reading.sure else ", which is a guess"
    return (
        f"decode: {archive}: {count} names are not UTF-8; read as {reading.encoding}{how}: the first is {example!r}; "
        "if that is wrong, set decode.name_encoding in params.yaml (cp932 is Japanese, gbk and big5 Chinese, cp949 "
        "Korean, cp866 and cp1251 Cyrillic, cp437, cp850 and cp1252 Western)"
    )


def _decoded(parts: Sequence[bytes], encoding: str) -> list[str] | None:
    try:
        return [part.decode(encoding) for part in parts]
    except UnicodeDecodeError:
        return None


def _likelihood(texts: Sequence[str], encoding: str) -> float:
    areas = ENCODINGS[encoding]
    total = 0.0
    for text in texts:
        before = " "
        for character in text:
            total += _ASCII if character.isascii() else areas(character, encoding)
            if before.isalpha() and character.isalpha():
                total += _side_by_side(before, character)
            before = character
    return total


_ASCII = math.log(0.5 / 40)
_RARE = math.log(1e-6)
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýœšžßÀÁÂÄÅÇÈÉÊÍÑÓÔÖÚÜØ")
_OF_ALL_WESTERN = math.log(0.05 / 30)
_OFTEN_RUSSIAN = frozenset("оеаинтсрвлкмдпу")  # four of five letters of a Russian text


def _side_by_side(before: str, after: str) -> float:
    """Return the price of two letters of different scripts, or of a capital in a word, next to each other."""
    if before.isascii() != after.isascii() and max(before, after) > "\u0370":
        return math.log(0.02)
    return math.log(0.02) if before.islower() and after.isupper() else 0.0


def _of(area: float, characters: int) -> float:
    return math.log(area / characters)


def _western(character: str, _: str) -> float:
    if character not in _WESTERN:
        return _RARE
    return _OF_ALL_WESTERN if character.islower() else _OF_ALL_WESTERN - 1


def _cyrillic(character: str, _: str) -> float:
    if not "\u0400" <= character <= "\u045f":
        return _RARE
    lower = character.lower()
    capital = 0.0 if character == lower else -1.5
    if lower in _OFTEN_RUSSIAN:
        return _of(0.36, 15) + capital
    return (_of(0.09, 17) if "\u0430" <= lower <= "\u044f" else _of(0.001, 16)) + capital


def _kana(character: str) -> float | None:
    if "\u3041" <= character <= "\u3096":
        return _of(0.3, 83)
    if "\u30a1" <= character <= "\u30fc":
        return _of(0.25, 86)
    return None


def _japanese(character: str, encoding: str) -> float:
    if (kana := _kana(character)) is not None:
        return kana
    code = character.encode(encoding)
    first, last = (0x88, 0x97) if encoding == "cp932" else (0xB0, 0xCF)
    if len(code) == 2 and first <= code[0] <= last:
        return _of(0.6, 2965)
    return _of(0.03, 3390) if "\u4e00" <= character <= "\u9fff" else _RARE


def _korean(character: str, encoding: str) -> float:
    code = character.encode(encoding)
    if code[-1] < 0xA1 or code[0] < 0xA1:
        return _of(0.01, 8822)
    return _of(0.95, 2350) if 0xB0 <= code[0] <= 0xC8 else _of(0.02, 4888)


def _chinese(first: int, last: int, common: int) -> Callable[[str, str], float]:
    def likelihood(character: str, encoding: str) -> float:
        code = character.encode(encoding)
        inside = code[-1] >= 0xA1 or encoding == "big5"
        if inside and len(code) == 2 and first <= code[0] <= last:
            return _of(0.95, common)
        return _of(0.04, 3008) if inside and code[0] > last else _RARE

    return likelihood


ENCODINGS: dict[str, Callable[[str, str], float]] = {
    "cp932": _japanese,
    "euc_jp": _japanese,
    "cp949": _korean,
    "gbk": _chinese(0xB0, 0xD7, 3755),
    "big5": _chinese(0xA4, 0xC6, 5401),
    "cp866": _cyrillic,
    "cp1251": _cyrillic,
    "cp1252": _western,
    "cp850": _western,
    "cp437": _western,
}
"""What names are read as by ``auto``, each with the logarithm of a character's probability in its language.

The last one reads any bytes, so there always is a reading.
"""

OF_TWO_BYTES = frozenset(("cp932", "euc_jp", "cp949", "gbk", "big5"))
"""Those of :data:`ENCODINGS` in which a character may take two bytes."""
