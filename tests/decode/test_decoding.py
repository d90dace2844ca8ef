"""Every odd file ends as the pixels a Pillow reference gives, or is rejected with the right reason."""

import io
import json
import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from darkroom.decode.pictures import decoder_stderr, decoding, formats
from darkroom.decode.pictures.preparation import Preparation
from darkroom.decode.rejections import Reason, Rejected

LIMITS = decoding.Limits(max_pixels=100_000_000, min_side=1)

REJECTED = {
    "Thumbs.db": Reason.NOT_AN_IMAGE,
    "broken.png": Reason.CORRUPT,
    "broken_data_stream.png": Reason.CORRUPT,
    "hopper_bad_exif.jpg": Reason.CORRUPT,  # half of its rows are noise: the scan lost its place, again and again
    "html_error_page.jpg": Reason.NOT_AN_IMAGE,
    "png_decompression_dos.png": Reason.TOO_LARGE,
    "truncated_end_chunk.png": Reason.TRUNCATED,
    "truncated_half.jpg": Reason.TRUNCATED,
    "truncated_jpeg.jpg": Reason.TRUNCATED,
    "zero_byte.jpg": Reason.EMPTY,
    "zero_width.gif": Reason.CORRUPT,
}

DECODED = {  # name: width and height once upright
    "1_trns.png": (64, 64),
    "200x32_la.png": (200, 32),
    "Landscape_1.jpg": (1800, 1200),
    "Landscape_3.jpg": (1800, 1200),
    "Landscape_6.jpg": (1800, 1200),
    "Landscape_8.jpg": (1800, 1200),
    "app13-multiple.jpg": (256, 160),
    "broken_exif_dpi.jpg": (100, 100),
    "delay.png": (128, 64),
    "dispose_bgnd.gif": (100, 100),
    "flower2.jpg": (300, 225),
    "gray16.png": (64, 48),
    "hopper.gif": (128, 128),
    "hopper.webp": (128, 128),
    "hopper_16bit_qtables.jpg": (128, 128),
    "hopper_gray.jpg": (128, 128),
    "hopper_orientation_3.jpg": (128, 128),
    "hopper_orientation_6.jpg": (128, 128),
    "hopper_orientation_8.jpg": (128, 128),
    "i_trns.png": (64, 64),
    "iss634.webp": (245, 245),
    "junk_jpeg_header.jpg": (1024, 768),
    "p_trns_single.png": (64, 64),
    "pal1.png": (127, 64),
    "pal8.png": (127, 64),
    "parasitized_is_really_jpeg.png": (118, 127),
    "pil_sample_cmyk.jpg": (100, 100),
    "rgb_trns.png": (64, 64),
    "sugarshack.mpo": (640, 480),
    "tiny.png": (4, 4),
    "transparent.webp": (200, 150),
}


def reference(data: bytes, mode: str) -> np.ndarray:
    """Decode by Pillow alone: upright, 16 bits to 8, on white."""
    image = Image.open(io.BytesIO(data))
    clear = image.info.get("transparency")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(int)
        narrow = np.where(wide == clear, 255, wide // 256)
        return np.asarray(Image.fromarray(narrow.astype(np.uint8)).convert(mode)).astype(int)
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return np.asarray(white.convert(mode)).astype(int)


def test_the_table_names_every_odd_file(real_images: Path) -> None:
    assert set(REJECTED) | set(DECODED) == {path.name for path in (real_images / "odd").iterdir()}
    assert len(REJECTED) + len(DECODED) == 42


@pytest.mark.parametrize("name", REJECTED)
def test_an_odd_file_is_rejected_with_its_reason(real_images: Path, name: str) -> None:
    with pytest.raises(Rejected) as rejection:
        decoding.decode((real_images / "odd" / name).read_bytes(), "rgb", LIMITS)
    assert rejection.value.reason is REJECTED[name]
    assert rejection.value.detail
    assert "0x7f" not in rejection.value.detail


@pytest.mark.parametrize(("color", "mode"), [("grayscale", "L"), ("rgb", "RGB")])
@pytest.mark.parametrize("name", DECODED)
def test_an_odd_file_decodes_as_by_pillow(
    real_images: Path, name: str, color: decoding.Color, mode: str
) -> None:
    data = (real_images / "odd" / name).read_bytes()
    picture = decoding.decode(data, color, LIMITS)
    expected = reference(data, mode)
    assert picture.pixels.dtype == np.uint8
    assert (picture.width, picture.height) == DECODED[name]
    assert picture.pixels.shape == expected.shape
    assert np.abs(picture.pixels - expected).mean() <= 2


def encoded(suffix: str, **options: object) -> bytes:
    """Return a smooth 64x48 colour picture as a file."""
    rows, columns = np.mgrid[:48, :64]
    image = np.stack([rows * 5, columns * 3, (rows + columns) * 2], axis=2).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, suffix, **options)
    return file.getvalue()


FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "TGA", "PCX", "PPM"]


@pytest.mark.parametrize("kind", [*FORMATS, "MPO"])
@pytest.mark.parametrize(("color", "mode"), [("grayscale", "L"), ("rgb", "RGB")])
def test_every_supported_format_decodes(kind: str, color: decoding.Color, mode: str) -> None:
    data = encoded(kind)
    assert np.abs(decoding.decode(data, color, LIMITS).pixels - reference(data, mode)).mean() <= 2


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_cut_short_is_never_half_used(kind: str) -> None:
    data = encoded(kind)
    for part in (0.3, 0.6, 0.9):
        with pytest.raises(Rejected) as rejection:
            decoding.decode(data[: int(len(data) * part)], "rgb", LIMITS)
        assert rejection.value.reason in (Reason.TRUNCATED, Reason.CORRUPT)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = encoded(kind, exif=exif)
    picture = decoding.decode(data, "grayscale", LIMITS)
    assert np.abs(picture.pixels - reference(data, "L")).mean() <= 2
    assert (picture.width, picture.height) == ((64, 48) if orientation < 5 else (48, 64))


@pytest.mark.parametrize("kind", FORMATS)
def test_too_many_pixels_are_refused_from_the_header(kind: str) -> None:
    with pytest.raises(Rejected, match="64 x 48 = 3072 pixels") as rejection:
        decoding.decode(encoded(kind), "rgb", decoding.Limits(max_pixels=3071, min_side=1))
    assert rejection.value.reason is Reason.TOO_LARGE
    assert decoding.decode(encoded(kind), "rgb", decoding.Limits(max_pixels=3072, min_side=1))


def test_a_frame_beyond_the_header_is_refused_before_it_is_made() -> None:
    frame = b",\0\0\0\0\xff\xff\xff\xff\0\x02\0\0;"
    data = b"GIF89a\x01\0\x01\0\xf0\0\0" + bytes(6) + frame
    with pytest.raises(Rejected) as rejection:
        decoding.decode(data, "rgb", LIMITS)
    assert rejection.value.reason is Reason.TOO_LARGE


