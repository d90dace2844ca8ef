"""Downloads over real HTTP, several transfers each: retried, checked, taken whole or not at all."""

import email.utils
import gzip
import hashlib
import io
import tarfile
import time
from pathlib import Path

import pytest

from darkroom import UserError
from darkroom.fetch.http_transfer import Patience
from tests.fetch.conftest import ZIP, Answerer, Download, File, Site, make_zip, nothing_kept, only, starts

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>" + b" " * 1000


def test_keeps_the_bytes_as_they_came_and_the_address(site: Site, download: Download) -> None:
    site.answers["/data/photos.zip"] = File(ZIP)
    [(path, origin)] = download(site.url("/data/photos.zip"))
    assert path.name == "photos.zip"
    assert path.read_bytes() == ZIP
    assert origin == site.url("/data/photos.zip")


def test_several_addresses_come_in_order_and_never_overwrite_each_other(
    site: Site, download: Download
) -> None:
    other = make_zip(seed=1)
    site.answers |= {"/a/x.zip": File(ZIP), "/b/x.zip": File(other)}
    fetched = download(site.url("/b/x.zip"), site.url("/a/x.zip"))
    assert [path.name for path, _ in fetched] == ["x.zip", "2-x.zip"]
    assert [path.read_bytes() for path, _ in fetched] == [other, ZIP]


def test_an_archive_without_a_telling_name_gets_its_suffix(site: Site, download: Download) -> None:
    site.answers |= {"/download": File(ZIP), "/get": File(gzip.compress(b"\0" * 2000))}
    fetched = download(site.url("/download?id=3"), site.url("/get"))
    assert [path.name for path, _ in fetched] == ["download.zip", "get.tar.gz"]


def test_tables_of_pixels_keep_their_names_and_other_tables_are_refused(
    site: Site, download: Download
) -> None:
    pixels = b"label," + b",".join(b"pixel%d" % number for number in range(64)) + b"\n1" + b",0" * 64 + b"\n"
    contents = {
        "mnist.npz": ZIP,
        "train-images-idx3-ubyte.gz": gzip.compress(b"\0\0\x08\x03"),
        "train.csv": pixels,
        "digits.h5": b"\x89HDF\r\n\x1a\n",
    }
    site.answers |= {f"/{name}": File(content) for name, content in contents.items()}
    fetched = download(*map(site.url, (f"/{name}" for name in contents)))
    assert {path.name: path.read_bytes() for path, _ in fetched} == contents
    site.answers["/labels.csv"] = File(b"path,label\na.png,cat\n")
    site.answers["/page.csv"] = File(b"<!doctype html>" + b"," * 40)
    for name, message in (("labels.csv", "what came is no archive"), ("page.csv", "a web page")):
        with pytest.raises(UserError, match=message):
            download(site.url(f"/{name}"))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(status: int, site: Site, download: Download) -> None:
    whole = File(ZIP)

    def answer(answerer: Answerer) -> None:
        if len(site.requests) < 3:
            answerer.send(status, HTML)
        else:
            whole(answerer)

    site.answers["/x.zip"] = answer
    assert only(download(site.url("/x.zip"))) == ZIP


@pytest.mark.parametrize(
    ("status", "message", "requests"),
    [
        (401, "HTTP 401: the server wants a login.*netrc", 1),
        (403, "HTTP 403: the server refuses access.*accept its terms", 1),
        (404, "HTTP 404: there is no such file; check the address", 1),
        (410, "HTTP 410: the file is gone", 1),
        (418, "HTTP 418: expected the file", 1),
        (429, "HTTP 429: the server gets too many requests.*gave up after 4 attempts", 4),
        (500, "HTTP 500: the server failed; gave up after 4 attempts", 4),
    ],
)
def test_a_refusal_says_what_to_do(
    status: int, message: str, requests: int, site: Site, download: Download, tmp_path: Path
) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(status, ZIP)
    with pytest.raises(UserError, match=message) as error:
        download(site.url("/x.zip"))
    assert site.url("/x.zip") in str(error.value)
    assert len(site.requests) == requests
    assert nothing_kept(tmp_path)


def test_waits_as_long_as_the_server_asks(site: Site, download: Download) -> None:
    times: list[float] = []

    def answer(answerer: Answerer) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            answerer.send(429, Retry_After="1")
        else:
            File(ZIP)(answerer)

    site.answers["/x.zip"] = answer
    asked_for = Patience(pauses=(0.01,), connect=5, read=5, longest=1)
    assert only(download(site.url("/x.zip"), patience=asked_for)) == ZIP
    assert times[1] - times[0] >= 0.95


