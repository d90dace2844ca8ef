"""The page for everybody: on a phone, in the dark, by keyboard, read aloud, without JavaScript."""

import numpy as np
import pytest

from tests.browser import CONTRASTS
from tests.serve.visits import choose, open_page, wait_for_maps


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
