"""Markup, thumbnails, wording and the choice of samples."""

import base64

import cv2
import numpy as np
import pandas as pd
import pytest

from darkroom.plot import charts, formatting, stage_outputs
from darkroom.plot.html import Html, element, table
from darkroom.plot.image_figures import channels, sample_rows
from darkroom.plot.network_diagram import diagram
from darkroom.plot.occlusion_overlay import overlay
from darkroom.plot.stage_outputs import read_results
from darkroom.plot.thumbnails import data_urls


def test_text_is_escaped_and_html_is_not():
    inner = element("b", "<&>", title='"quoted"')
    assert element("p", inner, "x < y") == '<p><b title="&quot;quoted&quot;">&lt;&amp;&gt;</b>x &lt; y</p>'
    assert isinstance(inner, Html)


def test_a_table_has_a_caption_and_headers_with_a_scope():
    written = table("Counts", ["class", "images"], [("<a>", 3)])
    assert "<caption>Counts</caption>" in written
    assert '<th scope="row">&lt;a&gt;</th><td>3</td>' in written
    assert '<th scope="col">images</th>' in written


@pytest.mark.parametrize("shape", [(8, 8, 1), (64, 20, 3)])
def test_small_images_are_kept_bit_for_bit(shape):
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    kind, data = data_urls([image], 100_000)[0].split(";base64,")
    assert kind == "data:image/png"
    read = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED).reshape(shape)
    assert (read[..., ::-1] == image).all()


def test_many_large_images_are_shrunk_until_they_fit():
    images = list(np.random.default_rng(0).integers(0, 256, (20, 200, 100, 3)).astype(np.uint8))
    urls = data_urls(images, 200_000)
    assert sum(map(len, urls)) <= 200_000
    assert all(url.startswith("data:image/webp") for url in urls)


def test_figures_are_worded_as_a_reader_expects():
    assert formatting.percent(0.98765) == "98.8\u202f%"
    assert formatting.count(1234567) == "1\u202f234\u202f567"
    assert formatting.images(1) == "1 image"
    assert formatting.size(999) == "999\u202fbytes"
    assert formatting.size(1_500_000) == "1.5\u202fMB"
    assert formatting.figure({}, "roc_auc") == formatting.DASH
    assert formatting.figure({"roc_auc": 0.99977}, "roc_auc") == "0.99977"
    assert formatting.figure({"roc_auc": 0.92}, "roc_auc") == "0.920"
    assert formatting.flat({"a": {"b": None, "c": [True, 1]}}) == [("a.b", "null"), ("a.c", "[true, 1]")]


def test_samples_are_of_train_and_of_every_class_in_turn(digits):
    folder = digits.folder
    results = read_results(
        folder / "data/images", folder / "data/split", folder / "models",
        folder / "data/predictions", folder / "metrics", folder / "plots",
    )  # fmt: skip
    for most, expected in ((25, {2, 3}), (10, {1})):
        rows = sample_rows(results, most)
        assert set(results.parts["split"].iloc[rows]) == {"train"}
        assert set(results.source.index["label"].iloc[rows].value_counts()) == expected
    assert len(set(results.source.index["label"].iloc[sample_rows(results, 3)])) == 3


def test_a_grey_image_has_one_channel_and_a_colour_image_three():
    assert list(channels(np.zeros((2, 2, 1), np.uint8))) == ["grey"]
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert (channels(image)["green"][..., 0] == image[..., 1]).all()


def test_an_overlay_is_brightest_where_the_heat_is():
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 1
    drawn = overlay(np.full((4, 4, 3), 90, np.uint8), heat).sum(axis=2)
    assert np.unravel_index(drawn.argmax(), drawn.shape) == (1, 2)


@pytest.mark.parametrize("count", [0, 3, 200])
def test_the_diagram_takes_networks_of_any_depth(count):
    layers = [
        {"name": f"l{i}", "type": "Conv2D", "shape": [None, 8, 8, 1 + i // 4], "parameters": 1}
        for i in range(count)
    ]
    drawn = diagram((8, 8, 1), layers)
    assert 1 <= drawn.count("<rect") <= 60
    assert drawn.startswith("<svg")


def test_the_surest_probability_is_read_a_few_rows_at_a_time(tmp_path, monkeypatch):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(5), 100)
    rows = [["id", "label", "predicted", *(f"p_{n}" for n in range(5))]]
    rows += [[f"{n}.png", "NA", "007", *(f"{p:.6f}" for p in row)] for n, row in enumerate(probabilities)]
    (tmp_path / "test.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    whole = stage_outputs._predictions(tmp_path / "test.csv")
    assert list(whole.columns) == ["id", "label", "predicted", "confidence"]
    assert (whole["label"][3], whole["predicted"][3]) == ("NA", "007")
    assert whole["confidence"].tolist() == [float(f"{row.max():.6f}") for row in probabilities]
    monkeypatch.setattr(stage_outputs, "_PROBABILITIES", 35)
    parts = stage_outputs._predictions(tmp_path / "test.csv")
    assert parts.reset_index(drop=True).equals(whole)


@pytest.mark.parametrize("classes", [11, 100, 1000])
def test_of_many_classes_a_hundred_curves_are_drawn_and_the_lowest(classes):
    grid = np.linspace(0, 1, 101)
    table = pd.DataFrame({"recall": grid} | {f"c{n:04d}": grid ** (1 + n) for n in range(classes)})
    figure = charts._one_against_rest(table, "recall", "precision")
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert min(classes, 90) + 3 <= len(labels) <= charts.MOST_CURVES + 3
    assert labels[-3:] == [f"c{classes - 1 - n:04d}" for n in range(3)]
