"""The report: one HTML file that works offline, on a phone, in dark mode and in print."""

from collections.abc import Mapping
from typing import Any

from darkroom.plot import data_sections, formatting, result_sections
from darkroom.plot.formatting import percent
from darkroom.plot.html import Html, element, joined, page
from darkroom.plot.stage_outputs import Results


def report(results: Results, charts: Mapping[str, Html], most: int) -> str:
    """Return the page.

    Parameters
    ----------
    results : Results
        What there is to show.
    charts : mapping of str to Html
        Each chart as an inline SVG, by name.
    most : int
        Images in the grids of samples and of mistakes, at most.
    """
    sections = {
        "Data": data_sections.data(results, charts["counts"]),
        "Samples": data_sections.samples(results, most),
        "Network": data_sections.network(results),
        "Training": result_sections.training(results, charts),
        "Results": result_sections.measured(results, charts),
        "Mistakes": result_sections.mistakes(results, most),
        "Occlusion": result_sections.occlusion(results),
        "Settings": result_sections.settings(results),
    }
    return page(f"{headline(results)} {formatting.DASH} Darkroom", header(results), sections)


def headline(results: Results) -> str:
    """Return the one sentence that matters."""
    scores = results.scores["evaluate"]
    tested = formatting.images(scores["images"]).replace("image", "test image")
    return f"{percent(scores['accuracy'])} of {tested} right"


def header(results: Results) -> Html:
    """Return the headline, its interval as a drawing, and the few figures that go with it."""
    scores = results.scores["evaluate"]
    low, high = scores["accuracy_low"], scores["accuracy_high"]
    interval = element(
        "div",
        element("i", style=f"left:{100 * low:.2f}%;right:{100 - 100 * high:.2f}%"),
        element("b", style=f"left:{100 * scores['accuracy']:.2f}%"),
        element("s", style=f"left:{100 * commonest(results)[1]:.2f}%"),
        class_="interval",
        aria_hidden="true",
    )
    counts = results.counts.sum()
    tiles = (
        (formatting.count(len(results.classes)), "classes"),
        (formatting.count(counts["train"]), "training images"),
        (formatting.count(results.model["parameters"]), "parameters"),
        (formatting.figure(scores, "f1", shares=True), "F1, mean of classes"),
        (formatting.figure(scores, "roc_auc"), "area under ROC"),
        (formatting.figure(scores, "expected_calibration_error", shares=True), "calibration error"),
    )
    return joined(
        [
            element("p", "Darkroom report", class_="over"),
            element("h1", headline(results)),
            element("p", f"95{formatting.THIN}% interval: {100 * low:.1f} to {percent(high)}", class_="sub"),
            interval,
            element("p", _baseline(results), class_="note"),
            _overfitting(scores),
            _warning(results),
            element(
                "dl", *(element("div", element("dt", name), element("dd", value)) for value, name in tiles)
            ),
        ]
    )


def commonest(results: Results) -> tuple[str, float]:
    """Return the commonest class of test and its share: what naming it every time would score."""
    shares = results.test["label"].value_counts(normalize=True).reindex(results.classes, fill_value=0.0)
    return str(shares.idxmax()), float(shares.max())


def _baseline(results: Results) -> str:
    name, share = commonest(results)
    words = f"The bar runs from 0 to 100{formatting.THIN}%. The grey mark at {percent(share)} is what always saying"
    return f"{words} “{name}” would score."


def overfitting(scores: dict[str, Any]) -> str | None:
    """Return how much better the model is on training images; None where none were predicted."""
    if "train_gap" not in scores:
        return None
    trained = f"{percent(scores['train_accuracy'])} of {formatting.images(scores['train_images'])} of train are right"
    low, high = (f"{100 * scores[f'train_gap_{end}']:+z.1f}" for end in ("low", "high"))
    gap = f"{100 * scores['train_gap']:+z.1f} points beside test ({low} to {high})"
    tells = "the model overfits" if scores["train_gap_low"] > 0 else "not told from noise"
    return f"{trained}: {gap}, {tells}."


def _overfitting(scores: dict[str, Any]) -> Html | None:
    told = overfitting(scores)
    return None if told is None else element("p", told, class_="note")


def leak(results: Results) -> str | None:
    """Return the warning of images with a twin in another part; None where there are none."""
    leaked = results.scores["split"].get("leaked_images")
    if not leaked:
        return None
    return (
        f"{formatting.images(leaked)} of validation or test came with a twin in another part: see Data. "
        "On new images expect less."
    )


def _warning(results: Results) -> Html | None:
    told = leak(results)
    return None if told is None else element("p", told, class_="warning")
