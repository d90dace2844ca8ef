"""The second half of the report: training, test metrics, mistakes, occlusion maps, params."""

from collections.abc import Mapping, Sequence

from darkroom import intervals
from darkroom.plot import formatting, tested_images
from darkroom.plot.data_sections import MOST_CLASSES
from darkroom.plot.formatting import percent
from darkroom.plot.galleries import drawn_images, figure, gallery
from darkroom.plot.html import Html, element, joined, mistaken, pairs, table
from darkroom.plot.occlusion_overlay import overlay
from darkroom.plot.png_names import png_names
from darkroom.plot.stage_outputs import Results

COMMONEST = 8

OPERATING = (
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
    ("positive_predictive_value", "at the prevalence given, positive predictive value"),
    ("negative_predictive_value", "negative predictive value"),
)

SHARES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
"""Shares of the images, the surest first, of which the report tells the error."""

NAMES = (
    ("loss", "loss (cross-entropy)", False),
    ("balanced_accuracy", "balanced accuracy", True),
    ("precision", "precision, mean of classes", True),
    ("recall", "recall, mean of classes", True),
    ("f1", "F1, mean of classes", True),
    ("roc_auc", "area under ROC", False),
    ("average_precision", "average precision", False),
    ("cohen_kappa", "Cohen's kappa", False),
    ("matthews", "Matthews correlation", False),
    ("top_2", "right among the first 2", True),
    ("top_3", "right among the first 3", True),
    ("expected_calibration_error", "calibration error", True),
)
GROUPS = (
    ("group_accuracy", "accuracy, mean of groups", True),
    ("group_accuracy_worst", "accuracy of the worst group", True),
)


def training(results: Results, charts: Mapping[str, Html]) -> Html:
    """Return the curves of accuracy and loss."""
    history, trained = results.history, results.scores["train"]
    last = history.iloc[-1]
    words = f"{len(history)} epochs on {results.model['backend']}"
    if "C" in trained:
        words = (
            f"The head was solved by L-BFGS on {results.model['backend']}, behind a frozen network, with C "
            f"{trained['C']:g} chosen on validation"
            + (f"; {len(history) - 1} epochs of fine-tuning followed" if len(history) > 1 else "")
        )
    solved_alone = "C" in trained and len(history) == 1
    if "best_epoch" in trained and not solved_alone:
        best = results.model["params"]["train"].get("restore_best")
        kept = "its" if best else f"epoch {trained.get('kept_epoch', trained['epochs'])}'s"
        words += f"; the lowest validation loss came in epoch {trained['best_epoch']}, and {kept} weights were kept"
    said = {
        quantity: f"{quantity.capitalize()}: {last[quantity]:.3f} on train"
        + (f", {last[f'val_{quantity}']:.3f} on validation" if f"val_{quantity}" in last else "")
        + " at the end."
        for quantity in ("accuracy", "loss")
    }
    if solved_alone:  # one point is no curve
        return element("p", f"{words}. {said['accuracy']} {said['loss']}")
    drawn = [figure(charts[name], f"{name.capitalize()} by epoch.", alt=said[name]) for name in said]
    note = (
        "Train is measured while the network learns, with augmentation and dropout, and may lie below validation, "
        "which is measured after each epoch on the images as they are."
    )
    return joined(
        [
            element("p", f"{words}."),
            element("div", *drawn, class_="columns"),
            element("p", note, class_="note") if "val_loss" in history else None,
        ]
    )


def overall(results: Results) -> list[tuple[str, str]]:
    """Return the figures of all test images: the name of each in words, and the figure."""
    scores = results.scores["evaluate"]
    return [
        (words, formatting.figure(scores, name, shares))
        for name, words, shares in (*NAMES, *GROUPS)
        if name in scores or (name, words, shares) not in (*GROUPS, *NAMES[9:11])
    ]


