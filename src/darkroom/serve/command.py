"""The command `darkroom serve`: bind the port, load the model, serve until Ctrl-C."""

import contextlib
import errno
import importlib.util
import ipaddress
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom import UserError, how_to_install

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

NEEDED = ("fastapi", "uvicorn", "python_multipart")


def run(model: Path, host: str, port: int, max_bytes: int, max_images: int) -> None:
    """Serve a model until Ctrl-C.

    Parameters
    ----------
    model : Path
        A folder with ``model.keras`` and ``model.json``, or the model's file.
    host : str
        The address to listen at.
    port : int
        0 for any that is free.
    max_bytes, max_images : int
        What one request may hold.

    Raises
    ------
    UserError
        The extra is not installed, the address or port cannot be had, or there is no such model.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"serve needs {missing[0]}, which is not installed; {how_to_install('serve')}")
    with listen(host, port) as listener:
        if not _is_loopback(listener):
            print(
                f"darkroom: whoever can reach {host} can use this page; it asks for no password, "
                "and nothing on the way is encrypted",
                file=sys.stderr,
            )
        server = prepare(listener, host, model, max_bytes, max_images)
        # Having answered what was asked, uvicorn passes Ctrl-C on.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    print("Darkroom stopped", flush=True)


def prepare(
    listener: socket.socket, host: str, path: Path, max_bytes: int, max_images: int
) -> "uvicorn.Server":
    """Load the model and return the server that is to answer what comes to the listening socket."""
    import uvicorn

    from darkroom.predict.model import load
    from darkroom.serve.app import application
    from darkroom.serve.predictor import STEP, Predictor
    from darkroom.serve.uploads import Limits

    predictor = Predictor(load(path, STEP))
    predictor.warm_up()

    @contextlib.asynccontextmanager
    async def ready(app: "FastAPI") -> AsyncIterator[None]:
        where = address(listener, host)
        print(f"Darkroom serves {predictor.model.path} at {where} (Ctrl-C stops it)", flush=True)
        yield

    hosts = ["localhost", "127.0.0.1", "[::1]", host] if _is_loopback(listener) else ["*"]
    config = uvicorn.Config(
        application(predictor, Limits(max_bytes, max_images), hosts, ready),
        http="h11",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    UserError
        The port is taken or not for us, or the host is no address of this computer.
    """
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(where[:2], family=family)
        # asyncio sets this only on sockets that name their protocol; without it each answer comes 40 ms late.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        return listener
    except socket.gaierror as error:
        raise UserError(
            f"--host {host}: no such address ({error.strerror}); the default is 127.0.0.1"
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"--port {port}: something else listens there; choose another, or 0 for any that is free"
            ) from None
        if error.errno == errno.EACCES:
            raise UserError(f"--port {port}: not allowed to this user; choose one from 1024 on") from None
        raise UserError(f"--host {host}: {error.strerror}; the default is 127.0.0.1") from None


def _is_loopback(listener: socket.socket) -> bool:
    """Return whether only this computer can reach the socket."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def address(listener: socket.socket, host: str) -> str:
    """Return the address to type into a browser."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
