"""The first half of the report, written in this process from a run's outputs: figures, words and limits."""

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from darkroom.plot import data_quality, data_sections, decode_section, result_sections
from tests.plot.pages import CHARTS, CLASSES, cells, changed, read, words


def index(results, **columns):
    """Return the run with other columns in its index of images."""
    source = SimpleNamespace(
        index=results.source.index.assign(**columns),
        shape=results.source.shape,
        description=results.source.description,
        take=results.source.take,
    )
    return dataclasses.replace(results, source=source)


def test_the_data_is_told_in_figures(results):
    said = data_sections.data(results, CHARTS["counts"])
    images = dict(cells(said, "Images"))
    assert images == {
        "source": "digits (bundled)", "archives": "1 (512.3 kB)", "files": "301", "used": "300", "rejected": "1",
        "without a label": "0", "classes": "3", "as they came, pixels": "320 to 326 wide, 240 high",
        "as the network sees them": "12\u00d78, colour", "normalization": "rescale",
    }  # fmt: skip
    checks = dict(cells(said, "Checks"))
    assert checks == {
        "exact duplicates": "3", "groups kept together": "12", "images in such groups": "30", "largest group": "5",
        "validation and test images with a twin elsewhere": "0",
    }  # fmt: skip
    rows = cells(said, "Images by class and part")
    counted = pd.crosstab(results.source.index["label"], results.parts["split"])
    parts = ["train", "validation", "test"]
    for name, row in zip(CLASSES, rows[1:], strict=False):
        assert row == [name, *(str(counted[part][name]) for part in parts), str(counted.loc[name].sum())]
    assert rows[-1] == ["all", *(str(counted[part].sum()) for part in parts), "300"]
    less = changed(results, fetch={"source": None}, decode={"unlabelled": 7})
    images = dict(cells(data_sections.data(less, CHARTS["counts"]), "Images"))
    assert "source" not in images
    assert images["without a label"] == "7"
    for width, height, expected in (
        (5, 4, "5\u00d74"), ([1000, 2] * 150, 4, "2 to 1 000 wide, 4 high"), (5, [1, 2] * 150, "5 wide, 1 to 2 high"),
    ):  # fmt: skip
        said = data_sections.data(index(results, width=width, height=height), CHARTS["counts"])
        assert dict(cells(said, "Images"))["as they came, pixels"] == expected


@pytest.mark.parametrize("classes", [30, 31])
def test_of_more_than_thirty_classes_the_smallest_and_the_largest_are_named(make_inputs, classes):
    kinds = np.repeat(np.arange(classes), np.arange(classes) + 4)
    names = [f"kind {number:02d}" for number in range(classes)]
    results = read(make_inputs(classes=names, kinds=kinds, shape=(8, 8, 1), warnings={"decode": []}))
    said = data_sections.data(results, CHARTS["counts"])
    if classes == 30:
        assert len(cells(said, "Images by class and part")) == 32
        assert "The smallest" not in said
    else:
        assert cells(said, "The smallest and the largest classes") == [
            ["class", "images"], *([names[n], str(n + 4)] for n in (0, 1, 2, 28, 29, 30)),
        ]  # fmt: skip
    assert "grayscale" in said
    understood = cells(said, "How the source was read")
    assert understood[0] == ["what", "name", "files", "the first of them"]
    assert [row[:3] for row in understood[1:31]] == [
        ["class", name, str(n + 4)] for n, name in enumerate(names[:30])
    ]
    rest = [["class", "and 1 more", "", ""]] if classes == 31 else []
    assert understood[31:] == [
        *rest,
        ["without a label", "", "2", "unlabelled/<1>.png"],
        ["left out", "not an image", "1", "a/Thumbs.db"],
    ]
    head = said.split("How the source was read</caption>")[1].split("</thead>")[0]
    assert head.count('class="text"') == 4
    by_class = result_sections._by_class(results)
    assert by_class.count("<caption>") == (1 if classes == 30 else 2)
    if classes == 31:
        lowest = cells(by_class, "The 8 classes with the lowest F1")[1:]
        scores = {name: results.by_class[f"f1_{name}"] for name in names if f"f1_{name}" in results.by_class}
        assert [row[0] for row in lowest] == sorted(scores, key=scores.get)[:8]
        assert len(cells(by_class, "By class")) == 32


def test_a_predefined_split_is_among_what_was_understood(results):
    summary = {
        "classes": {"ant": {"files": 2, "example": "a"}}, "left_out": {}, "unlabelled": {"files": 0, "example": ""},
        "splits": {"": {"files": 9, "example": "x"}, "train": {"files": 1000, "example": "t/a"}},
    }  # fmt: skip
    run = dataclasses.replace(results, summaries={"decode": summary, "split": {}})
    assert cells(decode_section.reading(run), "How the source was read")[1:] == [
        ["class", "ant", "2", "a"],
        ["predefined split", "train", "1 000", "t/a"],
    ]
    assert decode_section.reading(dataclasses.replace(results, summaries={"decode": {}, "split": {}})) is None


