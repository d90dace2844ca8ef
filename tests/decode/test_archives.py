"""Every file of every archive is a member with its own bytes, or refused with a reason; no archive does harm."""

import bz2
import gzip
import io
import lzma
import pickle
import random
import stat
import struct
import tarfile
import threading
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from darkroom import UserError
from darkroom.decode import archives
from darkroom.decode.archives import extents
from darkroom.decode.rejections import Reason, Rejected

CONTENTS = {
    "train/cat.0.jpg": random.Random(0).randbytes(70_000),
    "train/dog.0.jpg": b"wag" * 9000,
    "test1/1.jpg": b"?",
    "notes.txt": b"",
}
PACKERS = {"": lambda data: data, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def zipped(contents, method=zipfile.ZIP_DEFLATED, **attributes):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, method
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.writestr(info, content)
    return buffer.getvalue()


def tarred(contents, packer="", form=tarfile.PAX_FORMAT, encoding="utf-8", **attributes):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, encoding=encoding) as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return PACKERS[packer](buffer.getvalue())


@pytest.fixture
def listed(tmp_path):
    """Return the function that lists archives given as bytes: a dict of contents by id, a dict of reasons by id."""

    def listed(max_bytes=10**9, **sources):
        raw, scratch = tmp_path / "raw", tmp_path / "scratch"
        raw.mkdir()
        scratch.mkdir()
        (scratch / "00000").write_bytes(b"left by a run that was killed")
        for name, data in sources.items():
            (raw / name.replace("__", ".")).write_bytes(data)
        (raw / "source.json").write_text("{}")
        members, refused = archives.members(raw, scratch, max_bytes)
        assert [m.id for m in members] == sorted({m.id for m in members})
        assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "scratch"]
        return {m.id: m for m in members}, {r.id: r.reason for r in refused}

    return listed


def contents_of(members):
    return {id: archives.read(member) for id, member in members.items()}


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_zip_gives_each_member_its_bytes_whatever_the_method(listed, method):
    members, refused = listed(a=zipped(CONTENTS, method))
    assert (contents_of(members), refused) == (CONTENTS, {})
    assert {id: member.bytes for id, member in members.items()} == {id: len(c) for id, c in CONTENTS.items()}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_gives_each_member_its_bytes_whatever_the_form(listed, packer, form):
    contents = CONTENTS | {"deep/" * 20 + "ähnlich" * 5 + ".png": b"long name"}
    members, refused = listed(misleading__zip=tarred(contents, packer, form))
    assert (contents_of(members), refused) == (contents, {})


@pytest.mark.parametrize(
    "inner", [zipped(CONTENTS), tarred(CONTENTS), tarred(CONTENTS, "gz")], ids=["zip", "tar", "tgz"]
)
@pytest.mark.parametrize(
    "outer",
    [zipped, lambda c: zipped(c, zipfile.ZIP_STORED), tarred, lambda c: tarred(c, "xz")],
    ids=["zip", "stored zip", "tar", "txz"],
)
def test_nested_archive_is_a_folder_of_its_own_name(listed, outer, inner):
    members, refused = listed(a=outer({"sub/inner.bin": inner, "beside.jpg": b"b"}))
    expected = {f"sub/inner.bin/{id}": content for id, content in CONTENTS.items()} | {"beside.jpg": b"b"}
    assert (contents_of(members), refused) == (expected, {})


def test_archive_three_levels_deep_is_refused(listed):
    members, refused = listed(a=zipped({"b.zip": zipped({"c.zip": zipped(CONTENTS), "1.jpg": b"1"})}))
    assert (list(members), refused) == (["b.zip/1.jpg"], {"b.zip/c.zip": Reason.UNSUPPORTED})


def test_ids_start_with_the_archive_only_where_there_are_several(listed):
    members, _ = listed(a__zip=zipped({"1.jpg": b"1"}), labels__csv=b"path,label\n")
    assert contents_of(members) == {"1.jpg": b"1", "labels.csv": b"path,label\n"}


def test_several_archives_and_a_loose_image_stay_apart(listed):
    members, _ = listed(
        a__zip=zipped({"1.jpg": b"1"}), b__tgz=tarred({"1.jpg": b"2"}, "gz"), c__jpg=b"\xff\xd8"
    )
    assert contents_of(members) == {"a.zip/1.jpg": b"1", "b.tgz/1.jpg": b"2", "c.jpg": b"\xff\xd8"}


