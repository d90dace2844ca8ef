"""The first half of the report: what the data is, what it looks like, and the network that learns it."""

from collections.abc import Sequence

import pandas as pd

from darkroom.plot import data_quality, decode_section, formatting
from darkroom.plot.galleries import figure, gallery
from darkroom.plot.html import Html, element, joined, pairs, table
from darkroom.plot.image_figures import channels, sample_rows
from darkroom.plot.network_diagram import diagram, sizes
from darkroom.plot.stage_outputs import Results
from darkroom.split_files import PARTS

MOST_CLASSES = 30
"""Classes with a row of their own in the table of counts; of more, the smallest and the largest are named."""

EXAMPLES = 3


def facts(results: Results) -> list[tuple[str, str]]:
    """Return where the images come from, how many there are and what was made of them: names and values."""
    decoded, fetched = results.scores["decode"], results.scores["fetch"]
    index = results.source.index
    height, width, depth = results.source.shape
    return [
        *([("source", fetched["source"])] if "source" in fetched else []),
        ("archives", f"{formatting.count(fetched['archives'])} ({formatting.size(fetched['bytes'])})"),
        ("files", formatting.count(decoded["files"])),
        ("used", formatting.count(decoded["used"])),
        ("rejected", formatting.count(decoded["rejected"])),
        ("without a label", formatting.count(decoded.get("unlabelled", 0))),
        ("classes", formatting.count(len(results.classes))),
        ("as they came, pixels", _lengths(index["width"], index["height"])),
        (
            "as the network sees them",
            f"{formatting.shape([width, height])}, {'colour' if depth == 3 else 'grayscale'}",
        ),
        ("normalization", results.normalization),
    ]


def data(results: Results, chart: Html) -> Html:
    """Return what the data is: where from, how many, how large, what could not be used, and what might leak."""
    prepared = results.source.description["preparation"]
    return joined(
        [
            decode_section.warnings(results),
            element(
                "div",
                pairs("Images", facts(results)),
                pairs("Checks", data_quality.checks(results)),
                class_="columns",
            ),
            element(
                "div",
                figure(chart, "Images by class and part."),
                _counts_table(results) if len(results.classes) <= MOST_CLASSES else _extremes(results),
                class_="columns",
            ),
            element(
                "p", "How each picture was prepared: ", _settings(formatting.flat(prepared)), class_="note"
            ),
            decode_section.reading(results),
            data_quality.rejections(results),
            data_quality.leaks(results),
            data_quality.together(results),
        ]
    )


def samples(results: Results, most: int) -> Html:
    """Return training images of each class, one image's channels, and one image augmented nine ways."""
    rows = sample_rows(results, most)
    shown = results.source.index.iloc[rows].to_dict("records")
    sampled = gallery(
        list(results.source.take(rows)),
        [f"{row['label']}: {row['id']}" for row in shown],
        [
            joined(
                [
                    element("b", row["label"]),
                    element("small", formatting.shape([row["width"], row["height"]])),
                ]
            )
            for row in shown
        ],
        budget=600_000,
    )
    original, nine = results.augmented["original"], results.augmented["augmented"]
    split = channels(original)
    turned = ["as it came", *(f"augmented, {number} of {len(nine)}" for number in range(1, len(nine) + 1))]
    return joined(
        [
            element("p", "Training images, with their labels and the sizes in which they came."),
            sampled,
            element("h3", "One image's channels"),
            gallery(
                list(split.values()),
                [f"A training image: {name}" for name in split],
                list(split),
                120_000,
                "few",
            ),
            element("h3", "One image, augmented nine ways"),
            element(
                "p", "What the network sees of it in nine epochs; validation and test are never augmented."
            ),
            gallery(
                [original, *nine],
                [f"The image, {text}" for text in turned],
                ["as it came", *[None] * len(nine)],
                250_000,
                "ten",
            ),
        ]
    )


MOST_LAYERS = 40
"""Longer tables of layers are folded up."""


def network(results: Results) -> Html:
    """Return the network's drawing and its table."""
    layers = results.model["layers"]
    shape = results.source.shape
    rows = [
        (
            layer["name"],
            layer["type"],
            formatting.shape(sizes(layer["shape"])),
            formatting.count(layer["parameters"]),
        )
        for layer in layers
    ]
    total = formatting.count(results.model["parameters"])
    drawing = element("div", diagram(shape, layers), class_="scroll", role="region", tabindex="0",
                      aria_label="Drawing of the network")  # fmt: skip
    listed = table(
        "Layers", ["layer", "type", "output", "parameters"], [*rows, ("all", "", "", total)], words=2
    )
    if len(layers) > MOST_LAYERS:
        listed = element("details", element("summary", f"All {len(layers)} layers"), listed)
    return joined(
        [
            element(
                "p", f"{len(layers)} layers with {total} parameters. The first one normalizes raw pixels."
            ),
            drawing,
            listed,
        ]
    )


def _lengths(width: pd.Series, height: pd.Series) -> str:
    if width.nunique() == height.nunique() == 1:
        return formatting.shape([int(width.iloc[0]), int(height.iloc[0])])
    return f"{_range(width)} wide, {_range(height)} high"


def _range(lengths: pd.Series) -> str:
    low, high = int(lengths.min()), int(lengths.max())
    return formatting.count(low) if low == high else f"{formatting.count(low)} to {formatting.count(high)}"


def _counts_table(results: Results) -> Html:
    return table("Images by class and part", COUNTS_HEAD, count_rows(results))


COUNTS_HEAD = ("class", *PARTS, "all")


def count_rows(results: Results) -> list[tuple[str, ...]]:
    """Return, for each class and for all, what :data:`COUNTS_HEAD` names."""
    rows = [(name, *map(formatting.count, row), formatting.count(sum(row))) for name, row in _rows(results)]
    total = results.counts.sum()
    rows.append(("all", *map(formatting.count, total), formatting.count(total.sum())))
    return rows


def _extremes(results: Results) -> Html:
    totals = results.counts.sum(axis=1).sort_values(kind="stable")
    ends = [*totals[:EXAMPLES].items(), *totals[-EXAMPLES:].items()]
    rows = [(str(name), formatting.count(images)) for name, images in ends]
    return table("The smallest and the largest classes", ["class", "images"], rows)


def _rows(results: Results) -> list[tuple[str, list[int]]]:
    return [
        (name, row.tolist()) for name, row in zip(results.classes, results.counts.to_numpy(), strict=True)
    ]


def _settings(rows: Sequence[tuple[str, str]]) -> Html:
    return joined([joined([element("code", f"{name}: {value}"), " "]) for name, value in rows])
