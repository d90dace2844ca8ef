"""The stage plot, run through its door: which files it writes, that they are the same every time, and how large."""

import collections
import csv
import html
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from darkroom import intervals
from darkroom.plot import report, stage

CHARTS = (
    "accuracy",
    "loss",
    "counts",
    "confusion",
    "roc",
    "precision_recall",
    "calibration",
    "risk_coverage",
)
PICTURES = ("samples", "channels", "augmented", "mistakes", "occlusion")

PAGES = {"report.html", "test_images.html"}


def plotted(make_inputs, **options):
    inputs = make_inputs(**options)
    done = inputs.plot()
    assert done.returncode == 0, done.stderr
    return inputs


def test_every_figure_is_a_png_and_each_page_one_file(digits):
    outputs = digits.outputs()
    assert set(outputs) == {f"{name}.png" for name in (*CHARTS, *PICTURES)} | PAGES
    assert all(data.startswith(b"\x89PNG") for name, data in outputs.items() if name.endswith(".png"))
    page = outputs["report.html"].decode()
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_the_same_inputs_give_the_same_bytes_whatever_the_users_settings_are(digits, tmp_path):
    before = digits.outputs()
    (tmp_path / "matplotlibrc").write_text("figure.facecolor: red\nfont.size: 20\nsavefig.dpi: 30\n")
    done = digits.plot(MATPLOTLIBRC=str(tmp_path), LC_ALL="C", TZ="Asia/Tokyo", SOURCE_DATE_EPOCH="1")
    assert done.returncode == 0, done.stderr
    after = digits.outputs()
    assert [name for name in before if before[name] != after[name]] == []


@pytest.mark.parametrize(
    "options",
    [
        {"classes": [f"species {number}, of a rather long name" for number in range(100)], "images": 1500},
        {"classes": ["cat", "dog"], "shape": (8, 8, 1), "images": 200, "sureness": 2.0},
        {"classes": ["O", "X"], "shape": (224, 160, 3), "images": 120, "sureness": 1.0, "samples": 100},
        {"classes": ["$a_b$", "<b>", "猫"], "shape": (5, 60, 3), "images": 150, "samples": 1},
    ],
    ids=["many classes", "tiny", "large, in colour", "odd names, one row"],
)
def test_any_number_of_classes_and_any_size_is_drawn_within_three_megabytes(make_inputs, options):
    inputs = plotted(make_inputs, **options)
    assert inputs.report.stat().st_size < 3_000_000


def test_noise_that_cannot_be_compressed_stays_within_three_megabytes(make_inputs):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (400, 128, 128, 3)).astype(np.uint8)
    inputs = plotted(
        make_inputs, classes=["a", "b"], pixels=pixels, kinds=np.arange(400) % 2, samples=100, sureness=0.0
    )
    assert inputs.report.stat().st_size < 3_000_000


def test_without_a_mistake_the_report_says_so(make_inputs):
    inputs = plotted(make_inputs, images=200, sureness=60.0)
    assert "every test image was classified rightly" in inputs.report.read_text()
    assert "mistakes.png" not in inputs.outputs()
    assert 'href="test_images.html"' in inputs.report.read_text()
    assert "100.0\u202f% of" in inputs.report.read_text()


def test_rejected_files_are_shown_by_reason_with_what_could_be_made_out(make_inputs):
    rejected = [
        ("a/cut.jpg", "truncated", "8 bytes short"),
        ("a/page.jpg", "not an image", "<html>"),
        ("b/cut.jpg", "truncated", ""),
    ]
    inputs = plotted(make_inputs, images=200, rejected=rejected, pictured=["a/cut.jpg"])
    page = inputs.report.read_text()
    assert 'alt="a/cut.jpg, rejected: truncated"' in page
    assert page.count(", rejected: ") == 1
    for _, reason, detail in rejected:
        assert reason in page
        assert html.escape(detail) in page
    without = plotted(make_inputs, images=200, rejected=rejected).report.read_text()
    assert "None of them left anything that could be shown" in without


def test_leaks_are_told_at_the_top_and_shown_beside_their_twins(make_inputs):
    page = plotted(make_inputs, images=200, leaking=3).report.read_text()
    head, rest = page.split("<main>")
    assert "3 images of validation or test came with a twin in another part" in head
    leaks = rest.split("<h3>Leaks</h3>")[1].split("<h3>")[0]
    assert leaks.count("<img") == 6
    clean = plotted(make_inputs, images=200).report.read_text()
    assert "came with a twin" not in clean
    assert "<h3>Leaks</h3>" not in clean


def test_the_largest_groups_are_shown(digits):
    page = digits.report.read_text()
    together = page.split("<h3>Kept together</h3>")[1].split("</figure>")[0]
    assert together.count("<img") == 4
    assert "4 images, train" in together