def test_too_short_a_side_is_refused() -> None:
    with pytest.raises(Rejected) as rejection:
        decoding.decode(encoded("JPEG"), "rgb", decoding.Limits(max_pixels=10**6, min_side=49))
    assert rejection.value.reason is Reason.TOO_SMALL


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"8BPS\0\1", Reason.UNSUPPORTED),
        (b"BM or not BM", Reason.NOT_AN_IMAGE),
        (b"<?xml version='1.0'?><svg/>", Reason.NOT_AN_IMAGE),
        (b"\xff\xd8", Reason.CORRUPT),
        (b"P5 4 3 255\n" + bytes(11), Reason.TRUNCATED),
        (b"P2 4 3 255\n1 2 3", Reason.TRUNCATED),
        (b"P2 2 1 255\n1 -2", Reason.CORRUPT),
        (b"P2 2 1 255\n1 256", Reason.CORRUPT),
        (b"P2 2 1 255\n1 99999999999999999999999", Reason.CORRUPT),
        (b"P5 4 3 70000\n" + bytes(24), Reason.CORRUPT),
        (b"P5 0 3 255\n", Reason.CORRUPT),
        (b"P5 99999 99999 255\n", Reason.TOO_LARGE),
        (b"P7\nWIDTH 2\nENDHDR\n", Reason.CORRUPT),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\n", Reason.UNSUPPORTED),
        (b"P5 is a piano sonata", Reason.NOT_AN_IMAGE),
    ],
)
def test_what_is_no_picture_or_a_damaged_netpbm_says_so(data: bytes, reason: Reason) -> None:
    with pytest.raises(Rejected) as rejection:
        decoding.decode(data, "rgb", LIMITS)
    assert rejection.value.reason is reason


def test_floating_point_pixels_are_unsupported() -> None:
    file = io.BytesIO()
    Image.fromarray(np.ones((8, 8), np.float32)).save(file, "TIFF")
    with pytest.raises(Rejected) as rejection:
        decoding.decode(file.getvalue(), "rgb", LIMITS)
    assert rejection.value.reason is Reason.UNSUPPORTED


def photo(quality: int = 90) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    smooth = cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", smooth, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def test_bytes_missing_inside_a_scan_are_found(capfd: pytest.CaptureFixture[str]) -> None:
    data = photo()
    middle = len(data) // 2
    with pytest.raises(Rejected) as rejection:
        decoding.decode(data[:middle] + data[middle + 2000 :], "grayscale", LIMITS)
    assert rejection.value.reason in (Reason.TRUNCATED, Reason.CORRUPT)
    assert "JPEG" in rejection.value.detail
    assert capfd.readouterr().err == ""


def test_damage_is_blamed_on_the_right_picture_among_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    good = photo()
    middle = len(good) // 2
    bad = good[:middle] + good[middle + 2000 :]

    def usable(data: bytes) -> bool:
        try:
            decoding.decode(data, "grayscale", LIMITS)
        except Rejected:
            return False
        return True

    files = [bad if number % 3 == 0 else good for number in range(120)]
    with decoder_stderr.listening(), ThreadPoolExecutor(4) as threads:
        assert list(threads.map(usable, files)) == [data is good for data in files]


def test_what_others_write_to_stderr_is_printed_in_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    import os

    with decoder_stderr.listening():
        os.write(2, b"a line of somebody else\n")
        with decoder_stderr.stderr() as stream:
            stream.write("at once\n")
            stream.flush()
            assert capfd.readouterr().err == "at once\n"
    assert capfd.readouterr().err == "a line of somebody else\n"


@pytest.mark.parametrize("color", ["grayscale", "rgb"])
@pytest.mark.parametrize("size", [16, 32, 80, 128])
def test_reduced_decoding_stays_within_two_grey_levels(
    real_images: Path, color: decoding.Color, size: int
) -> None:
    photos = [
        *sorted((real_images / "dogs-vs-cats" / "train").iterdir())[::50],
        *sorted((real_images / "flower_photos").rglob("*.jpg"))[::60],
        real_images / "odd" / "Landscape_6.jpg",
    ]

    def prepared(path: Path, reduced: bool) -> np.ndarray:
        preparation = Preparation((size, size), color, "squash", "auto", (), reduced, 10**8, 1)
        return preparation.prepare(path.read_bytes()).pixels.astype(int)

    errors = [np.abs(prepared(path, True) - prepared(path, False)).mean() for path in photos]
    assert max(errors) > 0  # something was reduced
    assert np.mean(errors) <= 2


