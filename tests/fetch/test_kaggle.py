"""The official Kaggle client against a local server that plays Kaggle."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom import UserError
from darkroom.fetch.http_transfer import Patience
from darkroom.fetch.kaggle import Wanted, fetch_kaggle
from tests.fetch.conftest import Answerer, File, Site, make_zip
from tests.waiting import wait_until

ZIP = make_zip()
DATASET = "/api/v1/datasets.DatasetApiService/DownloadDataset"
COMPETITION = "/api/v1/competitions.CompetitionApiService/DownloadDataFiles"
INTROSPECT = "/api/v1/security.OAuthService/IntrospectToken"
CATS = Wanted("tongpython/cat-and-dog", 1, None)
DOGS = Wanted(None, None, "dogs-vs-cats")
PATIENCE = Patience()
STORE = "/store/archive.zip"
DATE = "Wed, 01 Jan 2025 00:00:00 GMT"

Fetch = Callable[..., list[tuple[Path, str]]]


def to_store(answerer: Answerer) -> None:
    """Redirect to where the bytes are, at an address that is as good as a key, as Kaggle does."""
    answerer.send(302, Location=f"{STORE}?Signature=hush2")


@pytest.fixture
def kaggle(start_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return the server to which the client's TEST environment leads, with a key for it in the environment."""
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    try:
        site = start_site(port=7777)
    except OSError as error:
        pytest.skip(f"the Kaggle client's test server cannot have port 7777: {error}")
    import kaggle  # noqa: F401  before there are credentials: importing it would try them on kaggle.com

    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    monkeypatch.setenv("KAGGLE_KEY", "hush")
    return site


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    raw = tmp_path / "raw"
    raw.mkdir()

    def run(wanted: Wanted, max_bytes: int = 10**9, patience: Patience = PATIENCE) -> list[tuple[Path, str]]:
        return fetch_kaggle(wanted, max_bytes, raw, tmp_path / "partials", patience)

    return run


def test_a_data_set_of_one_version_comes_as_its_archive(kaggle: Site, fetch: Fetch) -> None:
    kaggle.answers[DATASET] = File(ZIP)
    [(path, origin)] = fetch(CATS)
    assert (path.name, path.read_bytes()) == ("cat-and-dog.zip", ZIP)
    assert origin == "www.kaggle.com/datasets/tongpython/cat-and-dog/versions/1"
    asked = json.loads(kaggle.requests[0].body)
    assert (asked["ownerSlug"], asked["datasetSlug"], asked["datasetVersionNumber"]) == (
        "tongpython",
        "cat-and-dog",
        1,
    )


def test_the_file_that_kaggle_gives_out_is_read(
    kaggle: Site, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name)
    # Of ~/.kaggle the client takes note when it is imported.
    from kaggle.api.kaggle_api_extended import KaggleApi

    monkeypatch.setattr(KaggleApi, "config", str(tmp_path / "kaggle.json"))
    (tmp_path / "kaggle.json").write_text(json.dumps({"username": "me", "key": "hush"}))
    (tmp_path / "kaggle.json").chmod(0o600)
    kaggle.answers[DATASET] = File(ZIP)
    [(path, _)] = fetch(CATS)
    assert path.read_bytes() == ZIP
    assert kaggle.requests[0].headers["Authorization"].startswith("Basic ")


def test_without_a_version_it_says_that_the_newest_comes(
    kaggle: Site, fetch: Fetch, capsys: pytest.CaptureFixture[str]
) -> None:
    kaggle.answers[DATASET] = File(ZIP)
    [(_, origin)] = fetch(CATS._replace(version=None))
    assert origin == "www.kaggle.com/datasets/tongpython/cat-and-dog"
    assert "set source.version to one" in capsys.readouterr().err
    assert not json.loads(kaggle.requests[0].body).get("datasetVersionNumber")


def test_a_competition_comes_through_a_redirect_to_a_signed_address(
    kaggle: Site, fetch: Fetch, capfd: pytest.CaptureFixture[str]
) -> None:
    kaggle.answers[COMPETITION] = to_store
    kaggle.answers[STORE] = File(ZIP)
    [(path, origin)] = fetch(DOGS)
    assert (path.name, path.read_bytes()) == ("dogs-vs-cats.zip", ZIP)
    assert origin == "www.kaggle.com/competitions/dogs-vs-cats"
    said = capfd.readouterr()
    assert "hush" not in said.out + said.err


@pytest.mark.parametrize(
    ("wanted", "status", "message"),
    [
        (CATS, 401, "HTTP 401: Kaggle refuses the credentials; make a token at"),
        (
            DOGS,
            403,
            "HTTP 403: .*accept the competition's rules at https://www.kaggle.com/competitions/dogs-vs-cats/rules",
        ),
        (CATS, 403, "HTTP 403: .*the data set is private or not there"),
        (CATS, 404, "HTTP 404: Kaggle has no such thing; check the name, and the version"),
        (DOGS, 429, "HTTP 429: Kaggle gets too many requests from this account; wait some minutes"),
        (DOGS, 500, "HTTP 500: Kaggle failed; run again later"),
    ],
)
def test_a_refusal_says_what_to_do(
    wanted: Wanted, status: int, message: str, kaggle: Site, fetch: Fetch
) -> None:
    body = json.dumps({"code": status, "message": "no"}).encode()
    for path in (DATASET, COMPETITION):
        kaggle.answers[path] = lambda answerer: answerer.send(status, body, Content_Type="application/json")
    with pytest.raises(UserError, match=message) as error:
        fetch(wanted)
    assert "hush" not in str(error.value)
    named = (
        "competition: dogs-vs-cats"
        if wanted is DOGS
        else "dataset: tongpython/cat-and-dog, source.version: 1"
    )
    assert str(error.value).startswith(f"params.yaml: source.{named}: HTTP {status}: ")


