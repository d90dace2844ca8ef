"""The JSON endpoint: the right answers, also to many at once, and a reason for each file that has none."""

import base64
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import requests

from darkroom.decode.pictures.preparation import Preparation
from darkroom.decode.rejections import Rejected
from tests.serve.conftest import PREPARATION
from tests.serve.forms import END, by_class, part, post


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


def test_the_model_says_what_it_is(server, digits):
    about = requests.get(f"{server.address}/model", timeout=60).json()
    assert about["classes"] == [str(digit) for digit in range(10)]
    assert about["shape"] == [16, 16, 1]
    # What a preparation of before did not say is told as what it meant.
    later = {"background": [255, 255, 255], "bit_depth": 16, "boxes": None, "box_margin": 0.1}
    assert about["preparation"] == PREPARATION | later
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
