"""The report's section on data quality: rejected files, near-duplicates and leaks."""

from collections.abc import Sequence

import pandas as pd

from darkroom.plot import formatting
from darkroom.plot.galleries import drawn_images, gallery
from darkroom.plot.html import Html, element, joined, table
from darkroom.plot.stage_outputs import Results

EXAMPLES = 3

MOST_GROUPS = 6

ABREAST = 4
"""Images of a group that are shown, at most."""


def checks(results: Results) -> list[tuple[str, str]]:
    """Return what was looked for and how often it was found."""
    decoded, split = results.scores["decode"], results.scores["split"]
    known = (
        ("exact duplicates", decoded.get("duplicates")),
        ("the same image under two labels", decoded.get("label_conflicts")),
        ("near-duplicates under two labels", split.get("near_duplicates_across_labels")),
        ("groups kept together", split.get("groups")),
        ("images in such groups", split.get("grouped_images")),
        ("largest group", split.get("largest_group")),
        ("validation and test images with a twin elsewhere", split.get("leaked_images")),
    )
    return [(name, formatting.count(number)) for name, number in known if number is not None]


def rejections(results: Results) -> Html:
    """Return the files that were not used, by reason, and pictures of those that left anything to see."""
    if results.rejected.empty:
        return element("p", "Every file was used or is without a label.")
    rows = []
    for reason, files in results.rejected.groupby("reason"):
        names = ", ".join(files["id"][:EXAMPLES]) + (", …" if len(files) > EXAMPLES else "")
        detail = next((text for text in files["detail"] if text), "")
        rows.append((reason, formatting.count(len(files)), names, detail))
    head = ["reason", "files", "for example", "in words"]
    return joined([table("Files that were not used", head, rows, words=4), _pictures(results)])


def together(results: Results) -> Html | None:
    """Return the largest groups of images that had to stay in one part; None where there is none."""
    groups = results.parts["group"]
    sizes = groups.value_counts(sort=False)
    largest = sizes[sizes > 1].sort_values(ascending=False, kind="stable")[:MOST_GROUPS]
    if largest.empty:
        return None
    rows = [groups.index[groups == name][:ABREAST].tolist() for name in largest.index]
    captions = [
        f"{formatting.images(int(size))}, {', '.join(dict.fromkeys(results.parts['split'].iloc[members]))}"
        for size, members in zip(largest, rows, strict=True)
    ]
    return joined(
        [
            element("h3", "Kept together"),
            element(
                "p",
                "Duplicates, near-duplicates and the images of one group "
                + ("belong" if results.scores["split"].get("leaked_images") else "were kept")
                + " in one part: a model must not be tested on what it has as good as seen."
                + (" These are the largest groups." if len(sizes[sizes > 1]) > len(largest) else ""),
            ),
            _strips(results, rows, captions),
        ]
    )


def leaks(results: Results) -> Html | None:
    """Return test images beside their twins in train; None where there is none."""
    parts = results.parts
    train = (
        parts[parts["split"] == "train"].drop_duplicates("group").reset_index().set_index("group")["index"]
    )
    leaked = parts[(parts["split"] == "test") & parts["group"].isin(train.index)]
    if leaked.empty:
        return None
    shown = leaked[:MOST_GROUPS]
    rows = [[row, int(train[group])] for row, group in zip(shown.index, shown["group"], strict=True)]
    return joined(
        [
            element("h3", "Leaks"),
            element(
                "p",
                f"{formatting.images(len(leaked))} of test came with a copy in train (data leakage): the model has "
                "seen the right one of each pair. split.predefined: repair moves such images to train.",
                class_="warning",
            ),
            _strips(results, rows, [str(name) for name in shown["id"]]),
        ]
    )


def _pictures(results: Results) -> Html:
    known = results.rejected[results.rejected["id"].isin(list(results.rejected_pictures))]
    if known.empty:
        return element("p", "None of them left anything that could be shown.", class_="note")
    known = known.drop_duplicates("id").sort_values(["reason", "id"])
    reasons = list(known["reason"])
    shown = {str(name): results.rejected_pictures[str(name)] for name in known["id"]}
    alts = [f"{name}, rejected: {reason}" for name, reason in zip(shown, reasons, strict=True)]
    captions = [
        joined([element("b", reason), element("small", formatting.file_name(name))])
        for name, reason in zip(shown, reasons, strict=True)
    ]
    words = "What could be made out of some of them; the others hold no picture, or none that may be decoded."
    return joined(
        [element("p", words, class_="note"), gallery(list(shown.values()), alts, captions, 250_000)]
    )


def _strips(results: Results, rows: Sequence[Sequence[int]], captions: Sequence[str]) -> Html:
    """Return rows of images side by side, each row with its caption; ``rows`` holds places in the index."""
    flat = [place for row in rows for place in row]
    index = results.source.index
    told = index.iloc[flat][["label", "id"]].to_dict("records")
    alts = [f"{row['label']}: {row['id']}" for row in told]
    drawn = iter(drawn_images(list(results.source.take(flat)), alts, 200_000))
    figures = [
        element(
            "figure",
            element("div", *(next(drawn) for _ in row)),
            element("figcaption", element("b", _labels(index, row)), element("small", caption)),
        )
        for row, caption in zip(rows, captions, strict=True)
    ]
    return element("div", *figures, class_="gallery strips")


def _labels(index: pd.DataFrame, row: Sequence[int]) -> str:
    return ", ".join(dict.fromkeys(index["label"].iloc[list(row)]))
