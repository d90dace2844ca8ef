"""The JSON endpoint: the right answers, also to many at once, and a calm word to whatever else is sent."""

import base64
import json
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import requests

from darkroom.decode.preparation import Preparation
from darkroom.decode.rejections import Reason, Rejected

from .conftest import PREPARATION

BOUNDARY = "f1x3d"
TYPE = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(name: str, data: bytes, extra: str = "") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n{extra}\r\n'
    return head.encode() + data + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def post(server, body, headers=TYPE, path="/predict"):
    return requests.post(f"{server.address}{path}", data=body, headers=headers, timeout=60)


def by_class(answer):
    return np.array(list(answer["probabilities"].values()))


def test_each_file_gets_the_answer_that_plain_keras_gives(server, digits):
    chosen = range(0, 120, 10)
    answers = server.answers(*((f"{number}.png", digits.pngs[number]) for number in chosen))
    assert [answer["name"] for answer in answers] == [f"{number}.png" for number in chosen]
    for answer, number in zip(answers, chosen, strict=True):
        assert list(answer["probabilities"]) == [str(digit) for digit in range(10)]
        np.testing.assert_allclose(by_class(answer), digits.expected[number], atol=2e-6)
        assert answer["label"] == str(digits.expected[number].argmax())


def test_thirty_two_at_once_get_each_its_own_answer(server, digits):
    gate = threading.Barrier(32)

    def ask(number):
        gate.wait()
        (answer,) = server.answers((f"{number}.png", digits.pngs[number]))
        return answer

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(ask, range(200, 232)))
    assert len({answer["name"] for answer in answers}) == 32
    for number, answer in zip(range(200, 232), answers, strict=True):
        assert answer["name"] == f"{number}.png"
        np.testing.assert_allclose(by_class(answer), digits.expected[number], atol=2e-6)


def test_a_picture_of_any_format_and_size_is_prepared_as_in_training(server, digits, real_images):
    # The endpoint against Preparation, which stands for training here: same verdict, same pixels.
    preparation = Preparation.from_json(PREPARATION)
    paths = sorted((real_images / "odd").iterdir())
    used, rejected = [], []
    for path in paths:
        response = server.predict((path.name, path.read_bytes()), params={"pictures": "true"})
        assert response.status_code == 200, (path.name, response.text)
        (answer,) = response.json()["images"]
        try:
            pixels = preparation.prepare(path.read_bytes()).pixels
        except Rejected as rejection:
            expected = {"name": path.name, "reason": rejection.reason, "detail": rejection.detail}
            rejected += [path.name] if answer == expected else []
            continue
        seen = base64.b64decode(answer["picture"].removeprefix("data:image/png;base64,"))
        shown = cv2.imdecode(np.frombuffer(seen, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert np.array_equal(shown, pixels[..., 0]), path.name
        used.append(path.name)
    assert len(used) > 20
    assert len(rejected) > 8
    assert len(used) + len(rejected) == len(paths)


def test_a_bad_file_takes_no_good_one_with_it(server, digits):
    answers = server.answers(
        ("good.png", digits.pngs[0]),
        ("notes.txt", b"hello"),
        ("empty.png", b""),
        ("cut.png", digits.pngs[1][:-20]),
        ("last.png", digits.pngs[2]),
    )
    assert [answer.get("reason") for answer in answers] == [
        None, "not an image", "empty", "truncated", None,
    ]  # fmt: skip
    np.testing.assert_allclose(by_class(answers[4]), digits.expected[2], atol=2e-6)


def test_a_decompression_bomb_is_rejected_by_its_header(server):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(30_001) * 3_000, 9)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
    (answer,) = server.answers(("bomb.png", bomb + chunk(b"IDAT", rows) + chunk(b"IEND", b"")))
    assert answer["reason"] == "too large"
    assert "900000000 pixels" in answer["detail"]


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>.png",
        "../../etc/passwd",
        "猫.png",
        "a" * 2000,
        "C:\\x\\y.png",
        "\u202egnp",
    ],
)
def test_a_name_comes_back_as_it_was_and_touches_nothing(name, server, digits):
    (answer,) = server.answers((name, digits.pngs[0]))
    # The one change is the parser's: it cuts the folders of Windows, which old browsers sent.
    assert answer["name"] == name.removeprefix("C:\\x\\")


