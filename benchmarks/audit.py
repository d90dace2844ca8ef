"""Wrong labels: how many of those that were turned on purpose are among the first that `darkroom audit` shows.

    python benchmarks/audit.py PROJECT      # where `darkroom recipe use transfer --inbox …` and `dvc repro` have run

A share of the labels is turned into another class each, at random; five folds of the same groups as the split's are
predicted by logistic regressions on the features of the frozen network, and the labels ranked. Of N turned labels it
prints how many are among the first N and 1.5 N: by the probability of the given label, as `darkroom audit` ranks, and
by how much likelier another class is.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np
from scipy.special import softmax
from sklearn.model_selection import StratifiedGroupKFold

from darkroom import split_files
from darkroom.array_types import ClassNumbers, Doubles, Floats
from darkroom.audit import confident_learning
from darkroom.evaluate.classifier import Classifier
from darkroom.images import Images
from darkroom.train import logistic_regression

FOLDS = 5


def features(project: Path) -> tuple[Floats, ClassNumbers, list[str]]:
    """Return the features, the class and the group of each image of a project."""
    images = Images(project / "data" / "images")
    classifier = Classifier(project / "models", 256, keep_features=True)
    assert classifier.extractor is not None, "the model has no frozen network"
    values = np.concatenate(
        [classifier.extractor(pixels) for pixels in images.chunks(range(len(images)), 256)]
    )
    labels = np.array([classifier.classes.index(label) for label in images.index["label"]])
    return values, labels, split_files.read_table(project / "data" / "split")["group"].tolist()


def turned(
    labels: ClassNumbers, share: float, generator: np.random.Generator
) -> tuple[ClassNumbers, ClassNumbers]:
    """Return the labels with a share of them turned into another class, and the rows of these."""
    rows = generator.choice(len(labels), round(share * len(labels)), replace=False)
    wrong = labels.copy()
    classes = int(labels.max()) + 1
    wrong[rows] = (labels[rows] + generator.integers(1, classes, len(rows))) % classes
    return wrong, rows


def out_of_fold(values: Floats, labels: ClassNumbers, groups: list[str], seed: int) -> Doubles:
    """Return the probabilities of each image by a head that saw neither it nor others of its group."""
    found = np.empty((len(labels), int(labels.max()) + 1))
    folds = [
        rows
        for _, rows in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(
            values, labels, groups
        )
    ]
    for number, tested in enumerate(folds):
        held_out = folds[(number + 1) % FOLDS]
        training = np.setdiff1d(np.arange(len(labels)), np.concatenate([tested, held_out]))
        solution = logistic_regression.solve(
            values[training], labels[training], None, values[held_out], labels[held_out]
        )
        found[tested] = probabilities(solution, values[tested], found.shape[1])
    return found


def probabilities(solution: logistic_regression.Solution, values: Floats, classes: int) -> Doubles:
    """Return what a head says of features, (n, classes)."""
    kernel, bias = logistic_regression.as_layer(solution, classes)
    said: Doubles = softmax(values.astype(np.float64) @ kernel + bias, axis=1)
    return said


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("project", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.05)
    options = parser.parse_args()
    values, labels, groups = features(options.project)
    shares: dict[str, list[tuple[float, float]]] = {"self-confidence": [], "margin": []}
    for draw in range(options.draws):
        wrong, rows = turned(labels, options.share, np.random.default_rng(draw))
        said = out_of_fold(values, wrong, groups, draw)
        given = said[np.arange(len(wrong)), wrong]
        others = np.where(np.eye(said.shape[1])[wrong] > 0, -1, said).max(axis=1)
        rankings = {"self-confidence": given, "margin": given - others}
        counted = confident_learning.likely_wrong(wrong, said)
        shown = confident_learning.ranked(wrong, said, counted)[0]
        for name, ranking in rankings.items():
            order = shown[np.argsort(ranking[shown], kind="stable")]
            first = [np.isin(order[: round(times * len(rows))], rows).sum() / len(rows) for times in (1, 1.5)]
            shares[name].append((first[0], first[1]))
        likely = np.flatnonzero(counted >= 0)
        print(
            f"draw {draw}: {len(likely)} likely wrong, {np.isin(likely, rows).sum()} of the {len(rows)} turned",
            flush=True,
        )
    for name, found in shares.items():
        once, more = (statistics.mean(column) for column in zip(*found, strict=True))
        print(f"by {name}: {once:.3f} among the first N, {more:.3f} among the first 1.5 N")


if __name__ == "__main__":
    main()
