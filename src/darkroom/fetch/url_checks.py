"""URLs from params.yaml: validated, kept free of secrets, and completed from environment variables."""

import os
import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from darkroom import UserError

_VARIABLE = re.compile(r"\$([A-Z_][A-Z0-9_]*)")
_SECRET = re.compile(
    r"(^|[-_.])(api_?key|access_?key(_?id)?|key|auth|authorization|credential|credentials|pass|passwd|password|pwd"
    r"|secret|sig|signature|token)$|^(aws|goog)accesskeyid$",
    re.IGNORECASE,
)


class Address(NamedTuple):
    """What a request needs; holds secrets, so it is neither printed nor written."""

    url: str
    login: tuple[str, str] | None


def check(url: str) -> None:
    """Refuse what is no web address, and one that holds a password or a key.

    params.yaml and dvc.lock are committed, so a secret there is a secret published. It comes from ~/.netrc, or from an
    environment variable that the address names: ``https://$NAME:$PASSWORD@host/a.zip``, ``…/a.zip?token=$TOKEN``.

    Raises
    ------
    UserError
        The message never repeats the secret.
    """
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            f"params.yaml: source.urls: got {redacted(url)!r}; expected an address such as https://host/photos.zip"
        )
    login, _ = _login(parts)
    # A user name alone is no secret, but half the time it is a token.
    hidden = [text for text in login if text and not _VARIABLE.fullmatch(text)]
    hidden += [
        name for name, value in _query(parts) if _SECRET.search(name) and not _VARIABLE.fullmatch(value)
    ]
    if hidden:
        raise UserError(
            f"params.yaml: source.urls: {redacted(url)} holds a password or a key, which would be committed with "
            "params.yaml and dvc.lock; put it into ~/.netrc, or into an environment variable and write $ITS_NAME here"
        )


def complete(url: str) -> Address:
    """Return the address to ask for: each ``$NAME`` in the login or a query value replaced from the environment.

    Raises
    ------
    UserError
        The variable is not set.
    """
    parts = _split(url)
    login, host = _login(parts)
    query = parts.query
    if any(_VARIABLE.fullmatch(value) for _, value in _query(parts)):  # else it is sent as it was written
        query = urlencode([(name, _value_of(value, url)) for name, value in _query(parts)])
    user, password = (_value_of(unquote(text), url) for text in login)
    plain = urlunsplit((parts.scheme, host, parts.path or "/", query, ""))
    return Address(plain, (user, password) if user or password else None)


def redacted(url: str) -> str:
    """Return ``url`` as it may be shown: no login and no secret, unless they are names of variables."""
    parts = _split(url)
    login, host = _login(parts)
    if any(login) and all(_VARIABLE.fullmatch(text) for text in login if text):
        host = f"{':'.join(text for text in login if text)}@{host}"
    query = parts.query
    if any(_SECRET.search(name) and not _VARIABLE.fullmatch(value) for name, value in _query(parts)):
        query = "…"
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def site(url: str) -> str:
    """Return scheme and host of ``url``: what may be shown of an address that a server sent, which may be signed."""
    parts = _split(url)
    return f"{parts.scheme}://{_login(parts)[1]}"


def file_name(url: str) -> str:
    """Return the last part of the address's path, as a file would be named."""
    return unquote(_split(url).path).rstrip("/").rpartition("/")[2]


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018  a port that is no number shows only when asked for
    except ValueError:
        # Its words repeat the host or the port, which is part of a password where that holds a slash.
        raise UserError(
            "params.yaml: source.urls: not a web address: the host or the port of one cannot be read; expected "
            "https://host/photos.zip, and in a password %2F for a slash"
        ) from None
    return parts


def _login(parts: SplitResult) -> tuple[tuple[str, str], str]:
    login, _, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    return (user, password), host


def _query(parts: SplitResult) -> list[tuple[str, str]]:
    return parse_qsl(parts.query, keep_blank_values=True)


def _value_of(text: str, url: str) -> str:
    named = _VARIABLE.fullmatch(text)
    if not named:
        return text
    value = os.environ.get(named[1])
    if not value:
        raise UserError(
            f"params.yaml: source.urls: {redacted(url)} names the environment variable {named[1]}, which is not set"
        )
    return value
