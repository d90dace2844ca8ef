"""The page of `darkroom stress`: curves, figures and disturbed pictures with what the model says of them."""

from collections.abc import Sequence

from darkroom.array_types import Pixels
from darkroom.compare import verdict
from darkroom.plot import style
from darkroom.plot.formatting import DASH, images, percent
from darkroom.plot.galleries import drawn_images, figure
from darkroom.plot.html import Content, Html, element, joined, page, resource, table
from darkroom.stress import charts
from darkroom.stress.kinds import Kind
from darkroom.stress.level import Level
from darkroom.stress.results import Examples, Stress

_BUDGET = 2_500_000
"""Characters of all pictures on the page, at most."""


def render(
    result: Stress, examples: Examples, clean: Pixels, labels: Sequence[str], classes: list[str]
) -> str:
    """Return the page, which loads nothing.

    Parameters
    ----------
    result : Stress
    examples : Examples
    clean : uint8, (k, height, width, channels)
        The examples as they are.
    labels : sequence of str
        Their true classes.
    classes : list of str
        The model's.
    """
    sections = {"Overview": _overview(result)}
    for kind, levels in result.levels.items():
        shown = _examples(kind, examples, clean, labels, classes, _BUDGET // len(result.levels))
        sections[kind.title[0].upper() + kind.title[1:]] = joined([_measured(result, kind, levels), shown])
    header = joined(
        [
            element("p", "Darkroom stress", class_="over"),
            element("h1", result.headline),
            element("p", _tested(result), class_="sub"),
            element("p", result.sentence, ".", class_="note"),
        ]
    )
    title = f"{percent(result.accuracy)} right, and under stress {DASH} Darkroom"
    return page(title, header, sections, resource("page.css", "darkroom.stress"))


def _tested(result: Stress) -> str:
    of_test = f"{images(result.images)} of {result.of_test:,} of test"
    return f"{of_test}, of which {percent(result.accuracy)} are right as they are"


def _overview(result: Stress) -> Html:
    drawn = []
    for attack, name in ((False, "disturbances"), (True, "attacks")):
        if kinds := result.of_sort(attack):
            with style.drawing():
                chart = Html(style.svg(charts.together(result, kinds), name))
            drawn.append(figure(chart, f"Accuracy under {name}, by severity; 0 is as they are"))
    rows = [
        [kind.title, kind.unit, *(f"{level.accuracy:.3f} ({level.amount:g})" for level in levels)]
        for kind, levels in result.levels.items()
    ]
    head = ("kind", "unit", *(str(severity) for severity in range(1, 6)))
    caption = "Accuracy by severity, with the amount in brackets"
    return joined([element("div", *drawn, class_="columns"), table(caption, head, rows, words=2)])


def _measured(result: Stress, kind: Kind, levels: Sequence[Level]) -> Html:
    """Return the chart of one kind beside its figures."""
    with style.drawing():
        chart = Html(style.svg(charts.alone(result, kind, levels), kind.name))
    rows = [
        [
            f"{level.amount:g}",
            f"{level.accuracy:.3f}",
            "{:.3f} to {:.3f}".format(*level.interval),
            verdict.points(level.difference, sign=True),
            "{} to {}".format(*map(verdict.points, level.difference_interval)),
        ]
        for level in levels
    ]
    head = ("amount", "accuracy", "95 % interval", "points beside clean", "95 % interval")
    figures = table(f"Amounts: {kind.unit}", head, rows)
    caption = "Accuracy with its 95 % interval; dotted: as they are"
    return element("div", figure(chart, caption), figures, class_="columns measured")


def _examples(
    kind: Kind, examples: Examples, clean: Pixels, labels: Sequence[str], classes: list[str], budget: int
) -> Html:
    """Return a row an example: as it is, then at each severity, with the class that is predicted."""
    steps = list(zip(kind.amounts, examples.pixels[kind], examples.predicted[kind], strict=True))
    pictures = [*clean, *(image for _, pixels, _ in steps for image in pixels)]
    alts = [f"{label}, as it is" for label in labels]
    said: list[Content] = [element("b", label) for label in labels]
    for amount, _, predicted in steps:
        names = [classes[number] for number in predicted]
        alts += [
            f"{label} at {amount:g}, taken for {name}" for label, name in zip(labels, names, strict=True)
        ]
        said += [
            element("b", name, class_="right" if name == label else "wrong")
            for label, name in zip(labels, names, strict=True)
        ]
    cells = [joined(pair) for pair in zip(drawn_images(pictures, alts, budget), said, strict=True)]
    # Column after column is how they were listed.
    rows = [[f"{label}", *cells[number :: len(labels)]] for number, label in enumerate(labels)]
    head = ("true class", "as it is", *(f"{amount:g}" for amount in kind.amounts))
    caption = "What the model says: right is bold, wrong is struck out"
    return element("div", table(caption, head, rows), class_="shown")
