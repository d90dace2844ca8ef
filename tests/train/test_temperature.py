"""Temperature scaling: probabilities as sure as they may be, of the same classes."""

import keras
import numpy as np
import pytest

from darkroom import UserError
from darkroom.images import Images
from darkroom.train import temperature
from darkroom.train.config import Config
from darkroom.train.dataset import Examples
from darkroom.train.stage import train
from darkroom.train.targets import Targets
from tests.train.conftest import write_images

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CLASSES = 3


def network(head, overconfident):
    """Return a network that takes the first pixels for logits, so many times too large."""
    units = 1 if head == "sigmoid" else CLASSES
    pixels = keras.Input((1, 4, 1))
    outputs = keras.layers.Dense(units, activation=head)(keras.layers.Flatten()(pixels))
    model = keras.Model(pixels, outputs)
    kernel = np.eye(4, units, dtype=np.float32) / 64
    model.layers[-1].set_weights(
        [kernel * np.float32(overconfident), np.full(units, -2 * overconfident, np.float32)]
    )
    return model


@pytest.fixture(params=["softmax", "sigmoid"])
def drawn(request, tmp_path):
    """Return a head, 4,000 images, and classes drawn by the probabilities that the head has of them at its best."""
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (4000, 1, 4, 1), np.uint8)
    exact = network(request.param, 1).predict(pixels, verbose=0)
    if request.param == "sigmoid":
        exact = np.hstack([1 - exact, exact])
    classes = (rng.random((4000, 1)) > exact.cumsum(axis=1)).sum(axis=1).clip(max=exact.shape[1] - 1)
    write_images(tmp_path / "images", [f"c{number}" for number in classes], pixels)
    targets = Targets(classes.astype(np.int64), exact.shape[1], request.param, 0.0)
    return request.param, Images(tmp_path / "images"), Examples(np.arange(4000), targets), exact


@pytest.mark.parametrize("times", [3.0, 0.4])
def test_what_is_too_sure_or_too_unsure_is_scaled_back(drawn, times, capsys):
    head, images, validation, exact = drawn
    model = network(head, times)
    before = model.predict(images.take(validation.rows), verbose=0)
    found = temperature.scale(model, images, validation)
    assert found["temperature"] == pytest.approx(times, rel=0.08)
    after = model.predict(images.take(validation.rows), verbose=0)
    if head == "sigmoid":
        np.testing.assert_array_equal(after > 0.5, before > 0.5)
        after = np.hstack([1 - after, after])
    else:
        np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    assert np.abs(after - exact).mean() < 0.01
    loss = -np.log(after[np.arange(4000), validation.targets.numbers]).mean()
    assert found["calibrated_val_loss"] == pytest.approx(loss, abs=1e-5)
    assert f"temperature {found['temperature']:g}: val_loss " in capsys.readouterr().out


def test_where_all_are_right_nothing_is_scaled(drawn):
    head, images, validation, _ = drawn
    model = network(head, 3)
    said = model.predict(images.take(validation.rows), verbose=0)
    right = said[:, 0] > 0.5 if head == "sigmoid" else said.argmax(axis=1)
    own = Targets(right.astype(np.int64), validation.targets.outcomes, head, 0.0)
    weights = model.get_weights()
    assert temperature.scale(model, images, Examples(validation.rows, own))["temperature"] == 1
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def trained(sections, folders, out, **settings):
    read = sections(train={"epochs": 2, "batch_size": 16, "learning_rate": 0.02} | settings)
    config = Config(1, read.model, read.augment, read.train)
    return train(config, *folders, out, out / "models", out / "history.csv")


def test_a_training_ends_with_it(sections, data, tmp_path):
    folders = data(classes=3, size=8)
    plain = trained(sections, folders, tmp_path / "plain")
    scaled = trained(sections, folders, tmp_path / "scaled", calibration="temperature")
    assert scaled.items() >= plain.items()
    assert scaled["temperature"] != 1
    assert scaled["calibrated_val_loss"] < scaled["val_loss"]
    ours, theirs = (
        keras.models.load_model(tmp_path / name / "models" / "model.keras").layers[-1].get_weights()
        for name in ("scaled", "plain")
    )
    for weight, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(weight * scaled["temperature"], other, rtol=1e-6)


def test_without_validation_images_it_is_refused(sections, data, tmp_path):
    with pytest.raises(UserError, match=r"train\.calibration: temperature watches the validation images"):
        trained(sections, data(validation=0), tmp_path, calibration="temperature")


def test_several_processes_do_not_fit_it(sections, data, tmp_path):
    with pytest.raises(UserError, match=r"train\.processes: got 2 with train\.calibration: temperature"):
        trained(sections, data(), tmp_path, calibration="temperature", processes=2, backend="jax")
