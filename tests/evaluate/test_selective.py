"""Answering only where the model is sure: the curve, and that the error promised is kept."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from darkroom import UserError, intervals
from darkroom.evaluate import selective
from darkroom.params.evaluate import AbstainParams

ABSTAIN = AbstainParams(error=0.05, confidence=0.95)


def drawn(
    images: int, power: float, generator: np.random.Generator
) -> tuple[selective.Right, selective.Confidence]:
    """Draw images of a model that is right with probability ((1 + confidence) / 2) ** power."""
    confidence = generator.beta(4, 1, images).astype(np.float32)
    return generator.random(images) < ((1 + confidence) / 2) ** power, confidence


def true_error(threshold: float, power: float) -> float:
    """Return the error of that model among what it answers, by integration."""
    confidence = np.linspace(threshold, 1, 2001)
    density = beta(4, 1).pdf(confidence)
    error = 1 - ((1 + confidence) / 2) ** power
    return float((error * density).sum() / density.sum())


@pytest.mark.parametrize("images", [120, 400, 2000])
@pytest.mark.parametrize("power", [1, 0.5, 0.25])
def test_the_promise_is_broken_in_no_more_draws_than_it_says(images: int, power: float):
    generator = np.random.default_rng(1)
    draws = 250
    found = [selective.threshold(*drawn(images, power, generator), ABSTAIN) for _ in range(draws)]
    broken = sum(least is not None and true_error(least, power) > ABSTAIN.error for least in found)
    # 5 % are allowed; three more for the chance of the draws.
    assert broken <= 0.08 * draws
    if images == 2000 and power < 1:
        assert None not in found


def test_a_model_that_is_right_enough_answers_nearly_always():
    generator = np.random.default_rng(0)
    right, confidence = np.arange(400) % 100 > 0, generator.random(400).astype(np.float32)
    assert selective.threshold(right, confidence, ABSTAIN) == pytest.approx(confidence.min(), abs=1e-6)


def test_confidence_that_says_nothing_promises_nothing():
    generator = np.random.default_rng(0)
    right, confidence = generator.random(500) < 0.8, generator.random(500).astype(np.float32)
    assert selective.threshold(right, confidence, ABSTAIN) is None


def test_as_many_images_as_are_needed_are_enough_if_all_are_right():
    for error, images in ((0.05, 104), (0.02, 263)):
        abstain = AbstainParams(error=error, confidence=0.95)
        assert selective.images_needed(abstain) == images
        confidence = np.linspace(0.5, 1, images, dtype=np.float32)
        assert selective.threshold(np.ones(images, bool), confidence, abstain) == 0.5
        assert selective.threshold(np.ones(images - 1, bool), confidence[1:], abstain) is None
        selective.check(images, abstain)
        with pytest.raises(
            UserError, match=f"takes {images} independent validation images at least .* {images - 1};"
        ):
            selective.check(images - 1, abstain)


@pytest.mark.parametrize(("wrong", "images"), [(0, 10), (3, 10), (9, 10), (10, 10), (7, 300)])
def test_the_limit_of_an_error_is_that_of_clopper_and_pearson(wrong: int, images: int):
    expected = 1 if wrong == images else beta.ppf(0.99, wrong + 1, images - wrong)
    assert selective.error_bound(wrong, images, 0.01) == pytest.approx(expected)


def test_risk_and_coverage_of_four_images():
    right, confidence = np.array([True, False, True, False]), np.float32([0.9, 0.8, 0.7, 0.6])
    expected = pd.DataFrame(
        {"coverage": [0.25, 0.5, 0.75, 1], "error": [0, 0.5, 1 / 3, 0.5], "confidence": [0.9, 0.8, 0.7, 0.6]}
    )
    pd.testing.assert_frame_equal(selective.risk_coverage(right, confidence), expected)


def test_risk_and_coverage_of_many_images_has_a_row_for_each_hundredth():
    table = selective.risk_coverage(*drawn(12345, 1, np.random.default_rng(0)))
    np.testing.assert_allclose(table["coverage"], np.linspace(0.01, 1, 100), atol=1e-4)
    assert table["confidence"].is_monotonic_decreasing


def test_figures_are_those_of_what_is_answered():
    generator = np.random.default_rng(2)
    validation, test = drawn(2000, 0.25, generator), drawn(1000, 0.25, generator)
    figures = selective.figures(ABSTAIN, validation, test)
    answered = selective.as_written(test[1]) >= figures["confidence_threshold"]
    assert figures["coverage"] == answered.mean()
    right = int(test[0][answered].sum())
    assert figures["selective_accuracy"] == right / answered.sum()
    low_high = (figures["selective_accuracy_low"], figures["selective_accuracy_high"])
    assert low_high == intervals.wilson(right, int(answered.sum()))
    assert selective.figures(None, validation, test) == {}


def test_a_model_that_cannot_keep_the_promise_is_told(capsys: pytest.CaptureFixture[str]):
    generator = np.random.default_rng(0)
    figures = selective.figures(ABSTAIN, drawn(200, 4, generator), drawn(100, 4, generator))
    assert figures == {"coverage": 0.0}
    assert "no confidence promises an error of 0.05" in capsys.readouterr().err


def test_one_image_of_each_group_is_chosen_by_its_content_alone():
    groups, digests = pd.Series(list("aabbbc")), pd.Series(["2", "1", "9", "8", "7", "3"])
    assert selective.one_a_group(groups, digests).tolist() == [1, 4, 5]
    order = [5, 4, 3, 2, 1, 0]
    turned = selective.one_a_group(groups.iloc[order], digests.iloc[order])
    assert digests.iloc[order].iloc[turned].tolist() == ["3", "7", "1"]