def measured(results: Results, charts: Mapping[str, Html]) -> Html:
    """Return the figures on test: all of them, by class, and the charts."""
    scores = results.scores["evaluate"]
    figures = overall(results)
    # Of two classes, one curve says all.
    each = "each class against the rest" if len(results.classes) > 2 else f"for “{results.classes[-1]}”"
    areas = {name: formatting.figure(scores, name) for name in ("roc_auc", "average_precision")}
    curves = [
        figure(
            charts["roc"],
            f"ROC: true against false positives, {each}.",
            alt=f"ROC curves; area {areas['roc_auc']}.",
        ),
        figure(
            charts["precision_recall"],
            f"Precision against recall, {each}.",
            alt=f"Precision-recall curves; average precision {areas['average_precision']}.",
        ),
    ]
    half = (len(figures) + 1) // 2
    return joined(
        [
            element(
                "div",
                pairs("Overall", figures[:half]),
                pairs("Overall, more", figures[half:]),
                class_="columns",
            ),
            _notes(results),
            element("div", _matrix(results, charts["confusion"]), _commonest(results), class_="columns"),
            _numbered(results),
            element("div", *curves, class_="columns"),
            element("div", *_calibration(results, charts["calibration"]), class_="columns"),
            element("div", *_abstaining(results, charts["risk_coverage"]), class_="columns"),
            _by_class(results),
        ]
    )


def mistakes(results: Results, most: int) -> Html:
    """Return the most confident mistakes, with true and predicted label and how sure the model was."""
    wrong = results.mistakes
    if wrong.empty:
        words = "None: every test image was classified rightly. "
        return element("p", words, tested_images.link("See them all"), ".")
    shown = wrong[:most]
    rows = shown.to_dict("records")
    told = f"{formatting.images(len(wrong))} of {formatting.count(len(results.test))} went wrong"
    told += (
        f"; these {len(shown)} with the greatest confidence."
        if len(shown) < len(wrong)
        else ", the surest first."
    )
    told += " True class → predicted class, how sure the model was, and the file. "
    every = tested_images.link("See all mistakes, and every test image", verdict="wrong")
    return joined(
        [
            element("p", told, every, "."),
            gallery(
                list(results.pixels_of(shown["id"])),
                [
                    f"{row['id']}: {row['label']} taken for {row['predicted']}, {percent(row['confidence'])} sure"
                    for row in rows
                ],
                [
                    joined(
                        [
                            element("b", mistaken(row["label"], row["predicted"])),
                            element("small", percent(row["confidence"])),
                            element("small", formatting.file_name(row["id"])),
                        ]
                    )
                    for row in rows
                ],
                budget=600_000,
            ),
        ]
    )


def occlusion(results: Results) -> Html:
    """Return mistakes beside what mattered to the model in them."""
    ids = list(results.occlusion["ids"])
    if not ids:
        return element("p", "No map was made: there was no mistake to explain, or evaluate.occlusion is 0.")
    told = results.test.set_index("id").loc[ids, ["label", "predicted"]].reset_index().to_dict("records")
    images, maps = results.pixels_of(ids), results.occlusion["maps"]
    alts = [f"{row['id']}: {row['label']} taken for {row['predicted']}" for row in told]
    plain = drawn_images(list(images), alts, 150_000)
    overlaid = [overlay(image, heat) for image, heat in zip(images, maps, strict=True)]
    glowing = drawn_images(overlaid, ["The same, bright where it mattered"] * len(ids), 250_000)
    shown = [
        element(
            "figure",
            element("div", left, right),
            element(
                "figcaption",
                element("b", mistaken(row["label"], row["predicted"])),
                element("small", formatting.file_name(row["id"])),
            ),
        )
        for left, right, row in zip(plain, glowing, told, strict=True)
    ]
    words = (
        "The brighter a place, the more of its confidence the model loses when that place is hidden (occlusion "
        "sensitivity), for the most confident mistakes."
    )
    return joined([element("p", words), element("div", *shown, class_="gallery pairs-of-images")])


