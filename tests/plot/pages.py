"""The outputs of a run read, changed, and what a page written from them says."""

import dataclasses
import html
import re

import numpy as np
import pandas as pd

from darkroom.plot.html import Html
from darkroom.plot.stage_outputs import read_results

CHARTS = {
    name: Html(f"<svg>{name}</svg>")
    for name in (
        "accuracy",
        "loss",
        "counts",
        "confusion",
        "roc",
        "precision_recall",
        "calibration",
        "risk_coverage",
    )
}
CLASSES = ["ant", "bee", "cat"]


def read(inputs):
    names = ("data/images", "data/split", "models", "data/predictions", "metrics", "plots")
    return read_results(*(inputs.folder / name for name in names))


def changed(results, **sections):
    """Return the run with scores of stages changed; None takes one away."""
    scores = {name: dict(scores) for name, scores in results.scores.items()}
    for name, changes in sections.items():
        scores[name] |= changes
        scores[name] = {key: value for key, value in scores[name].items() if value is not None}
    return dataclasses.replace(results, scores=scores)


def words(content):
    """Return the text of HTML, one piece an element."""
    return [html.unescape(piece) for piece in re.sub(r"<[^>]*>", "\n", content).split("\n") if piece.strip()]


def cells(content, caption):
    """Return the rows of a table by its caption, thin spaces as plain ones."""
    inner = content.split(f"<caption>{caption}</caption>")[1].split("</table>")[0].replace("\u202f", " ")
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in inner.split("<tr>")[1:]]
    return [[html.unescape(re.sub("<[^>]*>", "", cell)) for cell in row] for row in rows]


def predicted_as(results, pairs):
    """Return the run with these (true, predicted) classes on test, ever less sure."""
    ids = results.source.index["id"][: len(pairs)]
    table = pd.DataFrame(pairs, columns=["label", "predicted"])
    table["id"], table["confidence"] = ids, np.linspace(0.9, 0.5, len(pairs))
    return dataclasses.replace(results, test=table)