def test_the_source_the_interval_and_the_score_of_naming_one_class_are_said(digits):
    page = digits.report.read_text()
    assert "digits (bundled)" in page
    assert "95\u202f% interval" in page
    with (digits.folder / "data/predictions/test.csv").open() as file:
        labels = collections.Counter(row["label"] for row in csv.DictReader(file))
    (label, images), *_ = sorted(labels.items(), key=lambda pair: (-pair[1], pair[0]))
    share = f"{100 * images / labels.total():.1f}\u202f%"
    assert f"{share} is what always saying “{label}” would score" in page


@pytest.mark.parametrize(("low", "tells"), [(0.001, "the model overfits"), (-0.001, "not told from noise")])
def test_what_the_model_does_better_on_train_is_named(low, tells):
    scores = {"train_accuracy": 0.99, "train_images": 1000, "train_gap": 0.02, "train_gap_high": 0.05}
    said = str(report._overfitting({**scores, "train_gap_low": low}))
    assert (
        f"of 1\u202f000 images of train are right: +2.0 points beside test ({100 * low:+.1f} to +5.0)" in said
    )
    assert tells in said
    assert "+0.0 points" in str(report._overfitting({**scores, "train_gap": -0.0002, "train_gap_low": low}))
    assert report._overfitting({}) is None


def test_the_run_ends_on_the_accuracy_and_where_to_go_on():
    scores = {"accuracy": 0.9972, "accuracy_low": 0.9844, "accuracy_high": 0.9995, "images": 1359}
    said = stage._in_short(scores, Path("plots")).splitlines()
    assert said[0] == "99.7 % of 1,359 test images are right (95 % interval: 98.4 to 100.0 %)"
    assert said[1].startswith("plots/report.html ")
    assert "`dvc exp run -S KEY=VALUE`" in said[2]


def test_classes_of_which_no_test_image_is_right_are_named_with_what_may_help():
    recalled = {"hen": (0, 3), "a\nb": (0, 1), "dog": (2, 2), "not in test": (0, 0)}
    params = {"train": {"class_weights": "none"}}
    run = SimpleNamespace(recalled=recalled, model={"params": params})
    [said] = stage._missed(run)
    assert said.startswith(
        'none is right of the test images of "hen", "a\\nb"; `dvc exp run -S train.class_weights=balanced`'
    )
    params["train"]["class_weights"] = "balanced"
    assert stage._missed(run) == ['none is right of the test images of "hen", "a\\nb"']
    run.recalled = {f"c{n}": (0, 1) for n in range(1012)}
    assert stage._missed(run)[0].endswith('"c9" and 1,002 more')
    run.recalled = {"dog": (1, 2)}
    assert stage._missed(run) == []


def test_the_recall_of_each_class_has_its_interval(digits):
    with (digits.folder / "data/predictions/test.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = digits.report.read_text().split("<caption>By class</caption>")[1].split("</table>")[0]
    for line, name in zip(table.split("<tr>")[2:], sorted({row["label"] for row in rows}), strict=True):
        predicted = [row["predicted"] for row in rows if row["label"] == name]
        right = predicted.count(name)
        low, high = intervals.wilson(right, len(predicted))
        _, recall, interval = re.findall("<td>([^<]*)</td>", line)[:3]
        assert recall == f"{100 * right / len(predicted):.1f}\u202f%"
        assert interval == f"{100 * low:.1f} to {100 * high:.1f}\u202f%"


def test_tensorflow_is_never_imported(digits):
    import subprocess
    import sys

    code = "import sys, darkroom.plot.stage; sys.exit(bool({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_warnings_of_decode_and_split_stand_first_and_what_was_understood_is_shown(make_inputs):
    told = {"decode": ["the folder <train> is taken as a class"], "split": ["few test images"]}
    inputs = plotted(make_inputs, classes=["cat", "dog"], images=200, warnings=told)
    page = inputs.report.read_text()
    data = page[page.index('<section id="data"') : page.index('<section id="samples"')]
    assert "<li><b>decode</b>: the folder &lt;train&gt; is taken as a class</li>" in data
    assert "<li><b>split</b>: few test images</li>" in data
    assert data.index("<h3>Warnings</h3>") < data.index("Images")
    understood = data[data.index("How the source was read") :]
    assert "cat/1" in understood
    assert "unlabelled/&lt;1&gt;.png" in understood
    assert "not an image" in understood


def test_without_summaries_there_are_no_warnings(digits):
    page = digits.report.read_text()
    assert "<h3>Warnings</h3>" not in page
    assert "How the source was read" not in page


def test_of_very_many_classes_the_first_have_a_row_each(make_inputs):
    names = [f"kind {number:02d}" for number in range(40)]
    inputs = plotted(make_inputs, classes=names, images=800, warnings={"decode": []})
    understood = inputs.report.read_text().split("How the source was read")[2].split("</table>")[0]
    assert understood.count("kind ") == 2 * 30
    assert "and 10 more" in understood
