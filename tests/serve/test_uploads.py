"""Reading a request: broken, endless, slow and hostile ones get a calm word, and take nothing from others."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests

from darkroom.decode.rejections import Reason
from tests.serve.forms import BOUNDARY, END, TYPE, by_class, connected, part, post, send_head, status


def test_a_name_that_is_no_utf_8_is_answered(server, digits):
    body = part("NAME", digits.pngs[0]).replace(b"NAME", b"\xff\xfe.png") + END
    for charset in ("", "; charset=utf-7", "; charset=idna", "; charset=unicode_escape", "; charset=zlib"):
        response = post(server, body, {"Content-Type": f"{TYPE['Content-Type']}{charset}"})
        assert response.status_code == 200
        assert response.json()["images"][0]["name"] == "\ufffd\ufffd.png"


BROKEN = {
    "no form": ({"Content-Type": "image/png"}, b"\x89PNG"),
    "no type": ({}, b"x"),
    "urlencoded": ({"Content-Type": "application/x-www-form-urlencoded"}, b"files=a"),
    "no boundary": ({"Content-Type": "multipart/form-data"}, part("a", b"b") + END),
    "a long boundary": ({"Content-Type": f"multipart/form-data; boundary={'a' * 5000}"}, b"--" + b"a" * 5000),
    "another boundary": ({"Content-Type": "multipart/form-data; boundary=other"}, part("a", b"b") + END),
    "nothing": (TYPE, b""),
    "no end": (TYPE, part("a", b"b")),
    "no file": (TYPE, END),
    "a field only": (TYPE, f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'.encode() + END),
    "no disposition": (TYPE, f"--{BOUNDARY}\r\nX: y\r\n\r\nb\r\n".encode() + END),
    "none chosen": (TYPE, part("", b"") + END),
    "many headers": (TYPE, part("a", b"b", "X: y\r\n" * 5000) + END),
    "a long header": (TYPE, part("a", b"b", "X: " + "y" * 100_000 + "\r\n") + END),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_form_is_refused_with_the_reason(name, server):
    headers, body = BROKEN[name]
    response = post(server, body, headers)
    assert response.status_code == 400, response.text
    assert "curl -F files=@picture.png" in response.json()["detail"]


def test_no_mutation_of_a_form_makes_the_server_fail(server, digits):
    generator = np.random.default_rng(0)
    whole = part("a.png", digits.pngs[0]) + part("b.png", digits.pngs[1]) + END
    for _ in range(150):
        body = bytearray(whole)
        for at in generator.integers(len(body), size=generator.integers(1, 6)):
            body[at] = generator.integers(256)
        start, length = generator.integers(len(body)), generator.integers(60)
        if generator.random() < 0.5:
            del body[start : start + length]
        response = post(server, bytes(body))
        assert response.status_code in (200, 400), (response.status_code, bytes(body))
        for answer in response.json().get("images", []):
            assert "label" in answer or answer["reason"] in set(Reason)
    assert "Traceback" not in server.stderr()


def test_more_files_than_allowed_are_refused(server, digits):
    assert len(server.answers(*[("a.png", digits.pngs[0])] * 12)) == 12
    response = server.predict(*[("a.png", digits.pngs[0])] * 13)
    assert response.status_code == 413
    assert response.json()["detail"].startswith("more than 12 files in one request (--max-images)")


def test_a_request_that_states_too_many_bytes_is_refused_unread(server):
    with connected(server) as connection:
        send_head(connection, "Content-Length: 9000000000")
        assert "413" in status(connection)


@pytest.mark.parametrize("words", ["Transfer-Encoding: chunked", "Content-Length: 1900000"])
def test_a_request_that_never_ends_is_not_swallowed(words, server):
    # A body without a stated length is cut off; one that states less than it sends is cut there, and is no whole form.
    chunk = b"x" * 65536
    framed = b"10000\r\n" + chunk + b"\r\n" if "chunked" in words else chunk
    sent = 0
    with connected(server) as connection:
        send_head(connection, words)
        connection.sendall(b"" if "chunked" not in words else b"5\r\nhello\r\n")
        try:
            while sent < 200_000_000:
                connection.sendall(framed)
                sent += len(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 40_000_000


def test_an_endless_body_is_answered_with_the_limit(server):
    def endless() -> Iterator[bytes]:
        yield part("a.png", b"")[:-2]
        for _ in range(64):
            yield b"x" * 65536

    response = post(server, endless())
    assert response.status_code == 413
    assert response.json()["detail"].startswith("more than 2000000 bytes in one request (--max-bytes)")


def test_a_request_cut_short_leaves_no_trace(server):
    with connected(server) as connection:
        send_head(connection, "Content-Length: 1000")
        connection.sendall(part("a.png", b"half"))
    assert requests.get(f"{server.address}/health", timeout=60).ok
    assert "Traceback" not in server.stderr()


def test_others_are_answered_while_slow_ones_send(server, digits):
    slow = [connected(server) for _ in range(60)]
    try:
        for connection in slow:
            send_head(connection, "Content-Length: 100000")
            connection.sendall(b"--")
        (answer,) = server.answers(("a.png", digits.pngs[5]))
        np.testing.assert_allclose(by_class(answer), digits.expected[5], atol=2e-6)
        with ThreadPoolExecutor(8) as pool:
            maps = [
                pool.submit(post, server, part("a.png", digits.pngs[n]) + END, TYPE, "/map") for n in range(8)
            ]
            assert requests.get(f"{server.address}/health", timeout=60).ok
            assert all(drawn.result().status_code == 200 for drawn in maps)
    finally:
        for connection in slow:
            connection.close()