def test_members_are_read_at_once_by_threads_and_after_pickling(listed):
    contents = {f"{number}.jpg": random.Random(number).randbytes(3000) for number in range(200)}
    members, _ = listed(a=zipped(contents))
    copies = pickle.loads(pickle.dumps(members))
    barrier = threading.Barrier(8)

    def read_all(_):
        barrier.wait()
        return contents_of(copies)

    with ThreadPoolExecutor(8) as pool:
        assert all(found == contents for found in pool.map(read_all, range(8)))


UNSAFE = [
    "/etc/passwd",
    "../up.jpg",
    "a/../../up.jpg",
    "C:/x.jpg",
    "c:x.jpg",
    "a\\b.jpg",
    "new\nline.jpg",
    "bell\x07.jpg",
]


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_name_is_refused_and_shown_on_one_line(listed, pack, name):
    members, refused = listed(a=pack({name: b"x", "good.jpg": b"g"}))
    assert contents_of(members) == {"good.jpg": b"g"}
    assert list(refused.values()) == [Reason.UNSAFE_NAME]
    assert next(iter(refused)).isprintable()


def test_links_devices_and_pipes_are_no_files(listed):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE):
            info = tarfile.TarInfo(f"kind{kind.decode()}")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    members, refused = listed(a=buffer.getvalue())
    assert members == {}
    assert refused == dict.fromkeys(["kind1", "kind2", "kind3", "kind4", "kind6"], Reason.NOT_A_FILE)


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_zip_member_that_is_no_regular_file_is_refused(listed, mode):
    members, refused = listed(a=zipped({"x": b"/etc/passwd"}, external_attr=(mode | 0o644) << 16))
    assert (members, refused) == ({}, {"x": Reason.NOT_A_FILE})


def test_folders_are_no_files(listed):
    members, refused = listed(a=zipped({"d/": b"", "d/1.jpg": b"1"}))
    assert (list(members), refused) == (["d/1.jpg"], {})


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_that_mean_the_same_file_are_kept_once(listed, pack):
    members, refused = listed(a=pack({"a/é.jpg": b"1", "./a//é.jpg": b"2", "b.jpg": b"3"}))
    assert contents_of(members) == {"a/é.jpg": b"1", "b.jpg": b"3"}
    assert refused == {"a/é.jpg": Reason.DUPLICATE_NAME}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_name_is_brought_into_its_composed_form_unless_another_file_has_that(listed, pack):
    packed = {"e\u0301/1.jpg": b"1", "e\u0301/2.jpg": b"2", "\u00e9/2.jpg": b"3"}
    members, refused = listed(a=pack(packed))
    assert contents_of(members) == {"\u00e9/1.jpg": b"1", "e\u0301/2.jpg": b"2", "\u00e9/2.jpg": b"3"}
    assert refused == {}


@pytest.mark.parametrize(
    ("raw", "flags", "expected"),
    [
        (b"caf\x82.jpg", 0, "café.jpg"),  # code page 437, as the format says
        ("café.jpg".encode(), 0, "café.jpg"),  # UTF-8 that does not say so
        ("café.jpg".encode(), 0x800, "café.jpg"),
        (b"caf\xe9!.jpg", 0x800, "café!.jpg"),  # says UTF-8, is none
        ("猫/表".encode("cp932"), 0, "猫/表"),  # the last byte is that of a backslash
        ("고양이/1.jpg".encode("cp949"), 0, "고양이/1.jpg"),
        ("\uace0\uc591\\1.jpg".encode("cp949"), 0, "고양/1.jpg"),
    ],
)
def test_zip_name_in_any_encoding_becomes_text(listed, raw, flags, expected):
    data = zipped({"x" * len(raw): b"1"}, create_system=0).replace(b"x" * len(raw), raw)
    entry = data.index(b"PK\x01\x02")
    data = data[: entry + 8] + struct.pack("<H", flags) + data[entry + 10 :]
    members, _ = listed(a=data)
    assert contents_of(members) == {expected: b"1"}