def settings(results: Results) -> Html:
    """Return the params of training and the versions of what it ran on."""
    model = results.model
    params = model["params"]
    single = {name: value for name, value in params.items() if not isinstance(value, Mapping)}
    run = {key: model[key] for key in ("backend", "precision", "threads", "deterministic", "head")}
    tables = [pairs("Run", formatting.flat(single | run))]
    tables += [
        pairs(name, formatting.flat(value)) for name, value in params.items() if isinstance(value, Mapping)
    ]
    tables.append(pairs("Versions", formatting.flat(model["versions"])))
    words = "Of training; what the stages before it were given shows under Data, and stands in params.yaml."
    return joined([element("p", words), element("div", *tables, class_="columns settings")])


def remarks(results: Results) -> list[str]:
    """Return what the figures need said beside them."""
    scores = results.scores["evaluate"]
    notes = []
    if "threshold" in scores:
        notes.append(
            f"With “{results.classes[1]}” said from {percent(scores['threshold'])} on, the threshold that is best on "
            f"validation, the accuracy on test is {percent(scores['accuracy_at_threshold'])}."
        )
    if "operating_threshold" in scores:
        notes.append(_at_operating_point(scores))
    if "confidence_threshold" in scores:
        sure = scores["confidence_threshold"]
        note = f"From a confidence of {sure:g} on, which evaluate.abstain found on validation, the model answers "
        note += f"{percent(scores['coverage'])} of the test images"
        if "selective_accuracy" in scores:
            low, high = (100 * scores[f"selective_accuracy_{end}"] for end in ("low", "high"))
            note += f", of which {percent(scores['selective_accuracy'])} are right ({low:.1f} to {high:.1f})"
        notes.append(f"{note}.")
    elif "coverage" in scores:
        notes.append(
            "No confidence keeps the promise of evaluate.abstain on validation: the model should not answer."
        )
    if "groups" in scores:
        low, high = percent(scores["accuracy_low_by_group"]), percent(scores["accuracy_high_by_group"])
        notes.append(
            f"The test images come from {formatting.count(scores['groups'])} groups (one patient's, or "
            f"near-duplicates). If the images of one group err together, the accuracy lies between {low} and "
            f"{high} (95 %)."
        )
    absent = [name for name in results.classes if not results.by_class.get(f"support_{name}")]
    if absent:
        notes.append(f"Not in test, and in no mean: {', '.join(absent)}.")
    if results.unlabelled:
        notes.append(f"{formatting.images(results.unlabelled)} without a label were predicted too.")
    return notes


def _notes(results: Results) -> Html:
    return joined([element("p", remark) for remark in remarks(results)])


def _at_operating_point(scores: Mapping[str, float]) -> str:
    told = [
        f"{words} {percent(scores[name])} ({100 * scores[f'{name}_low']:.1f} to {100 * scores[f'{name}_high']:.1f})"
        for name, words in OPERATING
        if name in scores
    ]
    return (
        f"The class of evaluate.operating_point, called from a probability of {scores['operating_threshold']:g} on, "
        f"where mistakes cost least on validation: {', '.join(told)}; 95 % intervals."
    )


def _matrix(results: Results, chart: Html) -> Html:
    right = int(results.confusion.to_numpy().trace())
    caption = "Confusion matrix: the rows are the true classes, the columns the predicted ones."
    return figure(chart, caption, alt=f"{caption} {right} of {len(results.test)} lie on the diagonal.")


def _numbered(results: Results) -> Html | None:
    """Return what the PNG files call the classes that they cannot name; None where there is none."""
    numbered = [(known, name) for name, known in png_names(results.classes).items() if known != name]
    if not numbered:
        return None
    words = "The font that draws plots/figures lacks letters of some names; what stands in their place there"
    return element("details", element("summary", words), pairs("In the PNG files", numbered))


