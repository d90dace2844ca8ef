"""Security middleware: blocks cross-site requests, and the embedding of responses in other sites."""

import asyncio
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The content security policy of all but the page, which brings its own."""


class Guard:
    """Refuse what another site's page sends, and add the headers that browsers heed.

    A site can make a visitor's browser send a form here, though it cannot read the answer; the browser then names that
    site as the origin. (A site that makes its own name point here fails at the check of the Host header.)
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", NOTHING)
                headers.update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            await refusal(403, "a request from another site's page")(scope, receive, with_headers)
            return
        try:
            await self.app(scope, receive, with_headers)
        except asyncio.CancelledError:  # Ctrl-C, and this request did not come to its end in time
            if not started:
                await refusal(503, "the server stops")(scope, receive, with_headers)


def refusal(status: int, reason: str) -> JSONResponse:
    """Return an answer that says why there is none, and closes the connection."""
    return JSONResponse({"detail": reason}, status_code=status, headers={"Connection": "close"})
