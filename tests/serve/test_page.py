"""The page in a real browser: pictures chosen, dropped, pasted and refused, and names that try to be code."""

import cv2
import numpy as np
import pytest

from tests.browser import PICTURES
from tests.serve.conftest import Server
from tests.serve.visits import CARDS, check_calm, choose, drop, open_page, wait, wait_for_all, wait_for_maps

HOSTILE = "<img src=x onerror=document.title='hacked'>.png"
CLASSES = [
    "<b>zero</b>",
    "one & $x$",
    "猫",
    *(f"a class with a rather long name, number {n}" for n in range(3, 10)),
]


@pytest.mark.parametrize("way", [choose, drop])
def test_pictures_are_answered_with_bars_and_maps(way, browser, server, digits, pictures):
    open_page(browser, server)
    way(browser, pictures(0, 7, 14))
    wait_for_maps(browser, 3)
    cards = browser.evaluate(CARDS)
    for card, number in zip(cards, (0, 7, 14), strict=True):
        expected = digits.expected[number]
        assert card["name"] == f"digit-{number}.png"
        assert card["label"] == str(expected.argmax())
        ranked = np.argsort(-expected, kind="stable")[:5]
        assert [label for label, _ in card["bars"]] == [str(digit) for digit in ranked]
        for (_, share), p in zip(card["bars"], expected[ranked], strict=True):
            assert abs(float(share.strip("<>\u202f% ")) - 100 * p) <= 0.11
        assert card["maps"] == [16]
    assert browser.evaluate("document.getElementById('status').textContent") == "3 pictures"
    assert min(browser.evaluate(PICTURES)) > 0
    check_calm(browser, server)


def test_bars_are_as_long_as_the_probabilities(browser, server, digits, pictures):
    number = int(np.argmin(digits.expected.max(axis=1)))  # the digit that the model is least sure of
    open_page(browser, server)
    choose(browser, pictures(number))
    wait_for_maps(browser, 1)
    lengths = browser.evaluate(
        "[...document.querySelectorAll('.bars i')].map(i => i.firstChild.offsetWidth / i.offsetWidth)"
    )
    np.testing.assert_allclose(lengths, np.sort(digits.expected[number])[:-6:-1], atol=0.02)


def test_all_classes_are_a_click_away(browser, server, pictures):
    open_page(browser, server)
    choose(browser, pictures(0))
    wait_for_all(browser, 1)
    assert browser.evaluate("document.querySelector('.more').textContent") == "All 10 classes"
    browser.evaluate("document.querySelector('.more').click()")
    assert len(browser.evaluate(CARDS)[0]["bars"]) == 10
    assert browser.evaluate("document.activeElement.className").startswith("bars")


def test_more_pictures_than_one_request_may_hold_are_sent_in_turns(browser, server, pictures):
    open_page(browser, server)
    choose(browser, pictures(*range(30)))
    wait_for_all(browser, 30)
    assert [card["name"] for card in browser.evaluate(CARDS)] == [
        f"digit-{number}.png" for number in range(30)
    ]
    check_calm(browser, server)


