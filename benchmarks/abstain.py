"""What `evaluate.abstain` answers on real photos, and how often it breaks its promise.

    python benchmarks/abstain.py PROJECT [PROJECT ...]   # where `dvc repro` has run

A project's predictions of one validation or test image of each group are the whole world: from it as many images as
validation has groups are drawn, with replacement, 500 times; the confidence from which on the error is promised by
them is tried on that world, where the error is known.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from darkroom import split_files
from darkroom.evaluate import selective
from darkroom.params.evaluate import AbstainParams

ERRORS = (0.02, 0.05, 0.1)
DRAWS = 500


def world(project: Path) -> tuple[int, selective.Right, selective.Confidence]:
    """Return how many groups validation has; and of one image of each group of it and test, right and confidence."""
    parts = {part: pd.read_csv(project / f"data/predictions/{part}.csv") for part in ("validation", "test")}
    table = pd.concat(parts.values(), ignore_index=True)
    index = pd.read_csv(project / "data/images/index.csv", dtype=str).set_index("id")
    groups = split_files.read_table(project / "data/split").set_index("id")["group"]
    chosen = table.iloc[selective.one_a_group(groups.loc[table["id"]], index.loc[table["id"], "sha256"])]
    confidence = chosen.filter(like="p_").max(axis=1).to_numpy(np.float32)
    validation = groups.loc[parts["validation"]["id"]].nunique()
    return validation, (chosen["label"] == chosen["predicted"]).to_numpy(), confidence


def report(project: Path) -> None:
    """Print a row for each of :data:`ERRORS`."""
    images, right, confidence = world(project)
    for error in ERRORS:
        abstain = AbstainParams(error=error, confidence=0.95)
        if images < (needed := selective.images_needed(abstain)):
            print(
                f"| {project.name} | {1 - right.mean():.3f} | {error:g} | {images}: {needed} are needed | | | |"
            )
            continue
        generator, coverage, broken = np.random.default_rng(0), [], 0
        for _ in range(DRAWS):
            rows = generator.integers(len(right), size=images)
            least = selective.threshold(right[rows], confidence[rows], abstain)
            answered = confidence >= (2 if least is None else least)
            coverage.append(answered.mean())
            broken += bool(answered.any() and 1 - right[answered].mean() > error)
        print(
            f"| {project.name} | {1 - right.mean():.3f} | {error:g} | {images} | {np.mean(coverage):.2f} "
            f"| {np.mean(np.array(coverage) == 0):.2f} | {broken / DRAWS:.3f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("projects", nargs="+", type=Path)
    options = parser.parse_args()
    print("| set | error of all | promised | images drawn | answered | nothing answered | promise broken |")
    for project in options.projects:
        report(project)


if __name__ == "__main__":
    main()
