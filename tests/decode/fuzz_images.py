"""Feed mutated images to the decoder: `python tests/decode/fuzz_images.py --inputs 10000`.

Each input may end as pixels or as a rejection with a documented reason, of which the thumbnail is made as the stage
does. Anything else is a fault: another exception, more than ten seconds, pixels of another shape or type, a line on
stderr. The same seed gives the same inputs; a fault prints its number, and `--first N --inputs 1` repeats it.
"""

import argparse
import io
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from darkroom.decode.pictures import decoder_stderr, rejected_thumbnails
from darkroom.decode.pictures.preparation import Preparation
from darkroom.decode.rejections import Reason, Rejected

SECONDS = 10
BOUNDARIES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
MARKS = (
    b"\xff\xd8",
    b"\xff\xc0",
    b"\xff\xc2",
    b"\xff\xda",
    b"\xff\xd9",
    b"\xff\xd0",
    b"\xff\xe1",
    b"IDAT",
    b"IEND",
    b"tRNS",
    b"\xff\x51",
    b"\xff\x90",
    b"ihdr",
    b"ispe",
    b"65535\n",
)
PREPARATIONS = [
    Preparation((32, 32), "grayscale", "squash", "auto", (), False, 10**6, 1),
    Preparation((24, 40), "rgb", "fit", "auto", ("trim", "equalize"), False, 10**6, 1),
    Preparation((16, 16), "rgb", "crop", "area", (), True, 10**6, 2),
    Preparation((16, 16), "rgb", "squash", "auto", (), False, 10**6, 1, (0, 128, 255), 12),
]


def made_seeds() -> list[bytes]:
    """Return a small picture in every supported format and kind of pixel."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 52, 4), np.uint8)
    color = Image.fromarray(noise[:, :, :3]).resize((104, 80))
    seeds = []
    for kind, options in (
        ("JPEG", {"quality": 80}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("JPEG", {"restart_marker_rows": 1}),
        ("PNG", {}),
        ("GIF", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("AVIF", {}),
        ("MPO", {}),
        ("JPEG2000", {}),
        ("JPEG2000", {"no_jp2": True, "tile_size": (64, 64)}),
        ("TGA", {}),
        ("TGA", {"compression": "tga_rle"}),
        ("PCX", {}),
        ("PPM", {}),
        *([("HEIF", {})] if _has_heif() else []),
    ):
        file = io.BytesIO()
        color.save(file, kind, **options)  # type: ignore[arg-type]
        seeds.append(file.getvalue())
    for image, kind in (
        (color.convert("CMYK"), "JPEG"),
        (color.convert("L"), "JPEG"),
        (Image.fromarray(noise), "PNG"),
        (color.convert("P"), "PNG"),
        (color.convert("1"), "PNG"),
        (Image.fromarray(noise[:, :, 0].astype(np.uint16) * 257), "PNG"),
        (Image.fromarray(noise[:, :, 0].astype(np.uint16) * 16), "TIFF"),
        (Image.fromarray(noise[:, :, 0].astype(np.uint16) * 16), "JPEG2000"),
        (color.convert("P"), "TGA"),
        (color.convert("P"), "PCX"),
        (color.convert("1"), "PCX"),
    ):
        file = io.BytesIO()
        image.save(file, kind)
        seeds.append(file.getvalue())
    for suffix in (".png", ".tiff"):
        seeds.append(cv2.imencode(suffix, noise.astype(np.uint16) * 16)[1].tobytes())
    numbers = b" ".join(b"%d" % value for value in noise[:8, :8, 0].ravel())
    seeds += [
        b"P1\n# bits\n8 8\n" + b"01" * 32,
        b"P2 8 8 255 " + numbers,
        b"P3 4 4 255 " + numbers,
        b"P4 9 8\n" + noise.tobytes()[:16],
        b"P5 8 8 4095\n" + bytes(noise[:16, :8, 0] % 16),
        b"P6 4 4 65535\n" + noise.tobytes()[:96],
        b"P7\nWIDTH 4\nHEIGHT 4\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + noise.tobytes()[:64],
    ]
    return seeds


def _has_heif() -> bool:
    try:
        import pillow_heif
    except ModuleNotFoundError:
        return False
    pillow_heif.register_heif_opener()
    return True


def mutated(draw: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of ``seeds`` after one to four changes."""
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.randint(1, 4)):
        if not data:
            break
        at = draw.randrange(len(data)) if draw.random() < 0.5 else draw.randrange(min(len(data), 256))
        change = draw.randrange(8)
        if change == 0:
            data[at] ^= 1 << draw.randrange(8)
        elif change == 1:
            data[at] = draw.randrange(256)
        elif change == 2:
            del data[at:]
        elif change == 3:
            del data[at : at + draw.randint(1, 64)]
        elif change == 4:
            data[at:at] = draw.randbytes(draw.randint(1, 64))
        elif change == 5:
            size, order = draw.choice((1, 2, 4)), draw.choice(("big", "little"))
            value = draw.choice(BOUNDARIES) & ((1 << 8 * size) - 1)
            data[at : at + size] = value.to_bytes(size, order)  # type: ignore[arg-type]
        elif change == 6:
            data[at:at] = draw.choice(MARKS)
        else:
            other = draw.choice(seeds)
            data[at : at + 64] = other[at : at + 64]
    return bytes(data)


