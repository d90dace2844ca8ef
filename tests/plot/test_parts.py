"""Markup, thumbnails, wording and the choice of samples."""

import base64
import itertools
import json
import re

import cv2
import numpy as np
import pandas as pd
import pytest

from darkroom.plot import charts, formatting, stage_outputs
from darkroom.plot.html import Html, element, table
from darkroom.plot.image_figures import channels, sample_rows
from darkroom.plot.network_diagram import diagram
from darkroom.plot.occlusion_overlay import overlay
from darkroom.plot.picture_page import LONGEST, picture_row
from darkroom.plot.stage_outputs import read_results
from darkroom.plot.thumbnails import LEVELS, data_urls, encoded


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


def decoded(url):
    kind, data = url.split(";base64,")
    read = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)
    return kind.removeprefix("data:image/"), read


def test_many_large_images_are_shrunk_until_they_fit():
    images = list(np.random.default_rng(0).integers(0, 256, (20, 200, 100, 3)).astype(np.uint8))
    urls = data_urls(images, 200_000)
    assert sum(map(len, urls)) <= 200_000
    assert all(url.startswith("data:image/webp") for url in urls)
    # No smaller than that: the next larger size would not have fitted.
    side = max(decoded(urls[0])[1].shape)
    larger = min(longest for longest, _ in LEVELS if longest > side)
    again = data_urls(images, 10**9, larger)
    assert max(decoded(again[0])[1].shape) == larger
    assert sum(map(len, again)) > 200_000
    assert data_urls(images, sum(map(len, again)), larger) == again
    assert max(decoded(data_urls(images, sum(map(len, again)) - 1, larger)[0])[1].shape) < larger


def test_a_photo_keeps_its_shape_and_colours_and_is_never_blown_up():
    ramp = np.linspace(0, 255, 300)[None, :, None] * np.array([1, 0.5, 0])
    photo = np.repeat(ramp, 150, axis=0).astype(np.uint8)
    kind, read = decoded(data_urls([photo], 10**6)[0])
    assert (kind, read.shape) == ("webp", (128, 256, 3))
    assert np.abs(read[..., ::-1].astype(int) - cv2.resize(photo, (256, 128))).mean() < 4
    for longest, side in ((256, 256), (128, 128), (96, 96), (95, 64)):
        assert decoded(data_urls([photo], 10**6, longest)[0])[1].shape[1] == side
    row = json.loads(picture_row("a.jpg", [(1, 0.25)], photo, 0))
    assert row[:2] + row[3:] == ["a.jpg", [[1, 0.25]], 300, 0]
    assert max(decoded(row[2])[1].shape) == LONGEST
    # Nothing fits: the smallest.
    assert decoded(data_urls([photo], 0)[0])[1].shape == (24, 48, 3)
    assert decoded(data_urls([np.zeros((2, 900, 1), np.uint8)], 10**6)[0])[1].shape[:2] == (1, 256)
    for shape, kind in (((64, 64, 1), "png"), ((65, 20, 1), "webp"), ((20, 65, 3), "webp")):
        read = decoded(data_urls([np.zeros(shape, np.uint8)], 10**6)[0])
        assert (read[0], read[1].shape[:2]) == (kind, shape[:2])
    small = [np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)]
    [exact] = data_urls(small, 10**6)
    assert data_urls(small, len(exact)) == [exact]
    assert decoded(data_urls(small, len(exact) - 1)[0])[0] == "webp"
    assert decoded(data_urls([*small, photo], 10**6)[0])[0] == "webp"


def test_what_opencv_cannot_encode_is_a_bug_that_is_told():
    with pytest.raises(RuntimeError, match=r"could not encode an image of shape \(20000, 1, 1\) as \.webp"):
        encoded(np.zeros((20_000, 1, 1), np.uint8), ".webp")


