"""Downloads over real HTTP: what a server can do wrong is survived, or refused with the right message."""

import gzip
import hashlib
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fetch.conftest import Answerer, File, Site, make_zip

from darkroom import UserError
from darkroom.fetch.http import fetch_http
from darkroom.fetch.transfer import Patience

ZIP = make_zip()
HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>" + b" " * 1000
LIMIT = 10_000_000

Download = Callable[..., list[tuple[Path, str]]]


@pytest.fixture
def download(tmp_path: Path, patience: Patience) -> Download:
    """Return a function that downloads urls into tmp_path/raw."""
    raw = tmp_path / "raw"
    raw.mkdir()

    def run(
        *urls: str, sha256: list[str] | None = None, max_bytes: int = LIMIT, patience: Patience = patience
    ):  # type: ignore[no-untyped-def]
        return fetch_http(list(urls), sha256 or [], max_bytes, raw, tmp_path / "partials", patience)

    return run


def only(fetched: list[tuple[Path, str]]) -> bytes:
    assert len(fetched) == 1
    return fetched[0][0].read_bytes()


def starts(site: Site) -> list[str | None]:
    """Return what each request asked for, in order: its Range."""
    return [request.headers.get("Range") for request in site.requests]


def nothing_kept(tmp_path: Path) -> bool:
    return not list((tmp_path / "raw").iterdir()) and not any(
        path.stat().st_size for path in (tmp_path / "partials").rglob("part")
    )


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


def test_leaves_no_trace_of_a_finished_download_but_its_lock(
    site: Site, download: Download, tmp_path: Path
) -> None:
    site.answers["/x.zip"] = File(ZIP)
    download(site.url("/x.zip"))
    assert {path.suffix for path in (tmp_path / "partials").rglob("*")} == {".lock"}