def test_names_that_are_not_utf8_are_read_as_one_archive_and_told(listed, capsys):
    members, _ = listed(a=tarred({"caf\udce9/1.jpg": b"1", "th\udce9/1.jpg": b"2"}, form=tarfile.GNU_FORMAT))
    assert contents_of(members) == {"café/1.jpg": b"1", "thé/1.jpg": b"2"}
    told = capsys.readouterr().err
    assert "a: 2 names are not UTF-8; read as cp1252" in told
    assert "decode.name_encoding" in told


def test_names_are_read_by_the_encoding_that_is_asked_for(tmp_path):
    (tmp_path / "raw").mkdir()
    names = {"猫/1.jpg": b"1", "表.jpg": b"2"}
    packed = tarred(names, form=tarfile.GNU_FORMAT, encoding="gbk")
    (tmp_path / "raw" / "a").write_bytes(packed)
    members, _ = archives.members(tmp_path / "raw", tmp_path / "scratch", 10**9, "gbk")
    assert {m.id for m in members} == set(names)
    members, _ = archives.members(tmp_path / "raw", tmp_path / "scratch", 10**9, "ascii")
    assert {m.id for m in members} == {"è/1.jpg", "\\xb1\\xed.jpg"}


def test_two_bytes_that_are_utf8_by_accident_are_read_as_their_neighbours(listed, capsys):
    names = {"猫/1.jpg": b"1", "正常照片/1.jpg": b"2"}
    members, _ = listed(a=tarred(names, form=tarfile.GNU_FORMAT, encoding="gbk"))
    assert contents_of(members) == names
    assert "2 names are not UTF-8; read as gbk" in capsys.readouterr().err


def test_utf8_beside_another_code_page_stays_utf8(listed, capsys):
    members, _ = listed(a=tarred({"é/1.jpg": b"1", "caf\udce9/1.jpg": b"2"}, form=tarfile.GNU_FORMAT))
    assert contents_of(members) == {"é/1.jpg": b"1", "café/1.jpg": b"2"}
    assert "1 names are not UTF-8; read as cp1252" in capsys.readouterr().err


LEFT_BEHIND = [
    *(
        "__MACOSX/cat/._0.jpg",
        "cat/._0.jpg",
        "cat/.DS_Store",
        ".git/HEAD",
        ".dvc/cache/0.jpg",
        "cat/.gitignore",
    ),
    *("cat/Thumbs.db", "cat/Desktop.ini", "@eaDir/0.jpg/thumb.jpg", "$RECYCLE.BIN/0.jpg", "cat.dvc"),
    ".ipynb_checkpoints/0-checkpoint.jpg",
]


@pytest.mark.parametrize("pack", [zipped, tarred, lambda c: zipped({"in.zip": zipped(c)})])
def test_what_systems_leave_behind_is_told_apart(listed, pack):
    own = ["cat/0.jpg", "cat/.0001.jpg", "a..b/1.jpg", "macosx/1.jpg", "dvc/thumbs.jpg"]
    members, refused = listed(a=pack(dict.fromkeys([*own, *LEFT_BEHIND], b"x")))
    nested = "in.zip/" if "in.zip/cat/0.jpg" in members else ""
    assert set(members) == {nested + name for name in own}
    assert refused == {nested + name: Reason.SYSTEM_FILE for name in LEFT_BEHIND}


def test_windows_separators_of_old_zips_are_understood(listed):
    members, _ = listed(a=zipped({"cats\\1.jpg": b"1"}, create_system=0))
    assert list(members) == ["cats/1.jpg"]


