"""The tables of docs/results.md and the figures in the recipes' headers, from the record of what was measured."""

import math
import re
import statistics
import textwrap
from pathlib import Path
from typing import Any

from results_runs import CASES
from scipy import stats

from darkroom import files

RIVALS = {
    "fast-on-dogs-vs-cats-gray80": "dogs-vs-cats-gray80",
    "fast": "flowers-augmented",
    "fast-small": "malaria",
}
PAIRS = {
    "transfer": "fast",
    "transfer-at-288": "transfer",
    "transfer-on-dogs-vs-cats": "fast-on-dogs-vs-cats-gray80",
    "transfer-grayscale": "fast-on-dogs-vs-cats-gray80",
    "transfer-tuned": "fast-small",
}
"""Cases compared run by run, on the same test images."""


def summary(runs: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return means over runs; of seconds, over those that were timed, nan where none was."""
    timed = _timed(runs)
    return {
        "accuracy": statistics.mean(run["accuracy"] for run in runs.values()),
        "seconds": statistics.mean(run["train_seconds"] for run in timed) if timed else math.nan,
        "all_seconds": statistics.mean(run["all_seconds"] for run in timed) if timed else math.nan,
        "epochs": statistics.mean(len(run["epoch_test_accuracy"]) for run in runs.values()),
    }


def _timed(runs: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for run in runs.values() if "train_seconds" in run]


def with_spread(runs: dict[str, dict[str, Any]]) -> str:
    """Return the mean of the accuracies ± their standard deviation; a single run has none."""
    accuracies = [run["accuracy"] for run in runs.values()]
    spread = f" ± {statistics.stdev(accuracies):.3f}" if len(accuracies) > 1 else ""
    return f"{statistics.mean(accuracies):.3f}{spread}"


def seconds_to(runs: dict[str, dict[str, Any]], accuracy: float, started: bool = False) -> float:
    """Return the seconds after which the runs, on average, first had an accuracy on the test images; infinity: never.

    Not the mean of when each first did: of many epochs, the luckiest comes early. ``started`` leaves out what came
    before the first epoch.
    """
    times = zip(*(epoch_ends(run, started) for run in _timed(runs)), strict=True)
    accuracies = zip(*(run["epoch_test_accuracy"] for run in _timed(runs)), strict=True)
    reached = (
        statistics.mean(at)
        for at, values in zip(times, accuracies, strict=True)
        if statistics.mean(values) >= accuracy
    )
    return next(reached, math.inf)


def epoch_ends(run: dict[str, Any], started: bool) -> list[float]:
    """Return the seconds at the end of each epoch since ``train`` began, or since its first epoch did.

    Start-up, which does not grow with the images, is what the first epoch took more than the others.
    """
    first, *others = run["epoch_seconds"]
    before = first - (others[-1] - first) / len(others) if started and others else 0.0
    return [end - before for end in run["epoch_seconds"]]


def recipes_table(record: dict[str, Any]) -> list[str]:
    """Return a row a recipe: how many images, how accurate, how long."""
    lines = [
        "| run | train / validation / test images | epochs | test accuracy | training, s |",
        "|---|---|---|---|---|",
    ]
    for name in (name for name in CASES if name in record):
        means = summary(record[name])
        images = next(iter(record[name].values()))["images"]
        parts = " / ".join(f"{images[part]:,}" for part in ("train", "validation", "test"))
        lines.append(
            f"| {name} | {parts} | {means['epochs']:.0f} | {with_spread(record[name])} "
            f"| {_seconds(means['seconds'])} |"
        )
    return lines


def rivals_table(record: dict[str, Any]) -> list[str]:
    """Return a row a rival of our recipes: the gain, and when ours first was where the other ended."""
    lines = [
        "| data | other | its accuracy | ours | its accuracy | gain, points | level after | part of its time "
        "| of its epochs alone |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, other in RIVALS.items():
        if name in record and other in record:
            ours, theirs = summary(record[name]), summary(record[other])
            reached = seconds_to(record[name], theirs["accuracy"])
            epochs = seconds_to(record[name], theirs["accuracy"], started=True) / statistics.mean(
                epoch_ends(run, started=True)[-1] for run in _timed(record[other])
            )
            gain = 100 * (ours["accuracy"] - theirs["accuracy"])
            lines.append(
                f"| {CASES[name].data} | {other} | {with_spread(record[other])} "
                f"| {CASES[name].trained_by or name} | {with_spread(record[name])} | {gain:+.1f} "
                f"| {reached:,.0f} s of {theirs['seconds']:,.0f} s | {reached / theirs['seconds']:.2f} | {epochs:.2f} |"
            )
    return lines


def pairs_table(record: dict[str, Any]) -> list[str]:
    """Return a row a pair of cases: how much the one gains on the other, run by run on the same test images."""
    lines = [
        "| data | other | ours | runs | gain, points (95 %) | better in | seconds of ours | of the other |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, other in PAIRS.items():
        ours, theirs = record.get(name, {}), record.get(other, {})
        both = [
            number
            for number in ours
            if number in theirs and ours[number]["test_images"] == theirs[number].get("test_images")
        ]
        if len(both) < 2:
            continue
        gains = [100 * (ours[number]["accuracy"] - theirs[number]["accuracy"]) for number in both]
        half = stats.t.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
        lines.append(
            f"| {CASES[name].data} | {CASES[other].trained_by or other} | {name} | {len(both)} "
            f"| {statistics.mean(gains):+.1f} ± {half:.1f} | {sum(gain > 0 for gain in gains)} of {len(both)} "
            f"| {_seconds(summary(ours)['all_seconds'])} | {_seconds_beside(ours, theirs)} |"
        )
    return lines if len(lines) > 2 else ["No pair has two runs on the same test images yet."]


def _machines(runs: dict[str, dict[str, Any]]) -> set[str]:
    return {run["machine"] for run in _timed(runs)}


def _seconds_beside(ours: dict[str, dict[str, Any]], theirs: dict[str, dict[str, Any]]) -> str:
    """Return the seconds of ``theirs``, with its processor's instructions where those of ``ours`` are others."""
    seconds = _seconds(summary(theirs)["all_seconds"])
    others = sorted(name.rpartition("(")[2].rstrip(")") for name in _machines(theirs) - _machines(ours))
    return f"{seconds} ({', '.join(others)})" if others and _timed(ours) else seconds


def _seconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.0f}"