def test_no_credentials_says_where_to_get_and_put_them(
    kaggle: Site, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    with pytest.raises(UserError, match=r"no Kaggle credentials; make a token at https.*KAGGLE_API_TOKEN"):
        fetch(CATS)
    assert capfd.readouterr().out == ""


@pytest.fixture
def token(kaggle: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log in with a token alone, instead of the name and key that every other test has."""
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "hush")


def test_a_token_that_kaggle_does_not_know_is_told_from_none(kaggle: Site, fetch: Fetch, token: None) -> None:
    kaggle.answers[INTROSPECT] = lambda answerer: answerer.send(
        200, b'{"active": false}', Content_Type="application/json"
    )
    with pytest.raises(UserError, match="Kaggle refuses the credentials") as error:
        fetch(CATS)
    assert "hush" not in str(error.value)


def test_a_token_that_kaggle_knows_is_sent(kaggle: Site, fetch: Fetch, token: None) -> None:
    kaggle.answers[INTROSPECT] = lambda answerer: answerer.send(
        200, b'{"active": true, "username": "me"}', Content_Type="application/json"
    )
    kaggle.answers[DATASET] = File(ZIP)
    assert fetch(CATS)[0][0].read_bytes() == ZIP
    assert kaggle.requests[-1].headers["Authorization"] == "Bearer hush"


def test_an_archive_over_the_limit_is_refused_before_it_comes(
    kaggle: Site, fetch: Fetch, tmp_path: Path
) -> None:
    kaggle.answers[DATASET] = File(ZIP)
    with pytest.raises(UserError, match=rf"larger than source\.max_bytes allows \({len(ZIP) - 1:,} bytes\)"):
        fetch(CATS, max_bytes=len(ZIP) - 1)
    assert not list((tmp_path / "raw").iterdir())
    assert fetch(CATS, max_bytes=len(ZIP))[0][0].read_bytes() == ZIP


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!doctype html><p>Sign in", "a web page .HTML. came in place"),
        (b"no archive, but words", "a file that begins with b'no archive, but ' came in place"),
        (ZIP[:-300], "the archive is not whole"),
    ],
)
def test_what_is_no_whole_archive_is_dropped(
    content: bytes, message: str, kaggle: Site, fetch: Fetch, tmp_path: Path
) -> None:
    kaggle.answers[DATASET] = File(content)
    with pytest.raises(UserError, match=message):
        fetch(CATS)
    assert not list((tmp_path / "raw").iterdir())
    kaggle.answers[DATASET] = File(ZIP)
    assert fetch(CATS)[0][0].read_bytes() == ZIP


def test_a_cut_connection_is_resumed_by_the_client(kaggle: Site, fetch: Fetch) -> None:
    content = make_zip(3_000_000)
    kaggle.answers |= {DATASET: to_store, STORE: File(content, modified=DATE, cuts=[2_500_000])}
    assert fetch(CATS)[0][0].read_bytes() == content
    whole_blocks = f"bytes={2 << 20}-"
    assert [request.headers.get("Range") for request in kaggle.requests] == [None, None, whole_blocks]


def test_a_server_that_says_nothing_is_given_up(kaggle: Site, fetch: Fetch) -> None:
    kaggle.answers[DATASET] = lambda answerer: kaggle.closing.wait(30) and None
    with pytest.raises(UserError, match="Kaggle does not answer"):
        fetch(CATS, patience=Patience(connect=5, read=0.3))


def test_a_server_that_is_not_there_ends_in_a_message(
    kaggle: Site, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle.shutdown()
    kaggle.server_close()
    with pytest.raises(UserError, match="Kaggle does not answer"):
        fetch(CATS)


CHILD = """
import sys
from pathlib import Path
from darkroom.fetch.kaggle import Wanted, fetch_kaggle
from darkroom.fetch.http_transfer import Patience
folder = Path(sys.argv[1])
fetch_kaggle(Wanted("tongpython/cat-and-dog", 1, None), 10**9, folder / "raw", folder / "partials", Patience())
"""


def test_a_killed_download_goes_on_where_it_stopped(kaggle: Site, fetch: Fetch, tmp_path: Path) -> None:
    content = make_zip(5_000_000)
    whole = File(content, modified=DATE)

    def answer(answerer: Answerer) -> None:
        if len(kaggle.requests) == 2:
            headers = {"ETag": '"one"', "Last_Modified": DATE, "Accept_Ranges": "bytes"}
            answerer.send(200, content[:4_000_000], len(content), **headers)
            kaggle.closing.wait(60)
        else:
            whole(answerer)

    def kept() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "partials").rglob("*.zip"))

    kaggle.answers |= {DATASET: to_store, STORE: answer}
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)]) as process:
        wait_until(lambda: kept() >= 2_000_000)
        process.send_signal(signal.SIGKILL)
    before = kept()
    assert fetch(CATS)[0][0].read_bytes() == content
    assert kaggle.requests[-1].headers["Range"] == f"bytes={before}-"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(None, None, None), r"source\.dataset, source\.competition: neither is set"),
        (Wanted("a/b", None, "c"), r"source\.dataset, source\.competition: both are set"),
        (Wanted("cat-and-dog", None, None), r"source\.dataset: got 'cat-and-dog'; expected owner/name"),
        (Wanted("a/../../etc", None, None), "expected owner/name"),
        (Wanted(None, None, "c/dogs"), r"source\.competition: got 'c/dogs'"),
        (Wanted(None, 2, "dogs"), r"source\.version: competitions have no versions"),
    ],
)
def test_what_names_nothing_is_refused(wanted: Wanted, message: str, fetch: Fetch) -> None:
    with pytest.raises(UserError, match=message):
        fetch(wanted)