def test_files_that_cannot_be_used_are_listed_with_the_reason(browser, server, pictures, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.png").touch()
    (tmp_path / "huge.png").write_bytes(bytes(2_000_001))
    open_page(browser, server)
    choose(browser, [tmp_path / "notes.txt", *pictures(1), tmp_path / "empty.png", tmp_path / "huge.png"])
    wait_for_all(browser, 4)
    assert browser.evaluate("[...document.querySelectorAll('#unused li')].map(row => row.innerText)") == [
        "notes.txt not an image: begins with b'hello'",
        "empty.png empty: 0 bytes",
        "huge.png too large: the server takes 2000000 bytes at once (--max-bytes)",
    ]
    assert browser.evaluate("document.getElementById('status').textContent") == "1 picture, 3 not used"
    check_calm(browser, server)


def test_a_picture_that_browsers_cannot_draw_is_shown_as_the_model_sees_it(browser, server, digits, tmp_path):
    cv2.imwrite(str(tmp_path / "scan.tif"), np.arange(400, dtype=np.uint8).reshape(20, 20))
    open_page(browser, server)
    choose(browser, [tmp_path / "scan.tif"])
    wait_for_maps(browser, 1)
    wait(browser, "document.querySelector('.original').hidden")
    wait(browser, "document.querySelector('.prepared img').naturalWidth === 16")


def test_a_name_that_tries_to_be_code_is_text(browser, server, digits, tmp_path):
    (tmp_path / HOSTILE).write_bytes(digits.pngs[0])
    (tmp_path / f"{HOSTILE}.txt").write_text("<script>document.title = 'hacked'</script>")
    open_page(browser, server)
    choose(browser, [tmp_path / HOSTILE, tmp_path / f"{HOSTILE}.txt"])
    wait_for_maps(browser, 1)
    assert browser.evaluate(CARDS)[0]["name"] == HOSTILE
    assert HOSTILE in browser.evaluate("document.querySelector('.original img').alt")
    assert "<script>" in browser.evaluate("document.querySelector('#unused li').innerText")
    assert "hacked" not in browser.evaluate("document.title")
    check_calm(browser, server)


def test_classes_that_try_to_be_code_are_text(browser, digits, pictures, tmp_path):
    models = digits.renamed(tmp_path / "models", CLASSES)
    server = Server(tmp_path / "server", models, "--port", 0)
    try:
        open_page(browser, server, width=390)
        choose(browser, pictures(0, 1))
        wait_for_maps(browser, 2)
        assert {card["label"] for card in browser.evaluate(CARDS)} <= set(CLASSES)
        names = browser.evaluate("[...document.querySelectorAll('.classes li')].map(row => row.textContent)")
        assert names == CLASSES
        assert browser.evaluate("document.querySelectorAll('main b').length") == 10  # the bars' own
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390
        check_calm(browser, server)
    finally:
        server.close()


def test_an_inline_script_that_is_not_ours_does_not_run(browser, server):
    open_page(browser, server)
    browser.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    assert browser.evaluate("window.ran") is None


def test_maps_that_take_long_are_drawn_only_when_asked_for(browser, server, pictures):
    open_page(browser, server)
    slow = {"offline": False, "latency": 1200, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.call("Network.emulateNetworkConditions", **slow)
    try:
        choose(browser, pictures(0, 1, 2))
        wait_for_maps(browser, 1)  # which told how long they take
        wait(browser, "document.querySelectorAll('.map button:not([hidden])').length === 2")
        browser.evaluate("document.querySelector('.map button:not([hidden])').click()")
        wait_for_maps(browser, 2)
    finally:
        browser.call("Network.emulateNetworkConditions", **(slow | {"latency": 0}))


def test_a_server_that_has_gone_is_told(browser, server, pictures):
    open_page(browser, server)
    gone = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.call("Network.emulateNetworkConditions", **gone)
    try:
        choose(browser, pictures(0, 1))
        wait_for_all(browser, 2)
        rows = browser.evaluate("[...document.querySelectorAll('#unused li')].map(row => row.innerText)")
        words = "no answer: the file cannot be read, or the server does not run any more"
        assert rows == [f"digit-0.png {words}", f"digit-1.png {words}"]
    finally:
        browser.call("Network.emulateNetworkConditions", **(gone | {"offline": False}))


def test_clear_begins_anew(browser, server, pictures):
    open_page(browser, server)
    choose(browser, pictures(0, 1))
    wait_for_maps(browser, 2)
    browser.evaluate("document.getElementById('clear').click()")
    assert browser.evaluate(CARDS) == []
    assert browser.evaluate("document.activeElement.id") == "files"
    choose(browser, pictures(1))
    wait_for_maps(browser, 1)
    assert browser.evaluate("document.getElementById('status').textContent") == "1 picture"


def test_a_dropped_folder_is_opened(browser, server, pictures, tmp_path):
    (tmp_path / "folder/deeper").mkdir(parents=True)
    for path, place in zip(pictures(0, 1, 2), ("b.png", "a.png", "deeper/c.png"), strict=True):
        path.rename(tmp_path / "folder" / place)
    open_page(browser, server)
    drop(browser, [tmp_path / "folder"])
    wait_for_all(browser, 3)
    assert [card["name"] for card in browser.evaluate(CARDS)] == ["a.png", "b.png", "c.png"]
    check_calm(browser, server)


def test_a_pasted_picture_is_answered(browser, server, digits):
    open_page(browser, server)
    browser.evaluate(f"""(() => {{
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array({list(digits.pngs[0])})], 'image.png', {{type: 'image/png'}}));
      document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: transfer}}));
    }})()""")
    wait_for_maps(browser, 1)
    assert browser.evaluate(CARDS)[0]["label"] == str(digits.expected[0].argmax())
