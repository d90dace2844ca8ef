"""Downloads of Kaggle data sets and competitions by the official client; each failure gives one error message."""

import contextlib
import io
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter

from darkroom import UserError
from darkroom.fetch import archives, partial
from darkroom.fetch.http_transfer import Patience

_CREDENTIALS = (
    "make a token at https://www.kaggle.com/settings/api and put it into ~/.kaggle/access_token (or the older "
    "kaggle.json into ~/.kaggle), or into the environment variable KAGGLE_API_TOKEN (or KAGGLE_USERNAME and KAGGLE_KEY)"
)


class Wanted(NamedTuple):
    """What to fetch: a data set, perhaps of one version, or a competition."""

    dataset: str | None
    version: int | None
    competition: str | None

    @property
    def page(self) -> str:
        """Where a person finds it, without the scheme."""
        if self.competition is not None:
            return f"www.kaggle.com/competitions/{self.competition}"
        version = f"/versions/{self.version}" if self.version is not None else ""
        return f"www.kaggle.com/datasets/{self.dataset}{version}"

    @property
    def parameter(self) -> str:
        """The file and the dotted parameter that name it, and its value."""
        if self.competition is not None:
            return f"params.yaml: source.competition: {self.competition}"
        version = f", source.version: {self.version}" if self.version is not None else ""
        return f"params.yaml: source.dataset: {self.dataset}{version}"

    @property
    def again(self) -> str:
        """What to do when the connection broke off."""
        return "run again: what has come is kept"


def fetch_kaggle(
    wanted: Wanted, max_bytes: int, raw: Path, partials: Path, patience: Patience
) -> list[tuple[Path, str]]:
    """Download what is ``wanted`` into ``raw``, as one archive; return it and the page it comes from.

    Parameters
    ----------
    wanted : Wanted
        Of a data set the newest version unless one is named.
    max_bytes : int
        The largest archive taken.
    raw : Path
        The folder to fill.
    partials : Path
        Where partial downloads are kept, see :mod:`darkroom.fetch.partial`.
    patience : Patience
        How long to wait for an answer; the client has its own pauses between attempts.

    Raises
    ------
    UserError
        Nothing, or too much, is named; the credentials are missing or refused; Kaggle refuses or fails.
    """
    _check(wanted)
    if wanted.dataset is not None and wanted.version is None:
        print(
            f"{wanted.parameter}: the newest version is fetched; set source.version to one, or others get another",
            file=sys.stderr,
        )
    with (
        partial.opened(raw) as out,
        partial.writing(wanted.parameter, partials),
        partial.claimed(partials, "kaggle", *wanted) as place,
    ):
        _download(wanted, max_bytes, place, patience)
        found = _archive(wanted, max_bytes, place)
        target = raw / found.name
        partial.deliver(found, target, out)
        partial.clean(partials, [place])
    return [(target, wanted.page)]


def _check(wanted: Wanted) -> None:
    if (wanted.dataset is None) == (wanted.competition is None):
        raise UserError(
            "params.yaml: source.dataset, source.competition: "
            + ("both are set" if wanted.dataset is not None else "neither is set")
            + "; source.kind kaggle needs one of them"
        )
    if wanted.dataset is not None and not re.fullmatch(r"[\w-]+/[\w.-]+", wanted.dataset):
        raise UserError(f"params.yaml: source.dataset: got {wanted.dataset!r}; expected owner/name")
    if wanted.competition is not None:
        if not re.fullmatch(r"[\w-]+", wanted.competition):
            raise UserError(
                f"params.yaml: source.competition: got {wanted.competition!r}; expected the last part of the "
                "competition's address, as dogs-vs-cats"
            )
        if wanted.version is not None:
            raise UserError("params.yaml: source.version: competitions have no versions; expected null")


def _download(wanted: Wanted, max_bytes: int, place: Path, patience: Patience) -> None:
    # The client talks on stdout, of absolute paths and, when a transfer breaks off, of signed addresses.
    with contextlib.redirect_stdout(io.StringIO()):
        api = client(wanted, max_bytes, patience)
        quiet = not sys.stderr.isatty()
        try:
            if wanted.competition is not None:
                api.competition_download_files(wanted.competition, path=str(place), quiet=quiet)
            else:
                name = "/".join(str(part) for part in (wanted.dataset, wanted.version) if part is not None)
                api.dataset_download_files(name, path=str(place), quiet=quiet, unzip=False)
        except requests.exceptions.HTTPError as error:
            raise UserError(refusal(wanted, error.response.status_code)) from None
        except requests.exceptions.RequestException:
            raise UserError(unreachable(wanted)) from None
        except ValueError:  # the client's word for a file of another length than was announced
            for path in place.iterdir():
                path.unlink()
            raise UserError(
                f"{wanted.parameter}: Kaggle sent more or less than it announced; run again"
            ) from None


