"""Feed mutated archives to the reader: `python tests/decode/fuzz_archives.py --inputs 10000`.

Each input may end as members, refused files or a message for the user. Anything else is a fault: another exception,
more than ten seconds, a file outside the scratch folder, members that share an id, more scratch than allowed. The same
seed gives the same inputs; a fault prints its number, and `--first N --inputs 1` repeats it.
"""

import argparse
import bz2
import gzip
import io
import lzma
import random
import shutil
import struct
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from darkroom import UserError
from darkroom.decode import archives
from darkroom.decode.labels.labelling import label_members
from darkroom.decode.rejections import Rejected
from darkroom.params import LabelsParams

MAX_BYTES = 1 << 20
SECONDS = 10
LABELS = LabelsParams(
    kind="folder",
    depth=1,
    pattern="(?P<label>.)",
    file=None,
    path_column="path",
    label_column="label",
    split_column=None,
    map={},
    skip=[],
    split_folders="auto",
    encoding="auto",
    label_columns=None,
    exclude=[],
    min_images=1,
    corrections=None,
)
BOUNDARIES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
CONTROLS = {chr(code) for code in (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0xD800, 0xE000))}
MARKS = (
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"ustar",
    b"../",
    b"/",
    b"\\",
    b"\0",
)


def pictures(seed: int = 0) -> dict[str, bytes]:
    """Return small pictures of this file's own making, by name, in the formats that matter."""
    draw = np.random.default_rng(seed)
    made = {}
    for suffix in ("jpg", "png", "webp", "bmp", "gif"):
        pixels = draw.integers(0, 256, (9, 11, 3), np.uint8)
        made[f"train/{suffix}/1.{suffix}"] = cv2.imencode(f".{suffix}", pixels)[1].tobytes()
    return made | {"empty.jpg": b"", "test1/é.txt": b"no picture"}


