"""The report in a real browser: offline, every image drawn, nothing wider than a phone."""

import itertools

import numpy as np
import pytest

from tests.browser import CONTRASTS, PICTURES

NAMES = ["<script>alert(1)</script>", "dog & $x$", "猫", "قط", "كلب"]

# Of each mistake with two Arabic names: how far to the right of the true class the predicted one begins, pixels.
ARROWS = """
[...document.querySelectorAll('b:has(bdi + bdi)')].map(mistake => [...mistake.querySelectorAll('bdi')])
  .filter(pair => pair.every(name => /^[\u0600-\u06ff]+$/.test(name.textContent)))
  .map(pair => pair.map(name => name.getBoundingClientRect())).map(([a, b]) => b.left - a.right)
"""

UNNAMED = """
[...document.querySelectorAll('img:not([alt]), img[alt=""], svg:not([aria-hidden]):not([role])')].length
"""


@pytest.fixture(scope="module")
def odd(make_inputs):
    """Return a report whose classes try to be code."""
    rejected = [(f"a/{NAMES[0]}.jpg", "truncated", "<b>")]
    inputs = make_inputs(
        classes=NAMES, shape=(8, 8, 3), images=300, sureness=2.0,
        rejected=rejected, pictured=[rejected[0][0]], leaking=2,
    )  # fmt: skip
    done = inputs.plot()
    assert done.returncode == 0, done.stderr
    return inputs


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["digits", "odd"])
def test_every_image_is_drawn_without_a_request_or_an_error(name, width, browser, request):
    browser.open(request.getfixturevalue(name).report, width)
    drawn = browser.evaluate(PICTURES)
    assert len(drawn) > 25
    assert min(drawn) > 0
    assert browser.evaluate("document.querySelectorAll('.chart svg').length") == 8
    urls = [event["request"]["url"] for event in browser.seen("Network.requestWillBeSent")]
    assert not [url for url in urls if not url.startswith(("file:", "data:"))]
    assert not browser.seen("Runtime.exceptionThrown")
    assert not [event for event in browser.seen("Log.entryAdded") if event["entry"]["level"] == "error"]
    assert not browser.seen("Runtime.consoleAPICalled")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_is_never_wider_than_the_window(width, browser, digits):
    browser.open(digits.report, width)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_as_wcag_aa_asks(scheme, browser, odd):
    browser.open(odd.report, 1280, scheme)
    assert browser.evaluate("document.querySelectorAll('.warning').length") == 2
    measured = browser.evaluate(CONTRASTS)
    assert len(measured) > 100
    assert not [entry for entry in measured if entry[0] < 4.5]


def test_the_colour_scheme_of_the_reader_is_followed(browser, digits):
    shades = {}
    for scheme in ("light", "dark"):
        browser.open(digits.report, 1280, scheme)
        shades[scheme] = np.median(browser.screenshot())
    assert shades["light"] > 230
    assert shades["dark"] < 40


def test_print_is_light_also_for_who_reads_in_the_dark(browser, digits):
    browser.open(digits.report, 1280, "dark")
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.call("Emulation.setEmulatedMedia", media="print", features=features)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("getComputedStyle(document.body).color") == "rgb(31, 41, 51)"


def test_pictures_have_words_and_headings_do_not_skip(browser, digits):
    browser.open(digits.report, 1280)
    assert browser.evaluate(UNNAMED) == 0
    levels = browser.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(node => +node.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert browser.evaluate("[...document.querySelectorAll('table:not(:has(caption))')].length") == 0
    assert browser.evaluate("document.documentElement.lang") == "en"


def test_ids_are_unique_on_the_page(browser, digits):
    browser.open(digits.report, 1280)
    ids = browser.evaluate("[...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))


def test_the_true_class_stands_on_the_left_in_any_script(browser, odd):
    for page in (odd.report, odd.test_images):
        browser.open(page, 1280)
        mistakes = browser.evaluate(ARROWS)
        assert mistakes
        assert min(mistakes) > 0


def test_a_class_called_like_a_script_is_text(browser, odd):
    browser.open(odd.report, 1280)
    assert browser.evaluate("document.scripts.length") == 0
    words = browser.evaluate("document.body.innerText")
    assert all(name in words for name in NAMES)
