"""The page of predictions: whole, offline, and looked through in a real browser."""

import base64
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from darkroom.predict.gallery import Gallery
from tests.browser import CONTRASTS, PICTURES, Browser, browser  # noqa: F401  (a fixture)

HOSTILE = "</script><img src=x onerror=alert(1)>.png"


def written(path: Path, pictures: int, side: int = 12) -> Path:
    """Write a page of cats and dogs by turns, each surer than the one before, in two batches."""
    generator = np.random.default_rng(0)
    gallery = Gallery(["cat", "dog & co", "<b>"], None)
    with path.open("w", encoding="utf-8") as file:
        file.write(gallery.begin())
        for numbers in np.array_split(np.arange(pictures), 2):
            sure = 0.5 + 0.5 * numbers / pictures
            p = np.stack([sure, 1 - sure, np.zeros(len(numbers))], axis=1)
            p[numbers % 2 == 1] = p[numbers % 2 == 1][:, [1, 0, 2]]
            pixels = generator.integers(0, 256, (len(numbers), side, side, 3), np.uint8)
            names = [HOSTILE if n == 0 else f"photos/{n:03d}.png" for n in numbers.tolist()]
            file.write(gallery.rows(names, p.astype(np.float32), pixels))
        file.write(gallery.end())
    return path


def count(browser: Browser) -> str:  # noqa: F811
    return browser.evaluate("document.getElementById('count').textContent")


def choose(browser: Browser, name: str, value: str) -> str:  # noqa: F811
    """Set a field as a reader does; return what the page says it shows."""
    browser.choose(name, value)
    return count(browser)


def test_every_picture_is_a_line_that_ends_no_element(tmp_path: Path) -> None:
    text = written(tmp_path / "page.html", 5).read_text(encoding="utf-8")
    rows = re.search(r'id="rows"[^>]*>\n(.*?)</script>', text, re.DOTALL)
    assert rows
    lines = [json.loads(line) for line in rows[1].splitlines()]
    assert [name for name, *_ in lines] == [HOSTILE, *(f"photos/{n:03d}.png" for n in range(1, 5))]
    assert lines[1][1] == [[1, 0.6], [0, 0.4], [2, 0.0]]
    assert all(url.startswith("data:image/png;base64,") for *_, url, _ in lines)
    assert "http" not in text.replace("http-equiv", "")


def test_of_large_pictures_the_page_has_thumbnails(tmp_path: Path) -> None:
    """Noise is what compresses worst: photos take half of it."""
    text = written(tmp_path / "page.html", 20, side=224).read_text(encoding="utf-8")
    assert len(text) / 20 * 5000 < 25e6
    for data in re.findall('base64,([^"]+)', text):
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)
        assert max(picture.shape[:2]) <= 96


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_pages_through_and_chooses(browser: Browser, tmp_path: Path, scheme: str) -> None:  # noqa: F811
    browser.open(written(tmp_path / "page.html", 250), 1000, scheme)
    assert count(browser) == "1 to 100 of 250 pictures"
    assert browser.evaluate(PICTURES) == [12] * 100
    assert min(contrast for contrast, _ in browser.evaluate(CONTRASTS)) >= 4.5
    # What is only for pictures whose class is known stays away.
    assert (
        browser.evaluate("[...document.querySelectorAll('label')].filter(label => label.hidden).length") == 2
    )
    browser.evaluate("document.getElementById('on').click(); document.getElementById('on').click()")
    assert count(browser) == "201 to 250 of 250 pictures"
    assert browser.evaluate("document.getElementById('on').disabled")
    assert choose(browser, "class", "1") == "1 to 100 of 125 pictures, 250 in all"
    assert browser.evaluate("document.querySelector('#grid b').textContent") == "dog & co 50.2\u202f%"
    assert choose(browser, "least", "90") == "1 to 25 of 25 pictures, 250 in all"
    assert choose(browser, "order", "-1") == "1 to 25 of 25 pictures, 250 in all"
    assert browser.evaluate("document.querySelector('#grid span').textContent") == "photos/249.png"
    assert choose(browser, "name", "33.PNG") == "1 to 1 of 1 pictures, 250 in all"
    assert choose(browser, "least", "0") == "1 to 3 of 3 pictures, 250 in all"
    assert choose(browser, "name", "elsewhere") == "0 to 0 of 0 pictures, 250 in all"
    assert not browser.seen("Runtime.exceptionThrown")
    assert not [event for event in browser.seen("Log.entryAdded") if event["entry"]["level"] == "error"]


def test_a_hostile_name_is_only_shown(browser: Browser, tmp_path: Path) -> None:  # noqa: F811
    browser.open(written(tmp_path / "page.html", 3), 1000)
    assert browser.evaluate("document.querySelector('#grid span').textContent") == HOSTILE
    assert browser.evaluate("document.querySelectorAll('#grid img').length") == 3
    assert browser.evaluate("document.querySelectorAll('#class option').length") == 4
