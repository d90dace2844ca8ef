"""Folders are packed, archives copied; the same files give the same bytes."""

import hashlib
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom import UserError
from darkroom.fetch.local import fetch_local
from tests.fetch.conftest import make_zip

Fetch = Callable[..., list[tuple[Path, str]]]


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    inbox = tmp_path / "data" / "inbox"
    inbox.mkdir(parents=True)
    return Path("data/inbox")


@pytest.fixture
def fetch(inbox: Path, tmp_path: Path) -> Fetch:
    numbers = iter(range(100))

    def run(*paths: str) -> list[tuple[Path, str]]:
        raw = tmp_path / f"raw{next(numbers)}"
        raw.mkdir()
        return fetch_local(list(paths), inbox, raw)

    return run


def fill(folder: Path, names: list[str]) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"content of {name}".encode())
    return folder


def into_cache(path: Path, cache: Path) -> Path:
    """Do with a file as `dvc add` does where cache.type is symlink; return the object."""
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    target = cache / "files/md5" / digest[:2] / digest[2:]
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
    path.symlink_to(target)
    return target


def test_links_that_dvc_made_are_followed_wherever_its_cache_lies(
    inbox: Path, fetch: Fetch, tmp_path: Path
) -> None:
    fill(inbox / "photos", NAMES)
    fill(inbox / "plain" / "photos", NAMES)
    for path in [path for path in (inbox / "photos").rglob("*") if path.is_file()]:
        into_cache(path, tmp_path / "shared-cache")
    [(linked, origin)], [(plain, _)] = fetch("photos"), fetch("plain/photos")
    assert origin == "photos"
    assert members(linked) == members(plain)


def test_archive_that_dvc_linked_keeps_its_name(
    inbox: Path, fetch: Fetch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (inbox / "photos.zip").write_bytes(make_zip(1000))
    into_cache(inbox / "photos.zip", tmp_path / "cache")
    [(path, origin)] = fetch("photos.zip")
    assert (path.name, origin) == ("photos.zip", "photos.zip")
    assert path.read_bytes() == make_zip(1000)
    assert not path.is_symlink()
    assert "outside" not in capsys.readouterr().err


def test_damaged_object_of_dvcs_cache_is_told_and_not_packed(
    inbox: Path, fetch: Fetch, tmp_path: Path
) -> None:
    fill(inbox / "photos", NAMES)
    into_cache(inbox / "photos/cats/1.jpg", tmp_path / "cache").write_bytes(b"rot")
    with pytest.raises(UserError, match=r"photos/cats/1\.jpg: damaged in DVC's cache"):
        fetch("photos")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("trashnett", "data/inbox/ holds trashnet, ants, bees, cats, dogs and 2 more"),
        ("elsewhere", "data/inbox/ holds ants, bees, cats, dogs, eels and 2 more"),
        ("pets", "data/inbox/pets.dvc says that DVC has it: `dvc pull` or `dvc checkout` brings it"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(
    inbox: Path, fetch: Fetch, wanted: str, words: str
) -> None:
    for name in ("ants", "bees", "cats", "dogs", "eels", "trashnet", "zebras"):
        (inbox / name).mkdir()
    for name in (".gitignore", "pets.dvc"):
        (inbox / name).touch()
    with pytest.raises(UserError, match="is not there") as error:
        fetch(wanted)
    assert words in str(error.value)


def test_what_git_and_dvc_keep_beside_images_is_not_packed(inbox: Path, fetch: Fetch) -> None:
    fill(inbox / "sets", ["a/1.jpg", "a.dvc", ".gitignore", "b/c.dvc"])
    [(path, _)] = fetch("sets")
    assert list(members(path)) == ["sets/a/1.jpg"]


NAMES = ["cats/1.jpg", "cats/10.jpg", "cats/2.jpg", "dogs/a/b.jpg", "Zebra/é.jpg", "readme", "empty"]


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_a_folder_becomes_a_stored_zip_that_holds_every_file_below_its_name(
    inbox: Path, fetch: Fetch
) -> None:
    fill(inbox / "photos", NAMES)
    [(path, origin)] = fetch("photos")
    assert (path.name, origin) == ("photos.zip", "photos")
    assert members(path) == {f"photos/{name}": f"content of {name}".encode() for name in NAMES}
    with zipfile.ZipFile(path) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_files_give_the_same_bytes_whatever_their_dates_rights_and_order(
    inbox: Path, fetch: Fetch
) -> None:
    first = fetch(str(fill(inbox / "one" / "photos", NAMES)))[0][0].read_bytes()
    umask = os.umask(0o077)
    try:
        again = fill(inbox / "two" / "photos", random.Random(1).sample(NAMES, len(NAMES)))
    finally:
        os.umask(umask)
    for number, path in enumerate(sorted(again.rglob("*"))):
        os.utime(path, (number * 1e8, number * 1e8))
        if path.is_file():
            path.chmod(0o755)
    assert fetch(str(again))[0][0].read_bytes() == first


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "en_US.ISO-8859-1"])
def test_the_bytes_do_not_depend_on_locale_time_zone_or_hash_seed(
    locale: str, inbox: Path, fetch: Fetch, tmp_path: Path
) -> None:
    fill(inbox / "photos", NAMES)
    (inbox / "photos" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"latin-1")
    code = (
        "from pathlib import Path; from darkroom.fetch.local import fetch_local; "
        "fetch_local(['photos'], Path('data/inbox'), Path('out'))"
    )
    (tmp_path / "out").mkdir()
    environment = os.environ | {
        "LC_ALL": locale,
        "TZ": "Asia/Tokyo",
        "PYTHONHASHSEED": "7",
        "PYTHONUTF8": "0",
    }
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert (tmp_path / "out" / "photos.zip").read_bytes() == fetch("photos")[0][0].read_bytes()


