"""The report's first lines, and the elements that its pages are made of."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from darkroom.plot import report, stage, style
from darkroom.plot.galleries import drawn_images, figure, gallery
from darkroom.plot.html import Html, page, pairs, table
from tests.plot.pages import CHARTS, cells, changed, predicted_as


def test_the_first_lines_say_how_good_the_model_is_and_draw_its_interval(results):
    scores = {"accuracy": 0.5, "accuracy_low": 0.25, "accuracy_high": 0.625, "images": 4, "roc_auc": 0.75,
              "f1": 0.125, "expected_calibration_error": 0.0625}  # fmt: skip
    run = changed(predicted_as(results, [("bee", "bee")] * 3 + [("ant", "bee")]), evaluate=scores)
    said = report.header(run)
    assert report.headline(run) == "50.0\u202f% of 4 test images right"
    assert re.findall(r'style="(.*?)"', said) == ["left:25.00%;right:37.50%", "left:50.00%", "left:75.00%"]
    assert "95\u202f% interval: 25.0 to 62.5\u202f%" in said
    assert "75.0\u202f% is what always saying “bee” would score" in said
    tiles = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", said))
    train = int((results.parts["split"] == "train").sum())
    assert tiles == {
        "classes": "3", "training images": str(train),
        "parameters": f"{results.model['parameters']:,}".replace(",", "\u202f"),
        "F1, mean of classes": "12.5\u202f%", "area under ROC": "0.750", "calibration error": "6.2\u202f%",
    }  # fmt: skip
    assert "twin" not in said
    assert "1 image of validation or test came" in report.header(changed(run, split={"leaked_images": 1}))
    assert report.headline(changed(run, evaluate={"images": 1})) == "50.0\u202f% of 1 test image right"


def test_a_gain_on_train_that_may_be_nothing_is_not_called_overfitting():
    scores = {
        "train_accuracy": 1,
        "train_images": 1,
        "train_gap": 0.1,
        "train_gap_high": 0.2,
        "train_gap_low": 0.0,
    }
    assert "not told from noise" in report._overfitting(scores)


@pytest.mark.parametrize("missed", [1, 10, 11])
def test_ten_classes_are_named_of_which_no_image_is_right(missed):
    run = SimpleNamespace(
        recalled={f"c{n}": (0, 1) for n in range(missed)}, model={"params": {"train": {"class_weights": "x"}}}
    )
    [line] = stage._missed(run)
    assert line.count('"c') == min(missed, 10)
    assert (" more" in line) == line.endswith(" and 1 more") == (missed == 11)


def test_only_a_small_picture_shows_its_pixels_as_squares():
    shapes = [(96, 96, 1), (97, 20, 1), (20, 97, 3), (5, 5, 3)]
    drawn = drawn_images([np.zeros(shape, np.uint8) for shape in shapes], list("abcd"), 10**6)
    assert ['class="pixels"' in element for element in drawn] == [True, False, False, True]
    assert 'width="20" height="97"' in drawn[1]
    picture = np.zeros((4, 4, 1), np.uint8)
    assert gallery([picture] * 2, ["a", "b"], ["said", None], 10**6).count("<figcaption>") == 1
    assert gallery([picture], ["a"], [""], 10**6, "few").startswith('<div class="gallery few">')
    assert 'aria-label="said"' in figure(CHARTS["roc"], "said")
    assert 'aria-label="seen"' in figure(CHARTS["roc"], "said", "seen")


def test_a_page_has_its_sections_and_links_to_them():
    made = page(
        "A <title>", Html("<h1>x</h1>"), {"First one": Html("<p>1</p>"), "Two": Html("<p>2</p>")}, "b{}"
    )
    assert re.findall(r'<a href="#(.*?)">(.*?)</a>', made) == [("first-one", "First one"), ("two", "Two")]
    assert re.findall(r'<section id="(.*?)" aria-label="(.*?)"><h2>(.*?)</h2><p>', made) == [
        ("first-one", "First one", "First one"),
        ("two", "Two", "Two"),
    ]
    assert "<title>A &lt;title&gt;</title>" in made
    assert cells(pairs("Pairs", [("a", 1)]), "Pairs") == [["a", "1"]]
    three = table("Text", ["a", "b", "c"], [(1, 2, 3)], words=2)
    assert re.findall(r"<t[hd]([^>]*)>\d", three) == [' scope="row"', ' class="text"', ""]


def test_a_name_longer_than_its_room_is_cut():
    assert style.shortened("x" * 18) == "x" * 18
    assert style.shortened("x" * 19) == "x" * 17 + "…"
    assert style.shortened("abc", 2) == "a…"