def _commonest(results: Results) -> Html:
    pairs_of = (
        results.mistakes.groupby(["label", "predicted"]).size().sort_values(ascending=False, kind="stable")
    )
    if pairs_of.empty:
        return element("p", "No class was taken for another.")
    number = {name: place for place, name in enumerate(results.classes)}
    rows = []
    for row in pairs_of[:COMMONEST].reset_index(name="images").to_dict("records"):
        chosen = {"true": number[row["label"]], "class": number[row["predicted"]]}
        images = tested_images.link(formatting.count(row["images"]), **chosen)
        rows.append((row["label"], row["predicted"], images))
    return table("Most common confusions", ["actual", "predicted", "images"], rows, words=2)


def _calibration(results: Results, chart: Html) -> tuple[Html, Html]:
    drawn = figure(
        chart,
        "Calibration: how often the model is right when it is so sure. On the diagonal, it can be taken at its word.",
        alt="Accuracy against confidence; the table beside it holds the same figures.",
    )
    return drawn, table("How sure, and how often right", CALIBRATION_HEAD, calibration_rows(results))


CALIBRATION_HEAD = ("confidence", "accuracy", "images")


def calibration_rows(results: Results) -> list[tuple[str, str, str]]:
    """Return, for each bin of confidence, what :data:`CALIBRATION_HEAD` names."""
    return [
        (percent(row["confidence"]), percent(row["accuracy"]), formatting.count(row["images"]))
        for row in results.calibration.to_dict("records")
    ]


def _abstaining(results: Results, chart: Html) -> tuple[Html, Html]:
    """Return what answering only the surest images would be worth, at a few shares of them."""
    drawn = figure(
        chart,
        "Risk and coverage: the error among the surest images. Low on the left, the model knows when it is wrong.",
        alt="Error by the share of images answered; the table beside it holds some of the same figures.",
    )
    table_of = results.risk_coverage
    places = sorted({int((table_of["coverage"] - share).abs().argmin()) for share in SHARES}, reverse=True)
    rows = [
        (percent(row["coverage"]), percent(row["confidence"]), percent(row["error"]))
        for row in table_of.iloc[places].to_dict("records")
    ]
    return drawn, table("Answering the surest alone", ["answered", "sure from", "error"], rows)


def _by_class(results: Results) -> Html:
    """Return the figures of each class; of many, the lowest, and all where the reader opens them."""
    names = results.classes
    if len(names) <= MOST_CLASSES:
        return _classes(results, "By class", names)
    return joined(
        [
            _classes(results, f"The {COMMONEST} classes with the lowest F1", lowest(results)),
            element(
                "details",
                element("summary", f"All {len(names)} classes"),
                _classes(results, "By class", names),
            ),
        ]
    )


def lowest(results: Results) -> list[str]:
    """Return the :data:`COMMONEST` classes with the lowest F1, the lowest first."""
    scores = results.by_class
    known = (name for name in results.classes if f"f1_{name}" in scores)
    return sorted(known, key=lambda name: float(scores[f"f1_{name}"]))[:COMMONEST]


def _classes(results: Results, caption: str, names: Sequence[str]) -> Html:
    return table(caption, CLASS_HEAD, class_rows(results, names))


CLASS_HEAD = (
    "class",
    "precision",
    "recall",
    "its 95 % interval",
    "F1",
    "ROC area",
    "avg. precision",
    "images",
)


def class_rows(results: Results, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return, for each of these classes, what :data:`CLASS_HEAD` names, of the test images."""
    scores = results.by_class
    return [
        (
            name,
            formatting.figure(scores, f"precision_{name}", shares=True),
            formatting.figure(scores, f"recall_{name}", shares=True),
            _recall_interval(results, name),
            formatting.figure(scores, f"f1_{name}", shares=True),
            formatting.figure(scores, f"roc_auc_{name}"),
            formatting.figure(scores, f"average_precision_{name}"),
            formatting.count(scores.get(f"support_{name}", 0)),
        )
        for name in names
    ]


def _recall_interval(results: Results, name: str) -> str:
    right, images = results.recalled[name]
    if not images:
        return formatting.DASH
    low, high = intervals.wilson(right, images)
    return f"{100 * low:.1f} to {percent(high)}"
