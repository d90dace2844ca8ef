"""Hands predictions to a Kaggle competition through the official client; each failure gives one error message."""

import contextlib
import io
import json
import re
import subprocess
from pathlib import Path

import requests

from darkroom import UserError
from darkroom.fetch.http_transfer import Patience
from darkroom.fetch.kaggle import Wanted, client, refusal, unreachable


class _Entered(Wanted):
    """A competition that is submitted to, not fetched."""

    @property
    def parameter(self) -> str:
        return f"--submit {self.competition}"

    @property
    def again(self) -> str:
        return "run again"


class Entry:
    """A competition, and the official client logged in for it.

    Parameters
    ----------
    competition : str
        The last part of the competition's address.

    Raises
    ------
    UserError
        That is no name, the credentials are missing or refused, or Kaggle does not answer.
    """

    def __init__(self, competition: str) -> None:
        if not re.fullmatch(r"[\w-]+", competition):
            raise UserError(
                f"--submit: got {competition!r}; expected the last part of the competition's address, as dogs-vs-cats"
            )
        self._wanted = _Entered(None, None, competition)
        with contextlib.redirect_stdout(io.StringIO()):
            self._client = client(self._wanted, max_bytes=0, patience=Patience())

    def submit(self, path: Path, message: str) -> str:
        """Submit the file at ``path`` and return what to tell the user.

        Raises
        ------
        UserError
            Kaggle refuses or fails; whether it has the file then, its page of submissions tells.
        """
        wanted = self._wanted
        try:
            # The client talks on stdout, also of why an upload failed.
            with contextlib.redirect_stdout(io.StringIO()):
                answer = self._client.competition_submit(str(path), message, wanted.competition, quiet=True)
        except requests.exceptions.HTTPError as error:
            raise UserError(_refused(wanted, error.response)) from None
        except requests.exceptions.RequestException:
            raise UserError(unreachable(wanted)) from None
        if answer.message == self._client.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
            raise UserError(unreachable(wanted))
        return f"{path}: submitted to https://{wanted.page}/submissions as {message!r}"


def message(folder: Path) -> str:
    """Return what a submission is called: the command, and the Git commit of ``folder``, where it is in one."""
    command = [
        "git",
        "describe",
        "--always",
        "--abbrev=12",
        "--dirty= with uncommitted changes",
        "--exclude=*",
    ]
    try:
        found = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    except FileNotFoundError:  # no git
        return "darkroom predict"
    commit = found.stdout.strip()
    return f"darkroom predict, commit {commit}" if found.returncode == 0 and commit else "darkroom predict"


def _refused(wanted: Wanted, response: requests.Response) -> str:
    """Return what Kaggle's refusal means; with 400 it says itself, as where the day's submissions are used up."""
    if response.status_code != 400:
        return refusal(wanted, response.status_code)
    try:
        said = str(json.loads(response.content)["message"])
    except (ValueError, KeyError, TypeError):
        said = "no reason is given"
    return f"{wanted.parameter}: HTTP 400: Kaggle refuses the file: {' '.join(said.split())[:300]}"