def seeds(odd: Path | None = None) -> list[bytes]:
    """Return sound archives of every form, of own pictures and of small files in ``odd``."""
    contents = pictures()
    for path in sorted(odd.iterdir()) if odd is not None and odd.is_dir() else []:
        if path.stat().st_size < 20_000:
            contents[f"odd/{path.name}"] = path.read_bytes()
    zips = [_zip(contents, method) for method in (0, 8, 12, 14)]
    tars = [_tar(contents, form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]
    packed = [pack(tars[2]) for pack in (gzip.compress, bz2.compress, lzma.compress)]
    small = pictures(1)
    inner = {
        "a.zip": _zip(small, 8),
        "b.tar": _tar(small, tarfile.GNU_FORMAT),
        "c.tgz": gzip.compress(tars[0]),
    }
    return [*zips, *tars, *packed, _zip(inner, 0), _zip(inner, 8), _tar(inner, tarfile.PAX_FORMAT)]


def _zip(contents: dict[str, bytes], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in contents.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=len(content) % 2 == 1) as member:
                member.write(content)
    return buffer.getvalue()


def _tar(contents: dict[str, bytes], form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for number, (name, content) in enumerate(contents.items()):
            info = tarfile.TarInfo(name if number % 3 else "long/" * 30 + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def mutated(draw: random.Random, sound: Sequence[bytes]) -> bytes:
    """Return one of ``sound`` after one to eight changes; half of compressed tars change before they are packed."""
    data = draw.choice(sound)
    packs = {b"\x1f\x8b": gzip, b"BZ": bz2, b"\xfd7": lzma}
    pack = packs.get(data[:2]) if draw.random() < 0.5 else None
    changed = bytearray(pack.decompress(data) if pack else data)
    for _ in range(draw.randint(1, 8)):
        _change(draw, changed, sound)
    if not pack and changed[257:262] == b"ustar" and draw.random() < 0.7:
        _mend_checksums(changed)
    return pack.compress(bytes(changed)) if pack else bytes(changed)


def _change(draw: random.Random, data: bytearray, sound: Sequence[bytes]) -> None:
    at = _spot(draw, data)
    kind = draw.randrange(9)
    if kind == 0:
        data[at : at + 1] = bytes([draw.randrange(256)])
    elif kind == 1 and data:
        data[min(at, len(data) - 1)] ^= 1 << draw.randrange(8)
    elif kind == 2:
        size = draw.choice((1, 2, 4, 8))
        data[at : at + size] = struct.pack("<Q", draw.choice(BOUNDARIES))[:size]
    elif kind == 3:
        del data[at : at + draw.randint(1, 2000)]
    elif kind == 4:
        del data[at:]
    elif kind == 5:
        data[at:at] = draw.randbytes(draw.randint(1, 600))
    elif kind == 6:
        data[at:at] = data[at : at + draw.randint(1, 2000)]
    elif kind == 7:
        mark = draw.choice(MARKS)
        data[at : at + len(mark)] = mark
    else:
        other = draw.choice(sound)
        start = draw.randrange(len(other))
        data[at : at + 512] = other[start : start + 512]


def _spot(draw: random.Random, data: bytearray) -> int:
    """Return where to change: half of the time within a header, where a byte means most."""
    mark = data.find(draw.choice(MARKS[:6]), draw.randrange(len(data) + 1)) if draw.random() < 0.5 else -1
    if mark < 0:
        return draw.randrange(len(data) + 1)
    return max(0, min(len(data), mark + draw.randint(-257 if data[mark : mark + 1] == b"u" else 0, 60)))


def _mend_checksums(data: bytearray) -> None:
    """Give each header of a tar the checksum that it must have to be read at all."""
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar":
            total = 256 + sum(data[at : at + 148]) + sum(data[at + 156 : at + 512])
            data[at + 148 : at + 156] = b"%06o\0 " % total


def ending(data: bytes, folder: Path) -> str:
    """Return how reading ``data`` as an archive ends; raise AssertionError or what it raised on a fault."""
    raw, scratch = folder / "raw", folder / "scratch"
    raw.mkdir()
    scratch.mkdir()
    (raw / "archive").write_bytes(data)
    before = _names(folder)
    started, lines = time.monotonic(), 1
    try:
        members, refused = archives.members(raw, scratch, MAX_BYTES)
        assert len({member.id for member in members}) == len(members), "members share an id"
        assert all(_is_plain(member.id) for member in members), "an id is unsafe"
        assert not any(set(row.id) & CONTROLS for row in refused), "a refused id has a control character"
        label_members(members, LABELS, folder / "inbox")
        ends = Counter(_read(member) for member in members)
        result = "members and losses" if refused or set(ends) > {"read"} else "members"
    except UserError as error:
        lines, result = str(error).count("\n") + 1, "message"
    seconds = time.monotonic() - started
    assert lines == 1, "a message of several lines"
    assert seconds < SECONDS, f"took {seconds:.1f} s"
    assert _names(folder) == before, "wrote outside its folders"
    assert _names(raw) == ["archive"], "wrote into data/raw"
    written = sum(path.stat().st_size for path in scratch.iterdir())
    assert written <= MAX_BYTES, f"wrote {written} bytes of scratch"
    return result


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _is_plain(id: str) -> bool:
    return not (set(id.split("/")) & {"", ".", ".."}) and id.encode().decode() == id and "\n" not in id


def _read(member: archives.Member) -> str:
    try:
        content = archives.read(member)
    except Rejected as rejected:
        return str(rejected.reason)
    assert len(content) == member.bytes, "a member has not the length it declares"
    return "read"


def fuzz(inputs: int, seed: int = 0, first: int = 0, odd: Path | None = None) -> Counter[str]:
    """Return how many of ``inputs`` mutated archives ended how; the first fault is raised with its number."""
    sound = seeds(odd)
    counts: Counter[str] = Counter()
    for number in range(first, first + inputs):
        data = mutated(random.Random(f"{seed} {number}"), sound)
        folder = Path(tempfile.mkdtemp(prefix="fuzz-archives-"))
        try:
            counts[ending(data, folder)] += 1
        except Exception as error:
            raise AssertionError(f"input {number} of seed {seed}: {error!r}") from error
        finally:
            shutil.rmtree(folder)
    return counts


def main() -> None:
    """Run as many inputs as asked and print how they ended."""
    parser = argparse.ArgumentParser(description="Feed mutated archives to the reader.")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument(
        "--odd", type=Path, default=None, help="a folder of odd image files, as further seeds"
    )
    options = parser.parse_args()
    counts = fuzz(options.inputs, options.seed, options.first, options.odd)
    print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())), file=sys.stdout)


if __name__ == "__main__":
    main()