def test_an_archive_is_copied_as_it_came(inbox: Path, fetch: Fetch) -> None:
    content = make_zip(5000)
    (inbox / "photos.zip").write_bytes(content)
    [(path, origin)] = fetch("photos.zip")
    assert (path.name, path.read_bytes(), origin) == ("photos.zip", content, "photos.zip")


def test_several_paths_come_in_order_and_never_overwrite_each_other(inbox: Path, fetch: Fetch) -> None:
    fill(inbox / "a" / "photos", ["1.jpg"])
    fill(inbox / "b" / "photos", ["2.jpg"])
    (inbox / "photos.zip").write_bytes(make_zip(10))
    fetched = fetch("a/photos", "photos.zip", "b/photos")
    assert [(path.name, origin) for path, origin in fetched] == [
        ("photos.zip", "a/photos"),
        ("2-photos.zip", "photos.zip"),
        ("3-photos.zip", "b/photos"),
    ]
    assert list(members(fetched[2][0])) == ["photos/2.jpg"]


def test_the_inbox_itself_comes_without_what_git_and_dvc_keep_there(inbox: Path, fetch: Fetch) -> None:
    fill(inbox, [".gitignore", "photos.dvc", "cats/1.jpg", "cats/.gitignore"])
    [(path, _)] = fetch("data/inbox")
    assert list(members(path)) == ["inbox/cats/1.jpg"]


def test_the_inbox_comes_before_the_working_folder(inbox: Path, fetch: Fetch, tmp_path: Path) -> None:
    fill(inbox / "photos", ["in-inbox.jpg"])
    fill(tmp_path / "photos", ["outside.jpg"])
    assert list(members(fetch("photos")[0][0])) == ["photos/in-inbox.jpg"]


@pytest.mark.parametrize("absolute", [True, False])
def test_a_path_elsewhere_is_taken_and_said_to_be_untracked(
    absolute: bool, fetch: Fetch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "elsewhere" / "photos", ["1.jpg"])
    wanted = str(tmp_path / "elsewhere" / "photos") if absolute else "elsewhere/photos"
    [(_, origin)] = fetch(wanted)
    assert origin == "photos"
    assert "DVC does not track it" in capsys.readouterr().err