def test_reduced_decoding_reports_the_full_size() -> None:
    picture = decoding.decode(photo(), "grayscale", LIMITS, shrink_to=(32, 32))
    assert picture.pixels.shape == (120, 160)
    assert (picture.width, picture.height) == (320, 240)


@pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic", b"msf1\0\0\0\0hevc"])
def test_heif_says_what_to_install(monkeypatch: pytest.MonkeyPatch, brands: bytes) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(Rejected, match="install pillow-heif") as rejection:
        decoding.decode(bytes((0, 0, 0, 8 + len(brands))) + b"ftyp" + brands, "rgb", LIMITS)
    assert rejection.value.reason is Reason.UNSUPPORTED
    assert "`make extra-heif`" in rejection.value.detail


def test_heif_is_decoded_where_the_extra_is_installed() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    data = encoded("HEIF", quality=95)
    assert np.abs(decoding.decode(data, "rgb", LIMITS).pixels - reference(data, "RGB")).mean() <= 2
    with pytest.raises(Rejected, match="64 x 48 = 3072 pixels"):
        decoding.decode(data, "rgb", decoding.Limits(max_pixels=3071, min_side=1))


def test_avif_under_a_general_brand_is_avif() -> None:
    data = encoded("AVIF")
    assert formats.sniff(data[:8] + b"mif1" + data[12:]) == "AVIF"


GRAY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
BITS = 255 - 255 * np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1]])
WIDE = GRAY.astype(np.uint16)
PAM = b"P7\nWIDTH 4\n# a comment\nHEIGHT 3\nDEPTH %d\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P1\n# a comment\n4 3\n0101 1010 0 0 1 1\n", BITS),
        (b"P2 4 3 # comment\n220\n" + b" ".join(b"%d" % v for v in GRAY.ravel()), (WIDE * 255 / 220).round()),
        (b"P4\n4 3\n\x50\xaf\x30", BITS),
        (b"P5 4 3 255\n" + GRAY.tobytes(), GRAY),
        (b"P5 4 3 4095\n" + (WIDE * 16).astype(">u2").tobytes(), (WIDE * 16 * 255.0 / 4095).round()),
        (b"P5 4 3 65535\n" + (WIDE * 256).astype(">u2").tobytes(), GRAY),
        (PAM % 1 + GRAY.tobytes(), GRAY),
        (PAM % 2 + np.dstack([GRAY, np.full((3, 4), 255, np.uint8)]).tobytes(), GRAY),
    ],
    ids=["P1", "P2", "P4", "P5", "P5 12 bits", "P5 16 bits", "PAM", "PAM with opacity"],
)
def test_netpbm_gray_in_all_its_forms(data: bytes, expected: np.ndarray) -> None:
    assert np.array_equal(decoding.decode(data, "grayscale", LIMITS).pixels, expected)
    assert np.array_equal(decoding.decode(data, "rgb", LIMITS).pixels[..., 1], expected)