def test_figures_are_worded_as_a_reader_expects():
    assert formatting.percent(0.98765) == "98.8\u202f%"
    assert formatting.count(1234567) == "1\u202f234\u202f567"
    assert formatting.images(1) == "1 image"
    assert formatting.images(0) == "0 images"
    assert formatting.images(1234) == "1\u202f234 images"
    assert formatting.file_name("a/b/c.png") == "c.png"
    assert formatting.file_name("c.png") == "c.png"
    for number, said in ((0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"),
                         (2.5e9, "2.5 GB"), (4e12, "4000.0 GB")):  # fmt: skip
        assert formatting.size(number) == said.replace(" ", "\u202f")
    assert formatting.figure({}, "roc_auc") == formatting.DASH
    assert formatting.figure({"roc_auc": None}, "roc_auc") == formatting.DASH
    for score, said in (
        (0.99977, "0.99977"),
        (0.92, "0.920"),
        (1.0, "1.000"),
        (1.0002, "1.000"),
        (0.0, "0.000"),
    ):
        assert formatting.figure({"roc_auc": score}, "roc_auc") == said
    assert formatting.figure({"f1": 0.5}, "f1", shares=True) == "50.0\u202f%"
    nested = {"a": {"b": None, "c": [True, 1], "d": {}}, "e": False, "f": 0, "g": "x"}
    assert formatting.flat(nested) == [
        ("a.b", "null"), ("a.c", "[true, 1]"), ("a.d", "{}"), ("e", "false"), ("f", "0"), ("g", "x"),
    ]  # fmt: skip


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
    photo = np.full((4, 4, 3), (60, 90, 120), np.uint8)
    drawn = overlay(photo, heat)
    assert np.unravel_index(drawn.sum(axis=2).argmax(), (4, 4)) == (1, 2)
    # A quarter of the colour where there is no heat, three quarters where it is greatest; the rest is the grey picture.
    for place, (share, colour) in {(0, 0): (0.25, (0, 0, 4)), (1, 2): (0.75, (252, 255, 164))}.items():
        assert np.abs(drawn[place] - ((1 - share) * 90 + share * np.array(colour))).max() <= 1


def layer(kind, *shape):
    return {"name": "x", "type": kind, "shape": [None, *shape], "parameters": 1}


def blocks(drawn):
    """Return x, y, width, height and class of each block of a diagram, and the page's width and height."""
    found = re.findall(r'<rect x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)" rx="3" class="(.*?)">', drawn)
    page = re.search(r'viewBox="0 0 (\d+) (\d+)"', drawn)
    return [(*map(float, numbers), kind) for *numbers, kind in found], tuple(map(float, page.groups()))


def test_a_block_is_as_high_as_its_maps_and_as_wide_as_their_number():
    layers = [
        layer("InputLayer", 31, 15, 1), layer("Conv2D", 31, 15, 127), layer("MaxPooling2D", 15, 7, 7),
        layer("GlobalAveragePooling2D", 255), layer("Dense", 15), layer("Dense", 1), layer("Loss"),
    ]  # fmt: skip
    drawn = diagram((31, 15, 1), layers)
    found, (width, height) = blocks(drawn)
    assert [kind for *_, kind in found] == ["maps"] * 3 + ["flat"] * 4
    # By the binary logarithm of one more, and against the largest of the kind; nothing is too low to be seen.
    highs = [tall for *_, tall, _ in found]
    assert highs == [120, 120, 96, 120, 60, 15, 15]
    assert [wide for _, _, wide, *_ in found] == [14, 38, 22, 10, 10, 10, 10]
    assert len({y + tall / 2 for _, y, _, tall, _ in found}) == 1
    assert min(y for _, y, *_ in found) > 0
    for (x, _, wide, *_), (after, _, next_wide, *_) in itertools.pairwise(found):
        # A narrow block takes as much room as a line of its name.
        assert after - x - wide == pytest.approx(16 + (max(0, 30 - wide) + max(0, 30 - next_wide)) / 2)
    assert found[0][0] == 16 + (30 - 14) / 2
    last = found[-1]
    # On the right of the last block, and below all, there is room for a name that leans.
    assert (width, height) == (last[0] + last[2] / 2 + 15 + 16 + 100, 120 + 100)
    assert f'width="{width:.0f}"' in drawn
    names = re.findall(
        r'<text transform="translate\((.*?) (.*?)\) rotate\(32\)">(.*?) <tspan class="shape">(.*?)<', drawn
    )
    assert [name[2:] for name in names] == [
        ("input", "31\u00d715\u00d71"), ("Conv2D", "31\u00d715\u00d7127"), ("MaxPooling2D", "15\u00d77\u00d77"),
        ("GlobalAveragePooling2D", "255"), ("Dense", "15"), ("Dense", "1"), ("Loss", "1"),
    ]  # fmt: skip
    for (x, _, wide, *_), (left, top, *_) in zip(found, names, strict=True):
        assert float(left) == pytest.approx(x + wide / 2 + 3, abs=0.1)
        assert 124 < float(top) < 140
    small, _ = blocks(diagram((2**20, 1, 1), [layer("Conv2D", 1, 1, 1)]))
    assert [tall for *_, tall, _ in small] == [120, 10]


@pytest.mark.parametrize(("count", "drawn"), [(0, 1), (3, 4), (39, 40), (40, 11), (200, 51)])
def test_of_a_deep_network_the_changes_of_shape_are_drawn(count, drawn):
    layers = [layer("Conv2D", 8, 8, 2 + i // 4) for i in range(count)]
    found, _ = blocks(diagram((8, 8, 1), layers))
    assert len(found) == drawn


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
