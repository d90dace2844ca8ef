"""Web addresses: what is one, and where its secrets come from and do not go."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom import UserError
from tests.fetch.conftest import ZIP, Download, File, Site


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


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hush@host/x.zip",
        "http://host/x.zip?a=1&token=hush",
        "http://hush@host/x.zip",
        "http://me:hush/1@host/x.zip",
        "http://hush@host\u2100/x.zip",
    ],
)
def test_a_secret_in_the_address_is_refused_and_not_repeated(url: str, download: Download) -> None:
    with pytest.raises(UserError, match=r"netrc|cannot be read; .*%2F for a slash") as error:
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
    token_alone = site.url("/x.zip").replace("://", "://$SITE_TOKEN@")
    assert download(token_alone)[0][1] == token_alone
    assert site.requests[-1].headers["Authorization"] == "Basic dCZrZW46"
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