def test_a_name_that_is_no_utf_8_is_answered(server, digits):
    body = part("NAME", digits.pngs[0]).replace(b"NAME", b"\xff\xfe.png") + END
    for charset in ("", "; charset=utf-7", "; charset=idna", "; charset=unicode_escape", "; charset=zlib"):
        response = post(server, body, {"Content-Type": f"{TYPE['Content-Type']}{charset}"})
        assert response.status_code == 200
        assert response.json()["images"][0]["name"] == "\ufffd\ufffd.png"


def test_the_model_says_what_it_is(server, digits):
    about = requests.get(f"{server.address}/model", timeout=60).json()
    assert about["classes"] == [str(digit) for digit in range(10)]
    assert about["shape"] == [16, 16, 1]
    assert about["preparation"] == PREPARATION
    assert about["versions"] == {"keras": "3"}
    assert (about["max_bytes"], about["max_images"]) == (2_000_000, 12)
    assert about["model"] == str(digits.models / "model.keras")


def test_health_is_told(server):
    assert requests.get(f"{server.address}/health", timeout=60).json() == {"status": "ok"}


def test_a_map_shows_where_the_model_looked(server, digits):
    response = post(server, part("a.png", digits.pngs[3]) + END, path="/map")
    assert response.headers["content-type"] == "image/png"
    drawn = cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_COLOR)
    assert drawn.shape == (16, 16, 3)
    grey = cv2.imdecode(np.frombuffer(digits.pngs[3], np.uint8), cv2.IMREAD_GRAYSCALE)
    warm = drawn[..., 2].astype(int) - drawn[..., 0]  # inferno glows where a place matters
    assert warm.max() > 60
    assert np.corrcoef(drawn.mean(axis=2).ravel(), grey.ravel())[0, 1] > 0.5


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ([b"hello"], 422, "not an image"),
        ([b"a", b"b"], 400, "2 files; a map is drawn of one"),
        ([], 400, "no file"),
    ],
)
def test_a_map_that_cannot_be_drawn_is_refused_with_the_reason(files, status, words, server):
    response = post(server, b"".join(part("x.png", data) for data in files) + END, path="/map")
    assert response.status_code == status
    assert words in response.json()["detail"]


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


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]"]
)
@pytest.mark.parametrize("path", ["/", "/model", "/health"])
def test_another_name_for_this_computer_is_refused(path, host, server):
    # What a page of evil.example sends once its name points to 127.0.0.1 (DNS rebinding).
    response = requests.get(f"{server.address}{path}", headers={"Host": host}, timeout=60)
    assert response.status_code == 400
    assert "classes" not in response.text


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LOCALHOST:8000", "[::1]:8000"])
def test_its_own_names_are_answered_whatever_the_port(host, server):
    assert requests.get(f"{server.address}/health", headers={"Host": host}, timeout=60).ok


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_a_page_of_another_site_may_not_ask(method, origin, server, digits):
    response = requests.request(
        method,
        f"{server.address}/predict",
        headers={"Origin": origin},
        files={"files": digits.pngs[0]},
        timeout=60,
    )
    assert response.status_code == 403
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/model", "/openapi.json", "/nothing"])
def test_every_answer_tells_browsers_to_be_strict(path, server):
    headers = requests.get(f"{server.address}{path}", timeout=60).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_no_page_of_documentation_loads_code_from_elsewhere(server):
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert requests.get(f"{server.address}{path}", timeout=60).status_code == 404
    described = requests.get(f"{server.address}/openapi.json", timeout=60).json()
    assert set(described["paths"]) == {"/predict", "/map", "/model", "/health"}
    assert "multipart/form-data" in described["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert "http" not in json.dumps(described["paths"])


def connected(server) -> socket.socket:
    host, port = server.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def send_head(connection: socket.socket, *lines: str) -> None:
    head = ["POST /predict HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {TYPE['Content-Type']}", *lines]
    connection.sendall("\r\n".join([*head, "", ""]).encode())


def status(connection: socket.socket) -> str:
    return connection.recv(65536).decode().splitlines()[0]
