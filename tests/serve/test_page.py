"""The page in a real browser: pictures chosen, dropped and refused, read by eye, by ear, by keyboard, on a phone."""

import cv2
import numpy as np
import pytest

from tests.browser import CONTRASTS, PICTURES

from .conftest import Server

HOSTILE = "<img src=x onerror=document.title='hacked'>.png"
CLASSES = [
    "<b>zero</b>",
    "one & $x$",
    "猫",
    *(f"a class with a rather long name, number {n}" for n in range(3, 10)),
]

CARDS = """
[...document.querySelectorAll('.card')].map(card => ({
  label: card.querySelector('h2').textContent,
  name: card.querySelector('.name').textContent,
  bars: [...card.querySelectorAll('.bars li')].map(row =>
    [row.querySelector('.label').textContent, row.querySelector('.share').textContent]),
  maps: [...card.querySelectorAll('.map img')].map(image => image.naturalWidth),
}))
"""


@pytest.fixture
def pictures(digits, tmp_path):
    """Return a function that writes digits as files and returns their paths."""

    def write(*numbers):
        paths = [tmp_path / f"digit-{number}.png" for number in numbers]
        for path, number in zip(paths, numbers, strict=True):
            path.write_bytes(digits.pngs[number])
        return paths

    return write


def wait(browser, condition):
    """Wait until an expression holds on the page."""
    script = f"""new Promise(resolve => {{
      const until = Date.now() + 60000;
      (function look() {{
        if ({condition}) resolve(true);
        else if (Date.now() > until) resolve(false);
        else setTimeout(look, 20);
      }})();
    }})"""
    assert browser.evaluate(script), (condition, browser.evaluate("document.body.innerText"))


def open_page(browser, server, width=1280, scheme="light"):
    browser.call("DOM.enable")
    browser.open(f"{server.address}/", width, scheme)


def choose(browser, paths):
    """Choose files in the field, as the browser's dialogue does."""
    field = browser.call("Runtime.evaluate", expression="document.getElementById('files')")["result"][
        "objectId"
    ]
    browser.call("DOM.setFileInputFiles", files=[str(path) for path in paths], objectId=field)


def drop(browser, paths):
    """Drag files from outside and let them go somewhere on the page."""
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.call("Input.dispatchDragEvent", type=kind, x=20, y=20, data=data)


def wait_for_all(browser, number):
    wait(browser, f"document.querySelectorAll('.card:not(.waiting), #unused li').length === {number}")


def wait_for_maps(browser, number):
    wait(browser, f"document.querySelectorAll('.map img:not([hidden])').length === {number}")


def check_calm(browser, server):
    """Nothing came from elsewhere, and nothing went wrong."""
    urls = [event["request"]["url"] for event in browser.seen("Network.requestWillBeSent")]
    assert not [
        url for url in urls if not url.startswith((server.address, f"blob:{server.address}", "data:"))
    ]
    assert not browser.seen("Runtime.exceptionThrown")
    assert not [event for event in browser.seen("Log.entryAdded") if event["entry"]["level"] == "error"]
    assert not browser.seen("Runtime.consoleAPICalled")


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
    assert browser.evaluate("document.querySelector('.prepared img').naturalWidth") == 16


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


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_is_never_wider_than_the_window(width, browser, server, digits, tmp_path):
    (tmp_path / f"{'a' * 200}.png").write_bytes(digits.pngs[0])
    (tmp_path / f"{'b' * 200}.png").write_text("x" * 100)
    open_page(browser, server, width)
    choose(browser, sorted(tmp_path.glob("*.png")))
    wait_for_maps(browser, 1)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_as_wcag_aa_asks(scheme, browser, server, pictures, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    open_page(browser, server, 1280, scheme)
    choose(browser, [*pictures(0, 1), tmp_path / "notes.txt"])
    wait_for_maps(browser, 2)
    shade = np.median(browser.screenshot())
    assert shade > 230 if scheme == "light" else shade < 40
    measured = browser.evaluate(CONTRASTS)
    assert len(measured) > 40
    assert not [entry for entry in measured if entry[0] < 4.5]


def test_everything_can_be_reached_and_used_by_keyboard(browser, server, pictures):
    open_page(browser, server)
    choose(browser, pictures(0))
    wait_for_maps(browser, 1)
    browser.evaluate("document.body.focus()")
    reached = []
    for _ in range(4):
        for kind in ("keyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(browser.evaluate("document.activeElement.id || document.activeElement.className"))
        if reached[-1] == "files":
            ring = browser.evaluate("getComputedStyle(document.querySelector('.drop')).outlineStyle")
            assert ring == "solid"
    assert reached[:3] == ["files", "clear", "more"]


def test_a_screen_reader_is_told_what_there_is(browser, server, pictures):
    open_page(browser, server)
    choose(browser, pictures(0))
    wait_for_maps(browser, 1)
    browser.call("Accessibility.enable")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    said = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored") and "role" in node
    ]
    assert ("status", "") in said
    assert ("StaticText", "1 picture") in said
    assert ("heading", "Show it a picture") in said
    assert any(role == "button" and name.startswith("Choose pictures") for role, name in said)
    assert any(role == "list" and name == "Probability by class" for role, name in said)
    images = [name for role, name in said if role == "image"]
    assert len(images) == 3
    assert all("digit-0.png" in name for name in images)


def test_without_javascript_the_form_still_asks(browser, server, digits, pictures):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        open_page(browser, server, 390)
        document = browser.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
        field = browser.call("DOM.querySelector", nodeId=document, selector="#files")["nodeId"]
        browser.call("DOM.setFileInputFiles", files=[str(path) for path in pictures(0)], nodeId=field)
        button = browser.call("DOM.querySelector", nodeId=document, selector="noscript button")["nodeId"]
        corners = browser.call("DOM.getBoxModel", nodeId=button)["model"]["content"]
        browser.events.clear()
        for kind in ("mousePressed", "mouseReleased"):
            place = {"x": (corners[0] + corners[2]) / 2, "y": (corners[1] + corners[5]) / 2}
            browser.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)
        while not browser.seen("Page.loadEventFired"):
            browser.call("Page.enable")  # any call reads what came meanwhile
        document = browser.call("DOM.getDocument")["root"]["nodeId"]
        shown = browser.call("DOM.getOuterHTML", nodeId=document)["outerHTML"]
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert f'"label":"{digits.expected[0].argmax()}"' in shown
    assert '"name":"digit-0.png"' in shown


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
