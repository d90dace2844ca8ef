"""Pseudo-labels: what photos without a label add to a head that was solved on few labelled ones.

    python benchmarks/pseudo_labels.py PROJECT [PROJECT ...]   # where the recipe transfer and `dvc repro` have run

Of each project's images a fifth, drawn by groups, is for testing, N more for training and N / 2 for validation; the
others stand for photos without a label. A head is solved on the features of the frozen network. The confidence above
which 99 % of the validation images are right is the threshold: photos above it get the class that the head says, and
a second head is solved on both. Printed are the mean accuracies over the draws, the mean of the differences with the
standard error, and the part of the pseudo-labels that is right.
"""

import argparse
from pathlib import Path

import numpy as np
from audit import features, probabilities

from darkroom.array_types import ClassNumbers, Doubles, Floats
from darkroom.train import logistic_regression

PRECISION = 0.99


def drawn(groups: list[str], counts: list[int], generator: np.random.Generator) -> list[ClassNumbers]:
    """Return rows by whole groups: as many parts as there are counts, at least so many rows each, and the rest."""
    names, group = np.unique(groups, return_inverse=True)
    rows = np.argsort(generator.permutation(len(names))[group], kind="stable")
    # A part ends where a group ends.
    last = np.flatnonzero(np.append(np.diff(group[rows]) != 0, True)) + 1
    ends: list[int] = []
    for count in counts:
        ends.append(int(last[np.searchsorted(last, (ends[-1] if ends else 0) + count)]))
    return np.split(rows, ends)


def threshold(said: Doubles, labels: ClassNumbers) -> float:
    """Return the least confidence at and above which PRECISION of the images are right; infinity if there is none."""
    order = np.argsort(-said.max(axis=1), kind="stable")
    right = said.argmax(axis=1)[order] == labels[order]
    enough = np.flatnonzero(np.cumsum(right) / np.arange(1, len(right) + 1) >= PRECISION)
    return float(said.max(axis=1)[order][enough[-1]]) if len(enough) else float("inf")


def draw(
    values: Floats, labels: ClassNumbers, groups: list[str], count: int, seed: int
) -> tuple[float, float, float, int] | None:
    """Return accuracy without and with pseudo-labels, the part of these that is right, and how many there are.

    None where a class is not among the training images.
    """
    classes = int(labels.max()) + 1
    counts = [len(labels) // 5, count, count // 2]
    test, training, held_out, rest = drawn(groups, counts, np.random.default_rng(seed))
    if len(np.unique(labels[training])) < classes:
        return None

    def solved(rows: ClassNumbers, given: ClassNumbers) -> logistic_regression.Solution:
        return logistic_regression.solve(values[rows], given, None, values[held_out], labels[held_out])

    def accuracy(solution: logistic_regression.Solution) -> float:
        return float((probabilities(solution, values[test], classes).argmax(axis=1) == labels[test]).mean())

    first = solved(training, labels[training])
    least = threshold(probabilities(first, values[held_out], classes), labels[held_out])
    said = probabilities(first, values[rest], classes)
    sure = said.max(axis=1) >= least
    pseudo, rows = said.argmax(axis=1)[sure], rest[sure]
    second = solved(np.append(training, rows), np.append(labels[training], pseudo)) if len(rows) else first
    right = float((pseudo == labels[rows]).mean()) if len(rows) else float("nan")
    return accuracy(first), accuracy(second), right, len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("projects", type=Path, nargs="+")
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    print("| photos | labelled | without | with pseudo-labels | difference | pseudo-labels | right |")
    print("|---|---|---|---|---|---|---|")
    for project in options.projects:
        values, labels, groups = features(project)
        for count in (20, 50, 100, 200):
            draws = [draw(values, labels, groups, count, seed) for seed in range(options.draws)]
            before, after, right, many = np.array([one for one in draws if one is not None]).T
            gain = 100 * (after - before)
            print(
                f"| {project.resolve().name} | {count} | {before.mean():.3f} | {after.mean():.3f} "
                f"| {gain.mean():+.1f} ± {gain.std(ddof=1) / np.sqrt(len(gain)):.1f} "
                f"| {many.mean():.0f} | {np.nanmean(right):.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