def write_page(record: dict[str, Any], path: Path) -> None:
    """Put the tables between the markers of docs/results.md; what stands around them is prose."""
    text = path.read_text(encoding="utf-8")
    tables = {"recipes": recipes_table, "rivals": rivals_table, "pairs": pairs_table}
    for name, table in ((name, make(record)) for name, make in tables.items()):
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, rest = text.split(start)
        text = before + start + "\n".join(table) + "\n" + end + rest.split(end)[1]
    with files.whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_header(name: str, runs: dict[str, dict[str, Any]], folder: Path) -> None:
    """Put what was measured into the header of the recipe ``name``."""
    path = folder / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    for field, value in measured(name, runs).items():
        lines = textwrap.wrap(
            f"# {field}: {value}",
            108,
            subsequent_indent="#    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        before, after = re.split(rf"(?m)^# {field}: .*\n(?:#    .*\n)*", text, maxsplit=1)
        text = before + "\n".join(lines) + "\n" + after
    with files.whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def measured(name: str, runs: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the two fields of a recipe's header that tell what its runs gave."""
    means, (first, *others) = summary(runs), runs.values()
    images = first["images"]
    interval = "" if others else f" ({first['low']:.3f} to {first['high']:.3f})"
    return {
        "Measured": f"test accuracy {with_spread(runs)}{interval}, "
        + (f"{len(runs)} runs of other seeds and splits" if others else "one run")
        + f", {images['train']:,} images for training and {images['test']:,} for the test: "
        f"`python benchmarks/results.py --only {name} --seeds {len(runs)}`, {first['machine']}",
        "Time": f"{means['seconds']:,.0f} s of training there, {means['all_seconds']:,.0f} s for all six stages",
    }
