"""One transfer over real HTTP: what a server can do wrong is survived, or refused with the right message."""

import hashlib
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom import UserError
from darkroom.fetch.http_transfer import Patience
from tests.fetch.conftest import ZIP, Answerer, Download, File, Site, make_zip, nothing_kept, only, starts

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>" + b" " * 1000


def test_a_cut_connection_is_resumed_where_it_broke_off(
    site: Site, download: Download, capsys: pytest.CaptureFixture[str]
) -> None:
    site.answers["/x.zip"] = File(ZIP, cuts=[100_000, 50_000])
    assert only(download(site.url("/x.zip"))) == ZIP
    said = [
        line.rpartition(" again in ")[2] for line in capsys.readouterr().err.splitlines() if " again " in line
    ]
    assert said == ["0.01 s", "0.02 s"]
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


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        (f"bytes 100000-{len(ZIP) - 1}/{len(ZIP)}", True),
        (f"bytes 100000-{len(ZIP) - 1}/*", True),
        (f"bytes 100001-{len(ZIP) - 1}/{len(ZIP)}", False),
        (f"bytes 0-{len(ZIP) - 1}/{len(ZIP)}", False),
        (f"bytes 100000-{len(ZIP) - 1}/{len(ZIP) + 1}", False),
        ("", False),
    ],
)
def test_an_answer_that_does_not_go_on_where_it_was_asked_to_is_not_joined(
    said: str, taken: bool, site: Site, download: Download
) -> None:
    def answer(answerer: Answerer) -> None:
        if len(site.requests) == 2:
            answerer.send(206, ZIP[100_000:], Content_Range=said)
        else:
            File(ZIP, cuts=[100_000] if len(site.requests) == 1 else [])(answerer)

    site.answers["/x.zip"] = answer
    assert only(download(site.url("/x.zip"))) == ZIP
    assert starts(site) == [None, "bytes=100000-"] + ([] if taken else [None])


def test_a_file_that_shrank_is_fetched_anew(site: Site, download: Download, tmp_path: Path) -> None:
    small = make_zip(1000)
    digest = hashlib.sha256(small).hexdigest()
    first, then = File(ZIP, etag=None, cuts=[100_000]), File(small, etag=None)
    site.answers["/x.zip"] = lambda answerer: (first if len(site.requests) == 1 else then)(answerer)
    assert only(download(site.url("/x.zip"), sha256=(digest,))) == small


def test_a_length_that_is_too_long_is_never_believed(site: Site, download: Download, tmp_path: Path) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(200, ZIP, len(ZIP) + 1000)
    with pytest.raises(UserError, match=r"broke off.* gave up after 4 attempts"):
        download(site.url("/x.zip"))
    assert not list((tmp_path / "raw").iterdir())


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
    assert starts(site)[1] is not None


def test_a_server_that_never_answers_ends_in_a_message(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: site.closing.wait(30) and None
    with pytest.raises(UserError, match=r"no answer for 0\.2 s; gave up after 2 attempts"):
        download(site.url("/x.zip"), patience=Patience((0.01,), connect=5, read=0.2))


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


@pytest.mark.parametrize("label", ["text/html; charset=utf-8", "Application/XHTML+xml", "text/plain"])
def test_a_web_page_may_be_told_by_its_label_alone(label: str, site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(200, b"<p>Log in", Content_Type=label)
    with pytest.raises(UserError, match="what came is no archive" if label == "text/plain" else "a web page"):
        download(site.url("/x.zip"))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n" * 200])
def test_what_is_no_archive_is_refused(content: bytes, site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(200, content)
    with pytest.raises(UserError, match=r"what came is no archive.*expected one of \.zip") as error:
        download(site.url("/x.zip"))
    assert (f"(it begins with {content[:16]!r})" if content else "(it is empty)") in str(error.value)


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
    assert len(site.requests) == 1 + 10


def test_a_host_that_does_not_listen_ends_in_a_message(download: Download, site: Site) -> None:
    url = site.url("/x.zip")
    site.shutdown()
    site.server_close()
    with pytest.raises(UserError, match="no connection to the server; gave up after 4 attempts"):
        download(url)


def test_a_host_that_does_not_exist_ends_at_once(download: Download) -> None:
    with pytest.raises(UserError, match="no such host, or no network"):
        download("http://nowhere.invalid/x.zip")


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