def test_rejected_files_are_counted_by_reason_and_three_are_named(results):
    none = results.rejected[:0]
    assert "Every file was used" in data_quality.rejections(dataclasses.replace(results, rejected=none))
    rows = [(f"a/{n}.jpg", "truncated", "" if n < 2 else f"{n} bytes short") for n in range(4)]
    rows += [(f"b/{n}.jpg", "blank", "") for n in range(3)]
    rejected = pd.DataFrame(rows, columns=["id", "reason", "detail"])
    said = data_quality.rejections(dataclasses.replace(results, rejected=rejected))
    assert cells(said, "Files that were not used") == [
        ["reason", "files", "for example", "in words"],
        ["blank", "3", "b/0.jpg, b/1.jpg, b/2.jpg", ""],
        ["truncated", "4", "a/0.jpg, a/1.jpg, a/2.jpg, …", "2 bytes short"],
    ]
    assert said.split("</thead>")[0].count('class="text"') == 4


def grouped(results, sizes, part="train"):
    """Return the run with groups of these sizes, one after the other, and the others alone."""
    parts = results.parts.copy()
    groups = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    parts["group"] = groups + [f"alone{n}" for n in range(len(parts) - len(groups))]
    parts.loc[: len(groups) - 1, "split"] = part
    return dataclasses.replace(results, parts=parts)


@pytest.mark.parametrize("groups", [1, 6, 7])
def test_the_six_largest_groups_are_shown_four_images_abreast(results, groups):
    sizes = [2 + number for number in range(groups)]
    said = data_quality.together(grouped(results, sizes))
    strips = said.split("<figure>")[1:]
    largest = sorted(sizes, reverse=True)[:6]
    assert [f"{size} images, train" in strip for strip, size in zip(strips, largest, strict=True)] == [
        True
    ] * len(largest)
    assert [strip.count("<img") for strip in strips] == [min(size, 4) for size in largest]
    assert ("These are the largest groups." in said) == (groups == 7)
    assert "one group were kept in one part" in said
    leaking = changed(grouped(results, sizes), split={"leaked_images": 2})
    assert "one group belong in one part" in data_quality.together(leaking)
    first = results.source.index["id"][sum(sizes[:-1]) :]
    assert f'alt="{results.source.index["label"][sum(sizes[:-1])]}: {first.iloc[0]}"' in strips[0]


def test_images_that_have_no_group_are_not_shown_together(results):
    assert data_quality.together(grouped(results, [])) is None
    one_each = grouped(results, [1, 1])
    assert data_quality.together(one_each) is None
    apart = grouped(results, [3])
    apart.parts.loc[2, "split"] = "test"
    assert "3 images, train, test" in data_quality.together(apart)


@pytest.mark.parametrize("leaking", [1, 6, 7])
def test_leaks_are_test_images_beside_the_training_image_they_come_from(results, leaking):
    assert data_quality.leaks(grouped(results, [])) is None
    parts = grouped(results, []).parts
    test = [7 * number + 100 for number in range(leaking)]
    train = [3 * number for number in range(leaking)]
    parts.loc[test, "split"], parts.loc[train, "split"] = "test", "train"
    parts.loc[test, "group"] = parts.loc[train, "group"].to_numpy()
    said = data_quality.leaks(dataclasses.replace(results, parts=parts))
    assert f"{'1 image' if leaking == 1 else f'{leaking} images'} of test came with a copy in train" in said
    ids = results.source.index["id"]
    shown = re.findall(r'alt="[^"]*: ([^"]*)"', said)
    assert shown == [ids[row] for pair in zip(test[:6], train[:6], strict=True) for row in pair]
    assert re.findall(r"<small>(.*?)</small>", said) == [ids[row] for row in test[:6]]


def test_the_network_is_told_layer_by_layer_and_folded_where_it_is_deep(results):
    said = data_sections.network(results)
    rows = cells(said, "Layers")
    assert rows[0] == ["layer", "type", "output", "parameters"]
    assert rows[2] == ["conv_1", "Conv2D", "8\u00d712\u00d732", "320"]
    assert rows[-1] == ["all", "", "", f"{results.model['parameters']:,}".replace(",", " ")]
    assert "8 layers with" in said
    assert said.split("</thead>")[0].count('class="text"') == 2
    one = results.model["layers"][0]
    for count in (40, 41):
        deep = dataclasses.replace(results, model=results.model | {"layers": [one] * count})
        assert (f"<summary>All {count} layers</summary>" in data_sections.network(deep)) == (count == 41)


def test_samples_have_their_sizes_and_nine_augmentations_their_numbers(results):
    said = data_sections.samples(results, 6)
    shown = re.findall(r'alt="(\w+): ([^"]*)"', said)
    assert [label for label, _ in shown] == ["ant", "ant", "bee", "bee", "cat", "cat"]
    by_id = results.source.index.set_index("id")
    first = said.split("<figcaption>")[1].split("</figcaption>")[0]
    assert words(first) == ["ant", f"{by_id['width'][shown[0][1]]}\u00d7240"]
    assert re.findall(r'alt="The image, (.*?)"', said) == [
        "as it came",
        *(f"augmented, {n} of 9" for n in range(1, 10)),
    ]
    assert said.count("<figcaption>as it came</figcaption>") == 1