def test_a_path_in_the_inbox_says_nothing(
    inbox: Path, fetch: Fetch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(inbox / "photos", ["1.jpg"])
    assert (
        fetch("photos")[0][1]
        == fetch("data/inbox/photos")[0][1]
        == fetch(str(inbox.resolve() / "photos"))[0][1]
    )
    assert capsys.readouterr().err == ""


def test_links_out_of_the_folder_and_what_is_no_file_are_left_out_and_named(
    inbox: Path, fetch: Fetch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = fill(inbox / "photos", ["1.jpg"])
    fill(tmp_path / "private", ["secret"])
    (photos / "inside").symlink_to("1.jpg")
    (photos / "outside").symlink_to(tmp_path / "private" / "secret")
    (photos / "outside-folder").symlink_to(tmp_path / "private")
    (photos / "circle").symlink_to(".")
    (photos / "broken").symlink_to("nothing")
    os.mkfifo(photos / "pipe")
    [(path, _)] = fetch("photos")
    assert members(path) == {"photos/1.jpg": b"content of 1.jpg", "photos/inside": b"content of 1.jpg"}
    said = capsys.readouterr().err
    assert "left out, not files of this folder: broken, circle, outside, outside-folder, pipe\n" in said


def test_packing_holds_one_block_of_a_file_at_a_time(inbox: Path, tmp_path: Path) -> None:
    (inbox / "photos").mkdir()
    with (inbox / "photos" / "large.tif").open("wb") as file:
        file.truncate(300_000_000)
    code = (
        "import resource; from pathlib import Path; from darkroom.fetch.local import fetch_local; "
        "resource.setrlimit(resource.RLIMIT_AS, (250_000_000, 250_000_000)); "
        "fetch_local(['photos'], Path('data/inbox'), Path('out'))"
    )
    (tmp_path / "out").mkdir()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    assert (tmp_path / "out" / "photos.zip").stat().st_size > 300_000_000


@pytest.mark.parametrize("temporary", [True, False])
def test_an_empty_inbox_is_said_with_its_reason_in_a_checkout_of_an_experiment(
    temporary: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / (".dvc/tmp/exps/tmp1" if temporary else "project")
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    with pytest.raises(UserError, match="data/inbox/ is empty") as error:
        fetch_local(["photos"], Path("data/inbox"), place)
    assert ("`dvc add` the images and commit" in str(error.value)) == temporary


@pytest.mark.parametrize("paths", [[], [""], ["  "]])
def test_no_path_is_refused(paths: list[str], fetch: Fetch) -> None:
    with pytest.raises(UserError, match=r"source\.path: nothing is named.*a folder or an archive"):
        fetch(*paths)


def test_a_missing_path_is_refused_with_where_it_was_looked_for(fetch: Fetch) -> None:
    with pytest.raises(UserError, match=r"source\.path: 'photoz' is not there; looked in data/inbox/ and /"):
        fetch("photoz")


def test_an_empty_folder_is_refused(inbox: Path, fetch: Fetch, tmp_path: Path) -> None:
    (inbox / "photos" / "cats").mkdir(parents=True)
    with pytest.raises(UserError, match=r"source\.path: data/inbox/photos holds no files"):
        fetch("photos")
    assert not list((tmp_path / "raw0").iterdir())


@pytest.mark.parametrize(
    ("name", "content"), [("cat.jpg", b"\xff\xd8\xff\xe0" * 300), ("labels.csv", b"path,label\n")]
)
def test_a_file_that_is_no_archive_is_refused(name: str, content: bytes, inbox: Path, fetch: Fetch) -> None:
    (inbox / name).write_bytes(content)
    with pytest.raises(
        UserError, match=r"is no archive.*put single images into a folder.*labels\.file"
    ) as error:
        fetch(name)
    assert f"(it begins with {content[:16]!r})" in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(inbox: Path, fetch: Fetch) -> None:
    photos = fill(inbox / "photos", ["1.jpg", "2.jpg"])
    (photos / "2.jpg").chmod(0)
    with pytest.raises(UserError, match=r"photos/2\.jpg: Permission denied"):
        fetch("photos")


def test_a_disk_that_takes_no_more_is_said_and_leaves_nothing_half(inbox: Path, tmp_path: Path) -> None:
    (inbox / "photos").mkdir()
    (inbox / "photos" / "large.tif").write_bytes(bytes(3_000_000))
    (tmp_path / "out").mkdir()
    code = (
        "import resource; from pathlib import Path; from darkroom.fetch.local import fetch_local; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)); "
        "fetch_local(['photos'], Path('data/inbox'), Path('out'))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    said = done.stderr.splitlines()[-1]
    assert said.startswith(
        "darkroom.UserError: params.yaml: source.path: out, while data/inbox/photos is brought there"
    )
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("place", ["data/raw", "data/raw/photos", "data/images/mine", "models/pp", "data"])
def test_images_in_a_folder_that_a_run_empties_are_refused(
    inbox: Path, tmp_path: Path, fetch: Fetch, place: str
) -> None:
    for folder in ("data/raw", place):
        fill(tmp_path / folder, ["cat/1.png"])
    with pytest.raises(
        UserError, match=r"source\.path: .* a run empties that folder, .* move your images to data/inbox/"
    ):
        fetch(place)
