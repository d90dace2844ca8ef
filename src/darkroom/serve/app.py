"""The web application: its page, its JSON endpoint, and the requests that it rejects."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from darkroom.decode.rejections import Rejected
from darkroom.plot.thumbnails import encoded
from darkroom.serve import page
from darkroom.serve.middleware import Guard
from darkroom.serve.predictor import Predictor
from darkroom.serve.schemas import About, Answer, Answers, Health, Refusal
from darkroom.serve.uploads import File, Limits, Memory, Refused, read

AT_ONCE = 8
"""Requests of the largest size whose files may be in memory at one time; of smaller ones, more."""

MAPS_AT_ONCE = 2
"""So that maps, which ask the model a hundred times, leave threads and memory to others."""

FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}}
                    },
                }
            }
        },
    }
}
REFUSALS: dict[int | str, dict[str, Any]] = {status: {"model": Refusal} for status in (400, 403, 408, 413)}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def application(
    predictor: Predictor, limits: Limits, hosts: Sequence[str], lifespan: Lifespan | None = None
) -> ASGIApp:
    """Return the application.

    Parameters
    ----------
    predictor : Predictor
        Answers.
    limits : Limits
        Of one request.
    hosts : sequence of str
        The names under which it may be asked for, ``*`` for any.
    lifespan : callable, optional
        What to do before the first request and after the last.
    """
    # No pages of documentation: FastAPI's load their code from elsewhere. /openapi.json stays.
    app = FastAPI(title="Darkroom", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    memory = Memory(AT_ONCE * limits.max_bytes)
    drawing = asyncio.Semaphore(MAPS_AT_ONCE)
    about = describe(predictor, limits)
    shown = page.render(about)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(shown.html, headers={"Content-Security-Policy": shown.policy})

    @app.get("/model")
    async def model() -> About:
        """Say what the model is."""
        return about

    @app.get("/health")
    async def health() -> Health:
        """Say that the server answers."""
        return Health()

    @app.post(
        "/predict",
        response_model=Answers,
        response_model_exclude_none=True,
        openapi_extra=FORM,
        responses=REFUSALS,
    )
    async def predict(request: Request, pictures: bool = False) -> dict[str, list[Answer]]:
        """Say which class each file shows, or why it cannot be used."""
        async with memory.held(request, limits):
            files = await read(request, limits)
            return {"images": await run_in_threadpool(predictor.answers, files, pictures)}

    @app.post(
        "/map",
        response_class=Response,
        openapi_extra=FORM,
        responses={**REFUSALS, 200: {"content": {"image/png": {}}}, 422: {"model": Refusal}},
    )
    async def map(request: Request) -> Response:
        """Draw what the model looked at in one picture."""
        async with memory.held(request, limits):
            files = await read(request, limits)
            if len(files) > 1:
                raise Refused(400, f"{len(files)} files; a map is drawn of one")
            async with drawing:
                drawn = await run_in_threadpool(draw, predictor, files[0])
            return Response(drawn, media_type="image/png")

    @app.exception_handler(Refused)
    async def refuse(request: Request, refused: Refused) -> Response:
        return Parting({"detail": refused.reason}, status_code=refused.status)

    return Guard(TrustedHostMiddleware(app, list(hosts), www_redirect=False))


def draw(predictor: Predictor, file: File) -> bytes:
    """Return the map of a picture as a PNG; raises Refused where the file cannot be used."""
    try:
        return encoded(predictor.map(file), ".png")
    except Rejected as rejection:
        raise Refused(422, str(rejection)) from None


def describe(predictor: Predictor, limits: Limits) -> About:
    """Return what is said of the model."""
    model = predictor.model
    return About(
        model=str(model.path),
        classes=model.classes,
        shape=model.shape,
        preparation=model.preparation.to_json(),
        versions=model.description.get("versions", {}),
        max_bytes=limits.max_bytes,
        max_images=limits.max_images,
    )


class Parting(JSONResponse):
    """An answer that may come before the request has ended; what is still to come is taken in no further than a bit.

    A connection that is closed while the other side still sends loses the answer that was on its way (RFC 9112, 9.6).
    """

    MOST = 4_000_000
    """Bytes that are taken in and thrown away after the answer."""

    SECONDS = 2.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then hear the other side out within limits, then close."""
        self.headers["Connection"] = "close"
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        try:
            async with asyncio.timeout(self.SECONDS):
                await self._drain(receive)
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b""})

    async def _drain(self, receive: Receive) -> None:
        left = self.MOST
        while left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            if not message.get("more_body", False):
                return