@pytest.mark.parametrize("most", [255, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_netpbm_color_in_all_its_forms(most: int, plain: bool) -> None:
    color = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    wide = color.astype(">u2") * (1 if most == 255 else 257)
    raster = (
        b" ".join(b"%d" % v for v in wide.ravel())
        if plain
        else color.tobytes()
        if most == 255
        else wide.tobytes()
    )
    data = b"P%d\n7 5\n%d\n" % (3 if plain else 6, most) + raster
    assert np.array_equal(decoding.decode(data, "rgb", LIMITS).pixels, color)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_samples_of_16_bits_keep_the_bits_that_are_used(suffix: str, channels: int) -> None:
    wide = np.random.default_rng(0).integers(0, 4096, (9, 11, channels), np.uint16)
    if channels == 4:
        wide[..., 3] = 65535
    data = cv2.imencode(suffix, wide)[1].tobytes()
    picture = decoding.decode(data, "rgb", LIMITS, rendering=decoding.Rendering(bit_depth=12))
    expected = np.broadcast_to(wide[..., 2::-1] if channels > 1 else wide, (9, 11, 3)) >> 4
    assert np.array_equal(picture.pixels, expected)
    assert picture.brightest == wide[..., :3].max()
    assert decoding.decode(data, "rgb", LIMITS).pixels.max() == 15
    clipped = decoding.decode(data, "rgb", LIMITS, rendering=decoding.Rendering(bit_depth=10)).pixels
    used = np.broadcast_to(wide[..., 2::-1] if channels > 1 else wide, (9, 11, 3))
    assert np.array_equal(clipped, np.minimum(used >> 2, 255))


def test_gray_with_opacity_in_16_bits_keeps_both_halves() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = np.array([[[1000, 65535], [4095, 0]], [[4095, 65535], [16, 65535]]], ">u2")
    scan = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", 2, 2, 16, 4, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(scan))
        + chunk(b"IEND", b"")
    )
    picture = decoding.decode(data, "grayscale", LIMITS, rendering=decoding.Rendering((0, 0, 0), 12))
    assert picture.pixels.tolist() == [[1000 >> 4, 0], [255, 1]]


def test_a_tiff_that_says_12_bits_is_taken_at_its_word() -> None:
    packed = bytes((0xFF, 0xF0, 0x00, 0x80, 0x08, 0x00))  # 4095, 0, 2048, 2048
    shorts = {256: 4, 257: 1, 258: 12, 259: 1, 262: 1, 273: 200, 277: 1, 278: 1, 279: 6}
    tags = [(tag, 3, value) for tag, value in shorts.items()]
    directory = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags
    )
    data = (b"II*\0\x08\0\0\0" + directory + bytes(4)).ljust(200, b"\0") + packed
    picture = decoding.decode(data, "grayscale", LIMITS)
    assert (picture.pixels.tolist(), picture.brightest) == ([[255, 0, 128, 128]], None)


@pytest.mark.parametrize(
    ("dtype", "word"), [(np.int16, "signed"), (np.int32, "32-bit"), (np.float32, "floating-point")]
)
def test_numbers_that_are_no_levels_are_unsupported(dtype: type, word: str) -> None:
    file = io.BytesIO()
    if dtype is np.int16:
        data = bytearray(
            cv2.imencode(".tiff", np.ones((8, 8), np.uint16), [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1].tobytes()
        )
        at = data.index(struct.pack("<HHI", 339, 3, 1))
        data[at + 8] = 2
    else:
        Image.fromarray(np.ones((8, 8), dtype)).save(file, "TIFF")
        data = bytearray(file.getvalue())
    with pytest.raises(Rejected, match=word) as rejection:
        decoding.decode(bytes(data), "rgb", LIMITS)
    assert rejection.value.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize(("background", "gray"), [((255, 255, 255), 255), ((0, 0, 0), 0), ((255, 0, 0), 76)])
def test_transparent_pixels_show_the_background(background: tuple[int, int, int], gray: int) -> None:
    data = cv2.imencode(".png", np.array([[[9, 9, 9, 0], [9, 9, 9, 255]]], np.uint8))[1].tobytes()
    rendering = decoding.Rendering(background)
    assert decoding.decode(data, "rgb", LIMITS, rendering=rendering).pixels.tolist() == [
        [[*background], [9, 9, 9]]
    ]
    assert decoding.decode(data, "grayscale", LIMITS, rendering=rendering).pixels.tolist() == [[gray, 9]]


def test_a_preparation_of_before_means_white_and_16_bits() -> None:
    now = Preparation((8, 8), "rgb", "squash", "auto", ("blur",), False, 10**6, 1)
    before = {key: value for key, value in now.to_json().items() if key not in ("background", "bit_depth")}
    assert Preparation.from_json(before) == now
    black = replace(now, background=(0, 0, 0), bit_depth=12)
    assert Preparation.from_json(json.loads(json.dumps(black.to_json()))) == black
