"""The page of test images: all of them, or a choice that is said, and looked through in a real browser."""

import csv
import json
import re

import pytest

from darkroom.plot import tested_images
from darkroom.plot.stage_outputs import read_results

COUNT = "document.getElementById('count').textContent"
SHOWN = "[...document.querySelectorAll('#grid li')].map(item => item.innerText)"
CHOSEN = "['true', 'class', 'verdict'].map(id => document.getElementById(id).value)"


@pytest.fixture(scope="module")
def results(digits):
    names = ("data/images", "data/split", "models", "data/predictions", "metrics", "plots")
    return read_results(*(digits.folder / name for name in names))


@pytest.fixture(scope="module")
def table(digits):
    """Return ``test.csv``: of each image id, label, predicted and the largest of the probabilities."""
    with (digits.folder / "data/predictions/test.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [
        (
            row["id"],
            row["label"],
            row["predicted"],
            max(float(p) for name, p in row.items() if name[:2] == "p_"),
        )
        for row in rows
    ]


def rows_of(page):
    found = re.search(r'id="rows"[^>]*>\n(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    return [json.loads(line) for line in found[1].splitlines()]


def test_every_test_image_is_there_with_its_file_its_classes_and_how_sure_the_model_was(digits, table):
    said = [
        (name, str(true), str(predicted), sure)
        for name, [[predicted, sure]], _, _, true in rows_of(digits.test_images)
    ]
    assert said == table


def test_of_too_many_the_mistakes_are_there_and_the_least_sure(results, table, tmp_path, monkeypatch):
    wrong = sorted((row for row in table if row[1] != row[2]), key=lambda row: -row[3])
    right = sorted((row for row in table if row[1] == row[2]), key=lambda row: row[3])
    assert 2 < len(wrong) < 50
    for most, words in ((50, "Here are 50: all that are wrong"), (2, "Here are 2: of those that are wrong")):
        monkeypatch.setattr(tested_images, "MOST", most)
        tested_images.write_page(results, tmp_path)
        page = tmp_path / "test_images.html"
        assert words in page.read_text(encoding="utf-8")
        shown = [row[0] for row in rows_of(page)]
        assert set(shown) == {row[0] for row in [*wrong, *right][:most]}
        assert shown == [row[0] for row in table if row[0] in shown]


def test_the_page_is_the_same_however_few_pictures_are_held_at_a_time(digits, results, tmp_path, monkeypatch):
    taken = []
    take = type(results.source).take
    monkeypatch.setattr(
        type(results.source), "take", lambda self, rows: taken.append(len(rows)) or take(self, rows)
    )
    monkeypatch.setattr(tested_images, "_BYTES", 7 * 256)
    tested_images.write_page(results, tmp_path)
    assert (tmp_path / "test_images.html").read_bytes() == digits.test_images.read_bytes()
    assert max(taken) == 7


def test_a_reader_chooses_by_class_by_verdict_and_by_confidence(browser, digits, table):
    browser.open(digits.test_images, 1000)
    assert browser.evaluate(COUNT) == f"1 to 100 of {len(table)} pictures"
    wrong = [row for row in table if row[1] != row[2]]
    browser.choose("verdict", "wrong")
    assert browser.evaluate(COUNT) == f"1 to {len(wrong)} of {len(wrong)} pictures, {len(table)} in all"
    for text, (name, true, predicted, sure) in zip(browser.evaluate(SHOWN), wrong, strict=True):
        assert f"{true} → {predicted} {100 * sure:.1f}\u202f%" in text
        assert name in text
    assert browser.evaluate("document.querySelectorAll('#grid .wrong').length") == len(wrong)
    name, true, predicted, sure = wrong[0]
    browser.choose("true", true)
    assert len(browser.evaluate(SHOWN)) == sum(row[1] == true for row in wrong)
    browser.choose("class", predicted)
    alike = [row for row in wrong if row[1:3] == (true, predicted)]
    assert len(browser.evaluate(SHOWN)) == len(alike)
    browser.choose("least", f"{100 * sure:.1f}")
    assert len(browser.evaluate(SHOWN)) == sum(100 * row[3] >= float(f"{100 * sure:.1f}") for row in alike)
    for field, value in (("least", "0"), ("class", "-1"), ("verdict", "right")):
        browser.choose(field, value)
    right = [row for row in table if row[1] == row[2] == true]
    assert len(browser.evaluate(SHOWN)) == len(right)
    assert true + " " in browser.evaluate(SHOWN)[0]
    assert not browser.seen("Runtime.exceptionThrown")
    assert not [event for event in browser.seen("Log.entryAdded") if event["entry"]["level"] == "error"]


def test_the_report_leads_to_the_mistakes_and_to_each_confusion(browser, digits, table):
    browser.open(digits.report, 1000)
    links = browser.evaluate(
        "[...document.querySelectorAll('a[href*=test_images]')].map(a => [a.href, a.text])"
    )
    assert {href.split("#")[0] for href, _ in links} == {digits.test_images.as_uri()}
    confusions = [(href, int(text)) for href, text in links if "true=" in href]
    assert confusions
    browser.open(digits.test_images, 1000)
    for href, images in [*confusions, ("#verdict=wrong", sum(row[1] != row[2] for row in table))]:
        _go_to(browser, href.split("#")[1])
        assert len(browser.evaluate(SHOWN)) == images
    # A bookmark from when there were more classes chooses none; what is no field chooses nothing.
    _go_to(browser, "true=99&verdict=right&length=1&grid=2")
    assert browser.evaluate(CHOSEN) == ["-1", "-1", "right"]
    assert not browser.seen("Runtime.exceptionThrown")


def test_an_address_chooses_when_the_page_is_opened(browser, digits, table):
    # From the page itself it would only be a jump within it.
    browser.open(digits.report, 1000)
    browser.open(f"{digits.test_images.as_uri()}#verdict=wrong", 1000)
    assert len(browser.evaluate(SHOWN)) == sum(row[1] != row[2] for row in table)


def _go_to(browser, choice):
    """Have the open page's address choose, as a link in the report does."""
    browser.evaluate(
        "new Promise(resolve => { addEventListener('hashchange', () => setTimeout(resolve), {once: true});"
        f" location.hash = {json.dumps(choice)}; }})"
    )


def test_a_mistake_has_the_name_of_its_file_below_it(digits, table):
    page = digits.report.read_text()
    section = page.split('<section id="mistakes"')[1]
    for name, true, predicted, _ in table:
        if true != predicted:
            assert f"<small>{name.rsplit('/', 1)[1]}</small>" in section