def test_does_not_wait_for_hours(site: Site, download: Download) -> None:
    in_two_hours = email.utils.formatdate(time.time() + 7200, usegmt=True)
    for asked in ("7200", in_two_hours):
        site.answers["/x.zip"] = lambda answerer, asked=asked: answerer.send(503, Retry_After=asked)
        with pytest.raises(UserError, match=r"it asks to wait 7(200|199|198) s.*gave up after 1 attempts"):
            download(site.url("/x.zip"))


@pytest.mark.parametrize("asked", ["Wed, 01 Jan 2025 00:00:00 GMT", "soon", "", "0"])
def test_a_time_that_is_over_or_none_is_not_waited_for(
    asked: str, site: Site, download: Download, capsys: pytest.CaptureFixture[str]
) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(503, Retry_After=asked)
    with pytest.raises(UserError, match="gave up after 2 attempts"):
        download(site.url("/x.zip"), patience=Patience((0.01,), connect=5, read=5))
    assert "trying again in 0.01 s" in capsys.readouterr().err


def test_pauses_grow(site: Site, download: Download, capsys: pytest.CaptureFixture[str]) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(500)
    with pytest.raises(UserError):
        download(site.url("/x.zip"), patience=Patience((0.01, 0.02, 0.04), connect=5, read=5))
    said = [line.split("again in ")[1] for line in capsys.readouterr().err.splitlines() if "again in" in line]
    assert said == ["0.01 s", "0.02 s", "0.04 s"]


def test_a_right_checksum_is_accepted(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = File(ZIP)
    assert only(download(site.url("/x.zip"), sha256=(hashlib.sha256(ZIP).hexdigest(),))) == ZIP


def test_a_wrong_checksum_is_refused_and_nothing_kept(site: Site, download: Download, tmp_path: Path) -> None:
    site.answers["/x.zip"] = File(ZIP)
    with pytest.raises(UserError, match=f"wrong checksum.*{'0' * 64}.*{hashlib.sha256(ZIP).hexdigest()}"):
        download(site.url("/x.zip"), sha256=("0" * 64,))
    assert len(site.requests) == 1
    assert nothing_kept(tmp_path)


def test_a_joined_file_with_a_wrong_checksum_is_fetched_anew_once(site: Site, download: Download) -> None:
    new = make_zip(seed=1)
    first = File(ZIP, etag=None, cuts=[100_000])
    then = File(new, etag=None)
    site.answers["/x.zip"] = lambda answerer: (first if len(site.requests) == 1 else then)(answerer)
    fetched = download(site.url("/x.zip"), sha256=(hashlib.sha256(new).hexdigest(),))
    assert only(fetched) == new
    assert starts(site) == [None, "bytes=100000-", None]


def test_no_addresses_are_refused(download: Download) -> None:
    with pytest.raises(UserError, match=r"source\.urls: got \[\]"):
        download()


def test_a_length_that_is_too_short_never_makes_half_a_zip_whole(
    site: Site, download: Download, tmp_path: Path
) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(200, ZIP, len(ZIP) - 1000)
    with pytest.raises(UserError, match="the archive is not whole"):
        download(site.url("/x.zip"))
    assert nothing_kept(tmp_path)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz", "w:"])
def test_a_length_that_is_too_short_never_makes_half_a_tar_whole(
    mode: str, site: Site, download: Download, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        info = tarfile.TarInfo("cats/1.jpg")
        info.size = 100_000
        archive.addfile(info, io.BytesIO(ZIP[:100_000]))
    content = buffer.getvalue()
    site.answers["/x.tar"] = lambda answerer: answerer.send(200, content, len(content) // 2)
    with pytest.raises(UserError, match="the archive is not whole"):
        download(site.url("/x.tar"))
    assert nothing_kept(tmp_path)
    site.answers["/x.tar"] = lambda answerer: answerer.send(200, content)
    assert only(download(site.url("/x.tar"))) == content


def test_an_answer_without_a_length_that_breaks_off_is_not_taken_for_whole(
    site: Site, download: Download, tmp_path: Path
) -> None:
    def answer(answerer: Answerer) -> None:
        answerer.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + ZIP[:-500])

    site.answers["/x.zip"] = answer
    with pytest.raises(UserError, match="the archive is not whole"):
        download(site.url("/x.zip"))
    assert nothing_kept(tmp_path)