def test_encrypted_member_is_refused(listed):
    data = bytearray(zipped({"secret.jpg": b"1", "open.jpg": b"2"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    members, refused = listed(a=bytes(data))
    assert (contents_of(members), refused) == ({"open.jpg": b"2"}, {"secret.jpg": Reason.ENCRYPTED})


@pytest.mark.parametrize(
    "pack", [zipped, tarred, lambda c: zipped({"in.zip": zipped(c)})], ids=["zip", "tar", "nested"]
)
def test_file_over_the_limit_is_refused(listed, pack):
    members, refused = listed(a=pack({"bomb.jpg": bytes(50_000), "good.jpg": b"g"}), max_bytes=40_000)
    assert list(contents_of(members).values()) == [b"g"]
    assert list(refused.values()) == [Reason.TOO_LARGE]


@pytest.mark.parametrize("data", [zipped, tarred, lambda c: tarred(c, "xz")], ids=["zip", "tar", "txz"])
def test_source_over_the_limit_is_an_error_that_names_the_parameter(listed, data):
    with pytest.raises(UserError, match=r"decode\.max_bytes in params\.yaml"):
        listed(a=data({f"{number}": bytes(30_000) for number in range(9)}), max_bytes=40_000)


def test_nested_archive_over_the_limit_costs_only_itself(listed):
    bomb = tarred({f"{number}": bytes(30_000) for number in range(9)}, "gz")
    members, refused = listed(a=zipped({"bomb.tgz": bomb, "good.jpg": b"g"}), max_bytes=40_000)
    assert (contents_of(members), refused) == ({"good.jpg": b"g"}, {"bomb.tgz": Reason.TOO_LARGE})


def test_bomb_never_fills_the_scratch_folder(listed, tmp_path):
    with pytest.raises(UserError):
        listed(a=tarred({"zeros": bytes(5_000_000)}, "xz"), max_bytes=100_000)
    assert sum(path.stat().st_size for path in (tmp_path / "scratch").iterdir()) <= 100_000


def test_member_that_unpacks_to_more_than_it_declares_is_corrupt(listed):
    data = bytearray(zipped({"liar.jpg": bytes(3_000_000)}))
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<L", 1000)
    members, _ = listed(a=bytes(data), max_bytes=2000)
    with pytest.raises(Rejected, match="declares") as rejected:
        archives.read(members["liar.jpg"])
    assert rejected.value.reason == Reason.CORRUPT


def test_overlapping_members_are_refused(listed):
    kernel = zipped({"a": bytes(100_000)})
    entry, end = kernel.index(b"PK\x01\x02"), kernel.index(b"PK\x05\x06")
    entries = [kernel[entry:end][:46] + bytes([letter]) for letter in b"abcdefgh"]
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 8, 8, sum(map(len, entries)), entry, 0)
    members, refused = listed(a=kernel[:entry] + b"".join(entries) + tail)
    assert len(members) == 1
    assert set(refused.values()) == {Reason.CORRUPT}
    assert len(refused) == 7


def test_many_empty_members_are_listed(listed):
    count = 70_000  # more than a zip counts in 16 bits
    members, _ = listed(a=zipped({f"{number:05d}": b"" for number in range(count)}, zipfile.ZIP_STORED))
    assert len(members) == count
    assert archives.read(members["69999"]) == b""


def test_zip64_is_read(listed):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("big.jpg", "w", force_zip64=True) as member:
        member.write(b"content")
    members, _ = listed(a=buffer.getvalue())
    assert contents_of(members) == {"big.jpg": b"content"}


@pytest.mark.parametrize("after", [b"trailing" * 100, b"\0" * 3000])
@pytest.mark.parametrize(
    "pack",
    [zipped, tarred, *(lambda c, p=p: tarred(c, p) for p in ("gz", "bz2", "xz"))],
    ids=["zip", "tar", "gz", "bz2", "xz"],
)
def test_bytes_after_the_end_change_nothing(listed, pack, after):
    members, refused = listed(a=pack(CONTENTS) + after)
    assert (contents_of(members), refused) == (CONTENTS, {})


def test_program_before_a_zip_changes_nothing(listed):
    members, _ = listed(a__exe=b"MZ program" * 999 + zipped(CONTENTS))
    assert contents_of(members) == CONTENTS


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_damage_inside_a_zip_costs_only_the_member_hit(listed, method):
    data = bytearray(zipped(CONTENTS, method))
    data[5000:5100] = bytes(100)
    members, _ = listed(a=bytes(data))
    with pytest.raises(Rejected) as rejected:
        archives.read(members.pop("train/cat.0.jpg"))
    assert rejected.value.reason == Reason.CORRUPT
    assert contents_of(members) == {id: CONTENTS[id] for id in members}
    assert len(members) == len(CONTENTS) - 1


def test_damaged_table_of_contents_costs_only_the_entry_hit(listed):
    data = bytearray(zipped(CONTENTS))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[second : second + 4] = b"oops"
    members, refused = listed(a=bytes(data))
    assert set(members) == set(CONTENTS) - {"train/dog.0.jpg"}
    assert refused == {"a": Reason.CORRUPT}


def test_damaged_header_of_a_tar_costs_only_its_file(listed):
    data = bytearray(tarred(CONTENTS, form=tarfile.USTAR_FORMAT))
    header = data.index(b"train/dog.0.jpg")
    data[header : header + 20] = b"!" * 20
    members, refused = listed(a=bytes(data))
    assert contents_of(members) == {id: CONTENTS[id] for id in CONTENTS if id != "train/dog.0.jpg"}
    assert refused == {"a": Reason.CORRUPT}


def test_tar_that_breaks_off_costs_only_what_is_missing(listed):
    data = tarred({"1.jpg": b"1", "2.jpg": bytes(5000), "3.jpg": b"3"}, form=tarfile.USTAR_FORMAT)
    members, refused = listed(a=data[:3000])
    assert (contents_of(members), refused) == ({"1.jpg": b"1"}, {"2.jpg": Reason.TRUNCATED})


def test_compressed_tar_that_breaks_off_says_that_files_are_missing(listed):
    contents = {f"{number}.jpg": random.Random(number).randbytes(200_000) for number in range(5)}
    data = tarred(contents, "gz")
    members, refused = listed(a=data[: len(data) // 2])
    assert contents_of(members) == {id: contents[id] for id in ("0.jpg", "1.jpg")}
    assert refused == {"2.jpg": Reason.TRUNCATED, "a": Reason.TRUNCATED}


@pytest.mark.parametrize(
    "data",
    [
        zipped(CONTENTS)[:9000],
        gzip.compress(b"no tar" * 100),
        gzip.compress(bytes(100))[:12] + b"damaged" * 9,
        b"Rar!\x1a\x07\x00" + bytes(600),
        b"7z\xbc\xaf\x27\x1c" + bytes(600),
    ],
    ids=["zip without its end", "gzip of no tar", "damaged gzip", "rar", "7z"],
)
def test_archive_that_cannot_be_opened_is_an_error_that_names_it(listed, data):
    with pytest.raises(UserError, match=r"broken\.zip"):
        listed(broken__zip=data, other__zip=zipped(CONTENTS))


def test_nested_archive_that_cannot_be_opened_costs_only_itself(listed):
    members, refused = listed(a=zipped({"in.zip": zipped(CONTENTS)[:9000], "1.jpg": b"1"}))
    assert (contents_of(members), refused) == ({"1.jpg": b"1"}, {"in.zip": Reason.TRUNCATED})


def test_empty_folder_is_an_error_that_says_what_brings_archives(listed):
    with pytest.raises(UserError, match="fetch"):
        listed()


def test_unknown_compression_is_rejected_when_read(listed):
    data = bytearray(zipped({"1.jpg": b"1"}))
    entry = data.index(b"PK\x01\x02")
    data[entry + 10] = 9
    members, _ = listed(a=bytes(data))
    with pytest.raises(Rejected) as rejected:
        archives.read(members["1.jpg"])
    assert rejected.value.reason == Reason.UNSUPPORTED


def test_documents_are_files_and_not_archives(listed):
    members, _ = listed(a=zipped({"readme.docx": zipped({"word/media/1.png": b"1"})}))
    assert list(members) == ["readme.docx"]


def test_sparse_file_is_refused_and_the_next_one_found(listed):
    header = bytearray(tarfile.TarInfo("sparse.jpg").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[482] = 1
    header[148:156] = b"%06o\0 " % (256 + sum(header[:148]) + sum(header[156:]))
    data = bytes(header) + bytes(512) + tarred({"1.jpg": b"1"}, form=tarfile.USTAR_FORMAT)
    members, refused = listed(a=data)
    assert (contents_of(members), refused) == ({"1.jpg": b"1"}, {"sparse.jpg": Reason.UNSUPPORTED})


def test_head_of_a_compressed_member_needs_no_more_than_its_beginning(listed):
    members, _ = listed(a=zipped({"x": b"start" + bytes(10**6)}))
    assert extents.head(members["x"].place, 5) == b"start"
    assert zlib.crc32(archives.read(members["x"])) == members["x"].place.crc