def check(data: bytes, preparation: Preparation) -> str:
    """Prepare ``data``; return how it ended, raise where that is a fault."""
    start = time.monotonic()
    try:
        image = preparation.prepare(data)
    except Rejected as rejection:
        if not isinstance(rejection.reason, Reason) or not rejection.detail:
            raise AssertionError(f"undocumented rejection: {rejection!r}") from rejection
        check_thumbnail(data, rejection.reason, preparation.max_pixels)
        ended = str(rejection.reason)
    else:
        if image.pixels.shape != preparation.shape or image.pixels.dtype != np.uint8:
            raise AssertionError(f"pixels of {image.pixels.shape} {image.pixels.dtype}")
        ended = "pixels"
    if time.monotonic() - start > SECONDS:
        raise AssertionError(f"took {time.monotonic() - start:.0f} s")
    return ended


def check_thumbnail(data: bytes, reason: Reason, max_pixels: int) -> None:
    """Make the thumbnail of a rejected file, as the stage does; raise where it is neither small pixels nor None."""
    if reason not in rejected_thumbnails.SHOWN:
        return
    with decoder_stderr.listening():
        small = rejected_thumbnails.of_file(data, reason, max_pixels)
    if small is not None and (
        small.dtype != np.uint8
        or small.ndim != 3
        or small.shape[2] != 3
        or not 1 <= max(small.shape[:2]) <= rejected_thumbnails.SIDE
    ):
        raise AssertionError(f"thumbnail of {small.shape} {small.dtype}")


def fuzz(seeds: Sequence[bytes], seed: int, first: int, inputs: int) -> Counter[str]:
    """Check ``inputs`` mutated images; return how many ended in which way."""
    ends: Counter[str] = Counter()
    with tempfile.TemporaryFile() as heard:
        stderr = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            for number in range(first, first + inputs):
                draw = random.Random(f"{seed}/{number}")
                data = mutated(draw, seeds)
                try:
                    ends[check(data, PREPARATIONS[number % len(PREPARATIONS)])] += 1
                    if os.fstat(heard.fileno()).st_size:
                        raise AssertionError(f"wrote to stderr: {os.pread(heard.fileno(), 200, 0)!r}")
                except Exception as error:
                    raise AssertionError(f"input {number} of seed {seed}: {error!r}") from error
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    return ends


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--files", type=Path, help="a folder of more images to begin from")
    options = parser.parse_args()
    seeds = made_seeds()
    if options.files:
        seeds += [
            path.read_bytes() for path in sorted(options.files.iterdir()) if path.stat().st_size < 200_000
        ]
    ends = fuzz(seeds, options.seed, options.first, options.inputs)
    for end, count in ends.most_common():
        print(f"{count:7} {end}")
    sys.exit(0)


if __name__ == "__main__":
    main()