def client(wanted: Wanted, max_bytes: int, patience: Patience) -> Any:
    """Return the official client, logged in.

    It talks on stdout: whoever uses it leads that away.

    Raises
    ------
    UserError
        The credentials are missing or refused, or Kaggle does not answer.
    """
    # Importing it tries to log in, and takes a second: only who fetches from Kaggle waits for it.
    from kaggle.api.kaggle_api_extended import KaggleApi
    from kagglesdk.kaggle_client import KaggleClient
    from kagglesdk.kaggle_env import (
        get_access_token_from_env,
        get_env,
    )

    class Api(KaggleApi):
        """The official client, with a limit of size and of patience, and the server that the environment names."""

        def build_kaggle_client(self) -> Any:
            # NOTE: its own always asks kaggle.com, whatever KAGGLE_API_ENVIRONMENT says, and never times out.
            client = KaggleClient(
                env=get_env(),
                username=self.config_values.get(self.CONFIG_NAME_USER),
                password=self.config_values.get(self.CONFIG_NAME_KEY),
                api_token=self.config_values.get(self.CONFIG_NAME_TOKEN),
                response_processor=self.get_response_processor(),
            )
            http = client.http_client()
            http._init_session()
            for scheme in ("http://", "https://"):
                http._session.mount(scheme, _Impatient(patience))
            return client

        def download_needed(self, response: requests.Response, outfile: str, quiet: bool = True) -> bool:
            """Ask what the client asks before each download, and refuse one that is too large."""
            if int(response.headers.get("Content-Length") or 0) > max_bytes:
                raise UserError(_too_large(wanted, max_bytes))
            return bool(super().download_needed(response, outfile, quiet))

    api = Api()
    api.config_values = {}  # the class shares one between all its instances
    try:
        api.authenticate()
    except SystemExit:  # how it says that there are none, or none that work
        given = get_access_token_from_env()[0] is not None
        problem = "Kaggle refuses the credentials" if given else "no Kaggle credentials"
        raise UserError(f"{wanted.parameter}: {problem}; {_CREDENTIALS}") from None
    except requests.exceptions.HTTPError as error:
        raise UserError(refusal(wanted, error.response.status_code)) from None
    except requests.exceptions.RequestException:
        raise UserError(unreachable(wanted)) from None
    return api


class _Impatient(HTTPAdapter):
    """Gives up on a server that says nothing."""

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._wait = (patience.connect, patience.read)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        options["timeout"] = options.get("timeout") or self._wait
        return super().send(request, *arguments, **options)


def _archive(wanted: Wanted, max_bytes: int, place: Path) -> Path:
    """Return the one archive in ``place``, known to be one and whole; what is not is dropped."""
    [path] = [path for path in place.iterdir() if not path.name.endswith(".kaggle-partial")]
    with path.open("rb") as file:
        head = file.read(archives.HEAD)
    try:
        if path.stat().st_size > max_bytes:
            raise UserError(_too_large(wanted, max_bytes))
        if not archives.is_source(head, path.name):
            what = "a web page (HTML)" if archives.is_html(head) else f"a file that begins with {head[:16]!r}"
            raise UserError(
                f"{wanted.parameter}: {what} came in place of an archive; look at https://{wanted.page}"
            )
        archives.check_whole(path)
    except ValueError as error:
        path.unlink()
        raise UserError(f"{wanted.parameter}: the archive is not whole ({error}); run again") from None
    except UserError:
        path.unlink()
        raise
    return path


def _too_large(wanted: Wanted, max_bytes: int) -> str:
    return f"{wanted.parameter}: larger than source.max_bytes allows ({max_bytes:,} bytes); raise it to take the file"


def unreachable(wanted: Wanted) -> str:
    """Return what to do where there is no answer."""
    said = "Kaggle does not answer, or the connection broke off; check the network and"
    return f"{wanted.parameter}: {said} {wanted.again}"


def refusal(wanted: Wanted, status: int) -> str:
    """Return what an HTTP status of Kaggle means here, and what to do."""
    if status == 401:
        said = f"Kaggle refuses the credentials; {_CREDENTIALS}"
    elif status == 403 and wanted.competition is not None:
        said = f"Kaggle refuses access; accept the competition's rules at https://{wanted.page}/rules and run again"
    elif status == 403:
        said = f"Kaggle refuses access; the data set is private or not there: see https://{wanted.page}"
    elif status == 404:
        said = f"Kaggle has no such thing; check the name, and the version if one is set, at https://{wanted.page}"
    elif status == 429:
        said = "Kaggle gets too many requests from this account; wait some minutes and run again"
    else:
        said = "Kaggle failed; run again later"
    return f"{wanted.parameter}: HTTP {status}: {said}"