def test_a_cut_connection_is_resumed_where_it_broke_off(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = File(ZIP, cuts=[100_000, 50_000])
    assert only(download(site.url("/x.zip"))) == ZIP
    assert starts(site) == [None, "bytes=100000-", "bytes=150000-"]
    assert [request.headers.get("If-Range") for request in site.requests] == [None, '"one"', '"one"']


def test_a_date_of_last_change_serves_where_there_is_no_etag(site: Site, download: Download) -> None:
    date = "Wed, 01 Jan 2025 00:00:00 GMT"
    site.answers["/x.zip"] = File(ZIP, etag=None, modified=date, cuts=[100_000])
    assert only(download(site.url("/x.zip"))) == ZIP
    assert site.requests[1].headers["If-Range"] == date


def test_a_weak_etag_is_no_ground_to_join_two_transfers(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = File(ZIP, etag='W/"one"', cuts=[100_000])
    assert only(download(site.url("/x.zip"))) == ZIP
    assert starts(site) == [None, None]


def test_a_server_without_ranges_sends_all_again(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = File(ZIP, ranges=False, cuts=[100_000])
    assert only(download(site.url("/x.zip"))) == ZIP
    assert len(site.requests) == 2


def test_a_file_that_changes_half_way_is_fetched_anew(site: Site, download: Download) -> None:
    old, new = File(ZIP, etag='"old"', cuts=[100_000]), File(make_zip(seed=1), etag='"new"')

    def answer(answerer: Answerer) -> None:
        (old if len(site.requests) == 1 else new)(answerer)

    site.answers["/x.zip"] = answer
    assert only(download(site.url("/x.zip"))) == new.content


def test_a_server_that_joins_two_versions_itself_is_caught_by_its_etag(
    site: Site, download: Download
) -> None:
    new = make_zip(seed=1)

    def answer(answerer: Answerer) -> None:
        start = answerer.headers.get("Range")
        if len(site.requests) == 1:
            answerer.send(200, ZIP[:100_000], len(ZIP), ETag='"old"')
        elif start:  # ignores If-Range
            body = new[100_000:]
            answerer.send(206, body, ETag='"new"', Content_Range=f"bytes 100000-{len(new) - 1}/{len(new)}")
        else:
            answerer.send(200, new, ETag='"new"')

    site.answers["/x.zip"] = answer
    assert only(download(site.url("/x.zip"))) == new


def test_a_joined_file_with_a_wrong_checksum_is_fetched_anew_once(site: Site, download: Download) -> None:
    new = make_zip(seed=1)
    first = File(ZIP, etag=None, cuts=[100_000])
    then = File(new, etag=None)
    site.answers["/x.zip"] = lambda answerer: (first if len(site.requests) == 1 else then)(answerer)
    fetched = download(site.url("/x.zip"), sha256=[hashlib.sha256(new).hexdigest()])
    assert only(fetched) == new
    assert starts(site) == [None, "bytes=100000-", None]


def test_a_file_that_shrank_is_fetched_anew(site: Site, download: Download, tmp_path: Path) -> None:
    small = make_zip(1000)
    digest = hashlib.sha256(small).hexdigest()
    first, then = File(ZIP, etag=None, cuts=[100_000]), File(small, etag=None)
    site.answers["/x.zip"] = lambda answerer: (first if len(site.requests) == 1 else then)(answerer)
    assert only(download(site.url("/x.zip"), sha256=[digest])) == small


def test_a_length_that_is_too_long_is_never_believed(site: Site, download: Download, tmp_path: Path) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(200, ZIP, len(ZIP) + 1000)
    with pytest.raises(UserError, match=r"broke off.* gave up after 4 attempts"):
        download(site.url("/x.zip"))
    assert not list((tmp_path / "raw").iterdir())


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


def test_chunks_are_read_and_a_missing_last_one_is_noticed(site: Site, download: Download) -> None:
    def answer(answerer: Answerer) -> None:
        answerer.send_response(200)
        answerer.send_header("Transfer-Encoding", "chunked")
        answerer.send_header("Connection", "close")
        answerer.end_headers()
        for start in range(0, len(ZIP), 50_000):
            piece = ZIP[start : start + 50_000]
            answerer.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if len(site.requests) > 1:
            answerer.wfile.write(b"0\r\n\r\n")

    site.answers["/x.zip"] = answer
    assert only(download(site.url("/x.zip"))) == ZIP
    assert len(site.requests) == 2


def test_a_stall_is_given_up_and_tried_again(site: Site, download: Download) -> None:
    whole = File(ZIP)

    def answer(answerer: Answerer) -> None:
        if len(site.requests) == 1:
            answerer.send(200, ZIP[:100_000], len(ZIP), ETag='"one"')
            site.closing.wait(30)
        else:
            whole(answerer)

    site.answers["/x.zip"] = answer
    assert only(download(site.url("/x.zip"), patience=Patience((0.01,), connect=5, read=0.3))) == ZIP
    # What came before the stall in a part-read block may be asked for again; nothing before it is.
    assert starts(site)[1] is not None


def test_a_server_that_never_answers_ends_in_a_message(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: site.closing.wait(30) and None
    with pytest.raises(UserError, match=r"no answer for 0\.2 s; gave up after 2 attempts"):
        download(site.url("/x.zip"), patience=Patience((0.01,), connect=5, read=0.2))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
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
    assert only(download(site.url("/x.zip"))) == ZIP
    assert times[1] - times[0] >= 0.95


def test_does_not_wait_for_hours(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(503, Retry_After="7200")
    with pytest.raises(UserError, match=r"it asks to wait 7200 s.*gave up after 1 attempts"):
        download(site.url("/x.zip"))


def test_pauses_grow(site: Site, download: Download, capsys: pytest.CaptureFixture[str]) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(500)
    with pytest.raises(UserError):
        download(site.url("/x.zip"), patience=Patience((0.01, 0.02, 0.04), connect=5, read=5))
    said = [line.split("again in ")[1] for line in capsys.readouterr().err.splitlines() if "again in" in line]
    assert said == ["0.01 s", "0.02 s", "0.04 s"]


@pytest.mark.parametrize("label", ["text/html; charset=utf-8", "application/zip", None])
def test_a_web_page_is_not_an_archive_whatever_it_is_labelled(
    label: str | None, site: Site, download: Download, tmp_path: Path
) -> None:
    headers = {"Content_Type": label} if label else {}
    site.answers["/x.zip"] = lambda answerer: answerer.send(200, HTML, **headers)
    with pytest.raises(UserError, match=r"a web page \(HTML\) came in place of an archive"):
        download(site.url("/x.zip"))
    assert nothing_kept(tmp_path)


def test_an_archive_labelled_as_a_web_page_is_an_archive(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(200, ZIP, Content_Type="text/html")
    assert only(download(site.url("/x.zip"))) == ZIP


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n" * 200])
def test_what_is_no_archive_is_refused(content: bytes, site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(200, content)
    with pytest.raises(UserError, match=r"what came is no archive.*expected one of \.zip"):
        download(site.url("/x.zip"))


def test_a_right_checksum_is_accepted_in_either_case(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = File(ZIP)
    assert only(download(site.url("/x.zip"), sha256=[hashlib.sha256(ZIP).hexdigest().upper()])) == ZIP


def test_a_wrong_checksum_is_refused_and_nothing_kept(site: Site, download: Download, tmp_path: Path) -> None:
    site.answers["/x.zip"] = File(ZIP)
    with pytest.raises(UserError, match=f"wrong checksum.*{'0' * 64}.*{hashlib.sha256(ZIP).hexdigest()}"):
        download(site.url("/x.zip"), sha256=["0" * 64])
    assert len(site.requests) == 1
    assert nothing_kept(tmp_path)


def test_a_declared_size_over_the_limit_is_refused_before_it_comes(
    site: Site, download: Download, tmp_path: Path
) -> None:
    site.answers["/x.zip"] = File(ZIP)
    with pytest.raises(UserError, match=r"larger than source\.max_bytes allows \(299,999 bytes\)"):
        download(site.url("/x.zip"), max_bytes=299_999)
    assert nothing_kept(tmp_path)


def test_an_undeclared_size_over_the_limit_is_refused_on_the_way(
    site: Site, download: Download, tmp_path: Path
) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + ZIP)
    with pytest.raises(UserError, match=r"larger than source\.max_bytes"):
        download(site.url("/x.zip"), max_bytes=100_000)
    assert nothing_kept(tmp_path)


def test_follows_redirects_and_names_the_file_by_the_address_asked_for(
    site: Site, download: Download
) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(302, Location="/elsewhere?signature=abc")
    site.answers["/elsewhere"] = File(ZIP)
    [(path, origin)] = download(site.url("/x.zip"))
    assert (path.name, path.read_bytes(), origin) == ("x.zip", ZIP, site.url("/x.zip"))


@pytest.mark.parametrize(
    "target", ["ftp://localhost/x.zip", "file:///etc/passwd", "https://localhost/x.zip?token=hush"]
)
def test_a_redirect_to_another_scheme_is_refused(target: str, site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(302, Location=target)
    with pytest.raises(UserError, match="redirects to another scheme") as error:
        download(site.url("/x.zip"))
    assert "hush" not in str(error.value)


def test_redirects_in_a_circle_end(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(302, Location="/x.zip")
    with pytest.raises(UserError, match="more than 10 redirects"):
        download(site.url("/x.zip"))


def test_a_host_that_does_not_listen_ends_in_a_message(download: Download, site: Site) -> None:
    url = site.url("/x.zip")
    site.shutdown()
    site.server_close()
    with pytest.raises(UserError, match="no connection to the server; gave up after 4 attempts"):
        download(url)


def test_a_host_that_does_not_exist_ends_at_once(download: Download) -> None:
    with pytest.raises(UserError, match="no such host, or no network"):
        download("http://nowhere.invalid/x.zip")


def test_an_archive_without_a_telling_name_gets_its_suffix(site: Site, download: Download) -> None:
    site.answers |= {"/download": File(ZIP), "/get": File(gzip.compress(b"\0" * 2000))}
    fetched = download(site.url("/download?id=3"), site.url("/get"))
    assert [path.name for path, _ in fetched] == ["download.zip", "get.tar.gz"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host/x.zip", "expected an address such as https"),
        ("/etc/passwd", "expected an address such as https"),
        ("http://", "expected an address such as https"),
        ("http://host:port/x.zip", "not a web address"),
        ("", "expected an address such as https"),
    ],
)
def test_what_is_no_web_address_is_refused(url: str, message: str, download: Download) -> None:
    with pytest.raises(UserError, match=r"source\.urls: .*" + message):
        download(url)


def test_no_addresses_and_too_few_checksums_are_refused(download: Download) -> None:
    with pytest.raises(UserError, match=r"source\.urls: got \[\]"):
        download()
    with pytest.raises(UserError, match=r"source\.sha256: 1 digests for 2 urls"):
        download("http://a/x.zip", "http://b/x.zip", sha256=["0" * 64])


# --- credentials ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://me:hush@host/x.zip", "http://host/x.zip?a=1&token=hush", "http://hush@host/x.zip"]
)
def test_a_secret_in_the_address_is_refused_and_not_repeated(url: str, download: Download) -> None:
    with pytest.raises(UserError, match="netrc") as error:
        download(url)
    assert "hush" not in str(error.value)


def test_a_login_comes_from_netrc_and_goes_to_its_host_alone(
    site: Site, start_site: Callable[..., Site], download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = start_site()
    netrc = Path(os.environ["HOME"]) / ".netrc"
    netrc.write_text("machine localhost login me password hush\n")
    netrc.chmod(0o600)
    site.answers["/x.zip"] = lambda answerer: answerer.send(
        302, Location=f"http://127.0.0.1:{other.server_port}/x.zip"
    )
    other.answers["/x.zip"] = File(ZIP)
    [(_, origin)] = download(site.url("/x.zip"))
    assert site.requests[0].headers["Authorization"].startswith("Basic ")
    assert "Authorization" not in other.requests[0].headers
    assert origin == site.url("/x.zip")


def test_secrets_come_from_named_variables_and_are_never_shown(
    site: Site,
    download: Download,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("SITE_PASSWORD", "hu/sh")
    monkeypatch.setenv("SITE_USER", "me")
    monkeypatch.setenv("SITE_TOKEN", "t&ken")
    address = site.url("/x.zip?v=1&token=$SITE_TOKEN").replace("://", "://$SITE_USER:$SITE_PASSWORD@")
    site.answers["/x.zip"] = File(ZIP, cuts=[100_000])
    [(_, origin)] = download(address)
    assert site.requests[0].path == "/x.zip?v=1&token=t%26ken"
    assert site.requests[0].headers["Authorization"] == "Basic bWU6aHUvc2g="
    assert origin == address
    site.answers["/x.zip"] = lambda answerer: answerer.send(500)
    with pytest.raises(UserError) as error:
        download(address)
    said = capsys.readouterr()
    kept = "".join(path.read_text() for path in (tmp_path / "partials").rglob("*.json"))
    for secret in ("hu/sh", "hu%2Fsh", "t&ken", "t%26ken"):
        assert secret not in said.out + said.err + str(error.value) + kept


def test_a_variable_that_is_not_set_is_named(download: Download) -> None:
    with pytest.raises(UserError, match="environment variable NOT_SET_ANYWHERE, which is not set"):
        download("http://host/x.zip?token=$NOT_SET_ANYWHERE")


# --- killed, full, twice at once -----------------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from darkroom.fetch.http import fetch_http
from darkroom.fetch.transfer import Patience
url, folder, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
(folder / "raw").mkdir(exist_ok=True)
fetch_http([url], [], 10**10, folder / "raw", folder / "partials", Patience((0.01,), 5, 30))
"""


def child(url: str, folder: Path, limit: int = 0) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(folder), str(limit)], stderr=subprocess.PIPE, text=True
    )


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.01)


def test_a_killed_download_goes_on_where_it_stopped(site: Site, download: Download, tmp_path: Path) -> None:
    content = make_zip(3_000_000)
    whole = File(content)

    def answer(answerer: Answerer) -> None:
        if len(site.requests) == 1:
            answerer.send(200, content[:2_000_000], len(content), ETag='"one"')
            site.closing.wait(60)
        else:
            whole(answerer)

    site.answers["/x.zip"] = answer
    url = site.url("/x.zip")

    def kept() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "partials").rglob("part"))

    with child(url, tmp_path) as process:
        wait_until(lambda: kept() > 1_500_000)
        process.send_signal(signal.SIGKILL)
    before = kept()
    assert not list((tmp_path / "raw").iterdir())
    assert only(download(url)) == content
    assert starts(site) == [None, f"bytes={before}-"]


def test_a_finished_file_is_not_fetched_again_when_a_later_one_failed(site: Site, download: Download) -> None:
    site.answers |= {"/a.zip": File(ZIP), "/b.zip": lambda answerer: answerer.send(404)}
    urls = [site.url("/a.zip"), site.url("/b.zip")]
    with pytest.raises(UserError, match="404"):
        download(*urls)
    site.answers["/b.zip"] = File(ZIP)
    site.requests.clear()
    assert len(download(*urls)) == 2
    assert [request.path for request in site.requests] == ["/b.zip"]


def test_a_damaged_note_makes_the_download_start_afresh(
    site: Site, download: Download, tmp_path: Path
) -> None:
    site.answers["/x.zip"] = File(ZIP, cuts=[100_000] * 4)
    with pytest.raises(UserError):
        download(site.url("/x.zip"), patience=Patience((), 5, 5))
    [note] = (tmp_path / "partials").rglob("note.json")
    assert json.loads(note.read_text())["validator"] == '"one"'
    note.write_text("{")
    site.answers["/x.zip"] = File(ZIP)
    site.requests.clear()
    assert only(download(site.url("/x.zip"))) == ZIP
    assert starts(site) == [None]


def test_a_disk_that_takes_no_more_is_said_and_the_rest_comes_later(
    site: Site, download: Download, tmp_path: Path
) -> None:
    content = make_zip(3_000_000)
    site.answers["/x.zip"] = File(content)
    with child(site.url("/x.zip"), tmp_path, limit=1_000_000) as process:
        said = process.communicate()[1]
    assert "cannot write: " in said
    assert "goes on where it stopped" in said
    assert "UserError" in said.splitlines()[-1]
    assert only(download(site.url("/x.zip"))) == content
    assert starts(site) == [None, "bytes=1000000-"]


def test_a_file_larger_than_the_disk_is_refused_before_it_comes(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(200, ZIP, 10**17)
    with pytest.raises(
        UserError, match=r"100,000,000,000,000,000 bytes are still to come, but the disk .* free some"
    ):
        download(site.url("/x.zip"), max_bytes=10**18)


def test_two_runs_at_once_take_turns(site: Site, tmp_path: Path) -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def answer(answerer: Answerer) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.3)
        File(ZIP)(answerer)
        with lock:
            under_way -= 1

    site.answers["/x.zip"] = answer
    with child(site.url("/x.zip"), tmp_path) as one, child(site.url("/x.zip"), tmp_path) as other:
        said = one.communicate()[1] + other.communicate()[1]
    assert (one.returncode, other.returncode) == (0, 0), said
    assert "waiting for it" in said
    assert most == 1
    assert (tmp_path / "raw" / "x.zip").read_bytes() == ZIP


# --- https ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def secure(start_site: Callable[..., Site], tmp_path: Path) -> tuple[Site, Path]:
    """Return a server with a certificate of its own making, and that certificate."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    ask = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    command = ["openssl", *ask.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return start_site(tls=context), certificate


def test_https_with_a_trusted_certificate_works(
    secure: tuple[Site, Path], download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, certificate = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    site.answers["/x.zip"] = File(ZIP, cuts=[100_000])
    assert only(download(site.url("/x.zip"))) == ZIP


def test_https_with_an_unknown_certificate_is_refused_at_once(
    secure: tuple[Site, Path], download: Download
) -> None:
    site, _ = secure
    site.answers["/x.zip"] = File(ZIP)
    with pytest.raises(
        UserError, match=r"certificate of https://localhost:\d+ is not trusted.*REQUESTS_CA_BUNDLE"
    ):
        download(site.url("/x.zip"))
    assert not site.requests


def test_a_redirect_from_https_to_http_is_refused(
    secure: tuple[Site, Path], download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, certificate = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    site.answers["/x.zip"] = lambda answerer: answerer.send(301, Location="http://localhost/x.zip")
    with pytest.raises(UserError, match=r"another scheme \(http://localhost\)"):
        download(site.url("/x.zip"))
