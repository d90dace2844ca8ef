"""Labels counted as wrong are those of the paper's confident joint, and where labels were turned it finds them."""

import numpy as np
import pytest

from darkroom.audit import confident_learning


def by_definition(labels: np.ndarray, probabilities: np.ndarray) -> set[tuple[int, int]]:
    """Return images off the diagonal of the confident joint, as equation 1 of the paper defines it."""
    classes = range(probabilities.shape[1])
    threshold = {
        c: np.mean([p[c] for p, y in zip(probabilities, labels, strict=True) if y == c]) for c in classes
    }
    found = set()
    for image, (label, p) in enumerate(zip(labels, probabilities, strict=True)):
        over = [c for c in classes if p[c] >= threshold[c]]
        if over and (best := max(over, key=lambda c: p[c])) != label:
            found.add((image, best))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_what_is_counted_is_what_the_paper_defines(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(4), generator.integers(0, 4, 96)])
    probabilities = generator.dirichlet([0.5] * 4, 100)
    counted = confident_learning.likely_wrong(labels, probabilities)
    assert {(int(row), int(counted[row])) for row in np.flatnonzero(counted >= 0)} == by_definition(
        labels, probabilities
    )
    found, suggested = confident_learning.ranked(labels, probabilities, counted)
    assert set(found) == set(np.flatnonzero((counted >= 0) | (probabilities.argmax(axis=1) != labels)))
    assert (suggested != labels[found]).all()
    assert (np.diff(probabilities[found, labels[found]]) >= 0).all()


def test_a_class_of_which_models_are_unsure_keeps_its_images() -> None:
    """All its images are likelier something else, as those of a rare class often are; one of them is really wrong."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    rare = [[0.45, 0.55]] * 3
    probabilities = np.array([*rare, [0.05, 0.95], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8]])
    counted = confident_learning.likely_wrong(labels, probabilities)
    assert counted.tolist() == [-1, -1, -1, 1, -1, -1, -1, -1]
    assert confident_learning.ranked(labels, probabilities, counted)[0].tolist() == [3, 0, 1, 2]


def test_a_class_without_images_makes_no_label_wrong() -> None:
    labels, probabilities = np.array([0, 0, 1]), np.array([[0.1, 0.1, 0.8], [0.7, 0.1, 0.2], [0.1, 0.9, 0.0]])
    assert confident_learning.likely_wrong(labels, probabilities).tolist() == [-1, -1, -1]


def test_turned_labels_come_first() -> None:
    generator = np.random.default_rng(0)
    true = generator.integers(0, 3, 600)
    scores = generator.normal(0, 1, (600, 3))
    scores[np.arange(600), true] += 4
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    turned = generator.choice(600, 30, replace=False)
    labels = true.copy()
    labels[turned] = (labels[turned] + 1) % 3
    counted = confident_learning.likely_wrong(labels, probabilities)
    found, suggested = confident_learning.ranked(labels, probabilities, counted)
    first = found[:30]
    assert len(set(first.tolist()) & set(turned.tolist())) >= 27
    right = np.isin(found, turned)
    assert (suggested[right] == true[found[right]]).mean() > 0.9
