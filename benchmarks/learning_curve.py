"""How many photos it takes: test accuracy against the number of training images, docs/learning-curve.md.

    python benchmarks/learning_curve.py             # flowers and cats and dogs of $DARKROOM_REAL_IMAGES, hours
    python benchmarks/learning_curve.py --only transfer --seeds 5
    python benchmarks/learning_curve.py --write     # only write the page from the record

Each point is a real `dvc repro`, as those of results.py: a tenth of the images is for validation, and what is not for
training is for the test, so that few training images mean a long test. Seeds change the split too. What was measured is
added to docs/learning-curve.json at once, and a run that stands there is not made again.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pipeline
import results_runs

from darkroom import files

RECORD = pipeline.ROOT / "docs" / "learning-curve.json"
PAGE = RECORD.with_suffix(".md")
COUNTS = (25, 50, 100, 200, 400, 800)
SETS = {"flower_photos": (1250, ()), "dogs-vs-cats": (1502, ("labels.kind=filename",))}
"""How many labelled images each set has, and how they are read."""

TEXT = """# How many photos it takes

Accuracy on test photos against the number of training photos, of a new head for a network trained on ImageNet
(`transfer`) and of a network trained from scratch (`fast`). Each figure is of RUNS with a seed and a split of
its own; of several, it is the mean ± the standard deviation. The photos are the subsets of [results.md](results.md).
The command, about an hour a seed on two cores:

```console
python benchmarks/learning_curve.py
```

TABLE

![Test accuracy against the number of training photos](learning-curve.png)

ImageNet has cats, dogs and daisies of its own: pictures that are less like its photos gain less, and the blood cells of
[results.md](results.md) are the set here for which that is so.
"""


def run(recipe: str, data: str, count: int, seed: int, images: Path, clone: Path) -> dict[str, Any]:
    """Train ``recipe`` on about ``count`` images and return how it did."""
    total, settings = SETS[data]
    train, validation = round(count / total, 4), 0.1
    case = results_runs.Case(
        data,
        recipe,
        settings=(
            *settings,
            f"split.train={train}",
            f"split.validation={validation}",
            f"split.test={round(1 - train - validation, 4)}",
            f"train.batch_size={min(32, count // 2)}",
            "evaluate.occlusion=0",
        ),
    )
    results_runs.prepare(case, images, seed, clone)
    pipeline.stage_starts(clone)
    split, scores = (
        json.loads((clone / "metrics" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("split", "evaluate")
    )
    return {"train": split["train"], "test": split["test"], "accuracy": scores["accuracy"]}


def table(record: dict[str, Any]) -> list[str]:
    """Return a row a set and recipe: the mean over seeds ± its deviation at each count."""
    lines = [
        "| photos | recipe | " + " | ".join(f"{count}" for count in COUNTS) + " |",
        "|---|---|" + "---|" * len(COUNTS),
    ]
    for name, points in sorted(record.items()):
        data, recipe = name.split(" ")
        cells = []
        for count in COUNTS:
            found = [point["accuracy"] for point in points.get(str(count), {}).values()]
            spread = f" ± {statistics.stdev(found):.3f}" if len(found) > 1 else ""
            cells.append(f"{statistics.mean(found):.3f}{spread}" if found else "")
        lines.append(f"| {data} | {recipe} | " + " | ".join(cells) + " |")
    return lines


def draw(record: dict[str, Any], path: Path) -> None:
    """Draw accuracy against the number of training images, one panel a set."""
    figure, panels = plt.subplots(1, len(SETS), figsize=(9, 3.5), sharey=True, constrained_layout=True)
    for axes, data in zip(panels, SETS, strict=True):
        for name in (name for name in record if name.startswith(f"{data} ")):
            counts = sorted(map(int, record[name]))
            means = [
                statistics.mean(p["accuracy"] for p in record[name][str(count)].values()) for count in counts
            ]
            axes.plot(counts, means, marker="o", label=name.split(" ")[1])
        axes.set(xscale="log", title=data, xlabel="training photos")
        axes.set_xticks(COUNTS, [str(count) for count in COUNTS])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("test accuracy")
    panels[-1].legend(loc="lower right")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def write_page(record: dict[str, Any]) -> None:
    """Write the page and its picture."""
    with files.whole(PAGE) as part:
        counts = [len(runs) for points in record.values() for runs in points.values()]
        least, most = min(counts), max(counts)
        runs = f"{least}" if least == most else f"{least} to {most}"
        text = TEXT.replace("TABLE", "\n".join(table(record))).replace(
            "RUNS", f"{runs} run{'s' * (most > 1)}"
        )
        part.write_text(text, encoding="utf-8", newline="\n")
    draw(record, PAGE.with_suffix(".png"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, default=results_runs.REAL)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=["transfer", "fast"])
    parser.add_argument("--write", action="store_true", help="run nothing")
    options = parser.parse_args()
    record = files.read_json(RECORD) if RECORD.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        for data in [] if options.write else SETS:
            clone = pipeline.clone(Path(folder) / data)
            for seed in range(options.seeds):
                for count in COUNTS:
                    for recipe in options.only:
                        points = record.setdefault(f"{data} {recipe}", {}).setdefault(str(count), {})
                        if str(seed) not in points:
                            points[str(seed)] = run(
                                recipe, data, count, seed, options.images.resolve(), clone
                            )
                            print(data, recipe, count, seed, points[str(seed)], flush=True)
                            files.write_json(RECORD, record)
    write_page(record)


if __name__ == "__main__":
    main()
