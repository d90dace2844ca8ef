"""Summary of a group of runs: mean, standard deviation and interval per metric, as text, Markdown or JSON."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.compare import as_markdown, as_text, revisions, statistics
from darkroom.compare.document import Table
from darkroom.compare.statistics import Spread
from darkroom.replicate.experiments import Outcome

FILES = {"evaluate": revisions.METRICS, "train": "metrics/train.json"}
TITLES = {"evaluate": "Metrics of the test images", "train": "Metrics of the training"}

INTERVAL = "95 % interval of the mean by Student's t over the seeds"
CORRECTED = f"{INTERVAL}, the variance corrected for what the splits share (Nadeau and Bengio 2003)"


@dataclass(frozen=True)
class Summary:
    """The runs of a group, and the values of each metric in their order.

    Attributes
    ----------
    group : str
        The name that `darkroom compare` takes for all of them.
    outcomes : sequence of Outcome
        One a seed, failed ones among them.
    metrics : mapping
        Stage to metric to its values, one a run that succeeded.
    varied : sequence of str
        The params in which the runs differ.
    overlap : float
        Test images for each training image, where each run has a split of its own; see :func:`statistics.paired`.
    predefined : sequence of str
        The parts of the split that came with the source, so that they are the same in every run: validation, test.
    """

    group: str
    outcomes: Sequence[Outcome]
    metrics: Mapping[str, Mapping[str, Sequence[float]]]
    varied: Sequence[str] = ("seed",)
    overlap: float = 0.0
    predefined: Sequence[str] = ()

    def spread(self, values: Sequence[float]) -> Spread:
        """Return mean, deviation and interval of a metric's values."""
        return statistics.spread(values, self.overlap)

    @property
    def interval(self) -> str:
        """How the intervals are made."""
        return CORRECTED if self.overlap else INTERVAL

    @property
    def covered(self) -> str:
        """What the intervals cover and what they do not, in two sentences."""
        images = self.metrics["evaluate"].get("images", [])
        tested = f"{images[0]:,.0f} test images" if images else "test images"
        if "split.seed" in self.varied and "test" in self.predefined:
            return (
                "What varies: the training (seed) and which images are for validation (split.seed). The "
                f"{tested} came with the source and are the same in every run, so that the interval does not cover how "
                "accurate the model would be on others; with split.predefined: ignore they are drawn, too."
            )
        if "split.seed" in self.varied:
            return (
                "What varies: the training (seed) and the split (split.seed), a random one for each run; the interval "
                f"covers both. Each run draws its own {tested}."
            )
        return (
            "What varies: the training alone (seed: initial weights, order of images, augmentation, dropout). The "
            f"split and its {tested} are the same in every run, so that the interval does not cover how accurate "
            "the model would be on others; --split-seeds varies the split too."
        )

    @property
    def done(self) -> list[Outcome]:
        """The runs that succeeded."""
        return [outcome for outcome in self.outcomes if outcome.reference]

    @property
    def failed(self) -> list[Outcome]:
        """The runs that did not."""
        return [outcome for outcome in self.outcomes if not outcome.reference]


def columns(runs: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Return the metrics that every run has, and their values in the order of runs."""
    shared = [name for name in runs[0] if all(name in run for run in runs)] if runs else []
    return {name: [run[name] for run in runs] for name in shared}


def render_text(summary: Summary) -> str:
    """Return the tables for a terminal."""
    tables = [line for table in _tabled(summary) for line in [*as_text.lines(table), ""]]
    return "\n".join([headline(summary), "", *tables, *closing(summary)]) + "\n"


def render_md(summary: Summary) -> str:
    """Return the tables as Markdown."""
    blocks = [f"**{as_markdown.escape(headline(summary))}**"]
    for table in _tabled(summary):
        blocks += [as_markdown.escape(table.title), as_markdown.table(table)]
    return "\n\n".join([*blocks, *map(as_markdown.escape, closing(summary))]) + "\n"


def render_json(summary: Summary) -> str:
    """Return everything as JSON, constant metrics and those by class included."""
    content: dict[str, Any] = {
        "group": summary.group,
        "varied": list(summary.varied),
        "interval": summary.interval,
        "covered": summary.covered,
        "runs": [{"experiment": run.name, "seed": run.number, "reused": run.reused} for run in summary.done],
        "failed": [
            {"experiment": run.name, "seed": run.number, "message": run.message} for run in summary.failed
        ],
        "metrics": {
            stage: {
                name: {**dataclasses.asdict(summary.spread(values)), "values": list(values)}
                for name, values in metrics.items()
            }
            for stage, metrics in summary.metrics.items()
        },
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def headline(summary: Summary) -> str:
    """Return the accuracy on the test images in one line."""
    accuracy = summary.metrics["evaluate"].get("accuracy")
    seeds = ", ".join(str(run.number) for run in summary.done)
    what = "seeds of training and split" if "split.seed" in summary.varied else "seeds of training"
    over = f"over {len(summary.done)} {what} ({seeds})"
    if accuracy is None:
        return f"{summary.group} {over}"
    one = summary.spread(accuracy)
    return (
        f"{summary.group} accuracy {one.mean:.4f} ({one.low:.4f} to {one.high:.4f}), sd {one.sd:.4f}, {over}"
    )


def _tabled(summary: Summary) -> list[Table]:
    """Return a table a stage, of what varies and is not of one class alone."""
    header = ("metric", "mean", "sd", "95 % interval", "min", "max")
    tables = []
    for stage, metrics in summary.metrics.items():
        rows = tuple(row(name, values, summary.spread(values)) for name, values in readable(metrics).items())
        if rows:
            tables.append(Table(f"{TITLES[stage]} ({FILES[stage]})", header, rows))
    return tables


def readable(metrics: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """Return what a reader looks at: metrics that vary, but those of one class and the bounds within one run."""
    left = tuple(f"_{name.removeprefix('support_')}" for name in metrics if name.startswith("support_"))
    left += ("_low", "_high")
    return {
        name: values for name, values in metrics.items() if len(set(values)) > 1 and not name.endswith(left)
    }


def row(name: str, values: Sequence[float], one: Spread) -> tuple[str, ...]:
    """Return one metric's row."""
    interval = f"{number(one.low)} to {number(one.high)}"
    return name, number(one.mean), number(one.sd), interval, number(min(values)), number(max(values))


def number(value: float) -> str:
    """Return a figure with four decimals; one of a hundred or more with one."""
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.4f}"


def closing(summary: Summary) -> list[str]:
    """Return what the tables do not say."""
    return [
        summary.covered,
        f"sd: standard deviation of a run; interval: {summary.interval}. Metrics that are the same in every run, and"
        " those of one class, stand in --json.",
        f"Compare: darkroom compare {summary.group} OTHER@",
    ]
