"""Behind a frozen network: features computed once and never stale, a head solved, fine-tuning that starts there."""

import os
import re

import keras
import numpy as np
import pandas as pd
import pytest

from darkroom import UserError, features
from darkroom.evaluate.classifier import Classifier
from darkroom.images import Images
from darkroom.train import feature_maps, logistic_regression
from darkroom.train.checkpoint import Checkpoint
from tests.train.run_stage import run_stage

# TensorFlow's variables do not know NumPy 2's `copy` keyword yet, and Keras reads them through it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LITE = {
    "network": "application",
    "application": "EfficientNetLite0",
    "weights": "packaged",
    "freeze": True,
    "dense": [],
    "dropout": 0.0,
}
STILL = {"rotation": 0.0, "shift": 0.0, "zoom": [1.0, 1.0]}
SOLVED = {"optimizer": "lbfgs", "batch_size": 16}
TUNED = SOLVED | {"fine_tune_epochs": 2, "learning_rate": 0.003}


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Return a DVC repository's folder, in whose temporary files features and checkpoints are kept."""
    (tmp_path / "repository" / ".dvc").mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "repository"))
    monkeypatch.delenv("DVC_STAGE", raising=False)
    return tmp_path / "repository" / ".dvc" / "tmp" / "darkroom"


@pytest.fixture(scope="session")
def photos(data):
    """Return a function that makes RGB images of 32x32 pixels, of two classes or of three."""
    return {classes: data(classes, 60, 18, size=32, channels=3) for classes in (2, 3)}


def run(sections, folders, out, seed=0, **changes):
    return run_stage(sections(**{"model": LITE, "augment": STILL, **changes}), folders, out, seed)


def content(out):
    return {path.name: path.read_bytes() for path in sorted(out.rglob("*.*")) if path.is_file()}


def outputs(out, folders):
    model = keras.models.load_model(out / "models" / "model.keras", compile=False)
    source = Images(folders[0])
    parts = pd.read_csv(folders[1] / "split.csv")["split"]
    rows = np.flatnonzero(parts == "validation")
    return model.predict(source.take(rows), verbose=0), source.index["label"].iloc[rows].to_numpy()


@pytest.mark.parametrize(
    ("classes", "head", "precision"),
    [
        (2, "sigmoid", "float32"),
        (2, "sigmoid", "bfloat16"),  # of fine-tuning alone: the model that is written computes in float32
        (2, "softmax", "float32"),
        (3, "softmax", "float32"),
    ],
)
def test_a_solved_head_stands_in_the_model(sections, photos, tmp_path, classes, head, precision):
    train = SOLVED | {"precision": precision}
    metrics = run(sections, photos[classes], tmp_path, model=LITE | {"head": head}, train=train)
    found, labels = outputs(tmp_path, photos[classes])
    found = np.hstack([1 - found, found]) if head == "sigmoid" else found
    right = np.array([f"c{number}" for number in found.argmax(1)]) == labels
    assert metrics["val_accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    likelihood = found[np.arange(len(labels)), [int(label[1:]) for label in labels]]
    assert metrics["val_loss"] == pytest.approx(-np.log(likelihood).mean(), rel=1e-3, abs=1e-4)
    assert metrics["val_accuracy"] >= 0.8
    assert metrics["C"] in logistic_regression.GRID
    assert metrics["weights_sha256"].startswith("579344248a93")
    assert metrics["epochs"] == 1


def test_of_two_classes_sigmoid_and_softmax_say_the_same(sections, photos, tmp_path):
    for head in ("sigmoid", "softmax"):
        run(sections, photos[2], tmp_path / head, model=LITE | {"head": head}, train=SOLVED)
    one, two = (outputs(tmp_path / head, photos[2])[0] for head in ("sigmoid", "softmax"))
    np.testing.assert_allclose(one[:, 0], two[:, 1], atol=1e-5)


def test_the_solution_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x, y = rng.normal(3, [1, 5, 20], (90, 3)).astype(np.float32), np.arange(90) % 3
    x[:, 0] += y
    weights = rng.uniform(0.5, 2, 90).astype(np.float32)
    constant = np.hstack([x, np.full((90, 1), 7, np.float32)])
    found = logistic_regression.solve(constant, y, weights, constant[::2], y[::2])
    scaler = StandardScaler().fit(x)
    theirs = LogisticRegression(C=found.C, tol=1e-8, max_iter=1000).fit(scaler.transform(x), y, weights)
    scores = constant @ found.kernel + found.bias
    expected = theirs.decision_function(scaler.transform(x))
    np.testing.assert_allclose(scores - scores.mean(1, keepdims=True), expected, atol=2e-3)
    assert not found.kernel[3].any()


def test_strength_is_the_one_with_the_least_loss_on_validation():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 30)).astype(np.float32), np.arange(40) % 2
    x[:, 0] += 20 * y
    (least, *_, most) = logistic_regression.GRID
    assert most == logistic_regression.solve(x, y, None, x, y).C
    assert least == logistic_regression.solve(x, y, None, x, 1 - y).C


@pytest.mark.parametrize("train", [SOLVED, {"epochs": 2, "batch_size": 16}], ids=["solved", "walked"])
def test_cold_warm_damaged_or_no_cache_give_the_same_bytes(
    sections, photos, tmp_path, scratch, train, capsys
):
    run(sections, photos[2], tmp_path / "cold", train=train)
    assert "78 images: 0 kept from earlier, 78 computed" in capsys.readouterr().out
    run(sections, photos[2], tmp_path / "warm", train=train)
    assert "78 images: 78 kept from earlier, 0 computed" in capsys.readouterr().out
    (entry,) = (scratch / "features").glob("*/*.features")
    entry.write_bytes(entry.read_bytes()[:-100] + bytes(100))
    run(sections, photos[2], tmp_path / "damaged", train=train)
    assert f"{entry}: damaged; these features are computed again" in capsys.readouterr().out
    os.environ["DVC_ROOT"] = str(tmp_path / "nowhere")
    run(sections, photos[2], tmp_path / "none", train=train)
    assert "78 images: 0 kept from earlier, 78 computed" in capsys.readouterr().out
    first, *others = (content(tmp_path / name) for name in ("cold", "warm", "damaged", "none"))
    assert set(first) >= {"model.keras", "history.csv"}
    assert others == [first] * 3


def test_evaluation_goes_on_with_the_features_of_training(sections, photos, tmp_path, scratch):
    run(sections, photos[3], tmp_path, train=SOLVED)
    pixels = Images(photos[3][0]).take(np.arange(78))
    new = np.concatenate([pixels, 255 - pixels[:9]])
    whole = Classifier(tmp_path / "models", 32)
    assert whole.extractor is None
    on_pixels, found = whole.probabilities(new), []
    for kept, computed in ((78, 9), (87, 0)):
        classifier = Classifier(tmp_path / "models", 32, keep_features=True)
        found.append(classifier.probabilities(new))
        assert (classifier.extractor.kept, classifier.extractor.computed) == (kept, computed)
    os.environ["DVC_ROOT"] = str(tmp_path / "nowhere")
    found.append(Classifier(tmp_path / "models", 32, keep_features=True).probabilities(new))
    np.testing.assert_allclose(found[0], on_pixels, atol=1e-5)
    np.testing.assert_array_equal(found, [found[0]] * 3)


@pytest.mark.slow
def test_of_a_tuned_network_no_features_are_kept(sections, photos, tmp_path, scratch):
    run(sections, photos[2], tmp_path, train=TUNED)
    assert Classifier(tmp_path / "models", 32, keep_features=True).extractor is None


@pytest.mark.slow
def test_features_are_known_by_pixels_and_by_what_computes_them(
    sections, data, photos, tmp_path, scratch, capsys
):
    def computed(folders, **changes):
        run(sections, folders, tmp_path / "out", train=SOLVED, **changes)
        return int(re.search(r", (\d+) computed", capsys.readouterr().out)[1])

    assert computed(photos[2]) == 78
    assert computed(data(2, 64, 18, size=32, channels=3)) == 4  # the first 78 are the same pictures
    assert computed(photos[2], augment=STILL | {"flip_horizontal": True}) == 0
    assert computed(photos[2], model=LITE | {"head": "softmax"}) == 0
    small = {"application": "MobileNetV2", "weights": str(tmp_path / "out" / "small.weights.h5")}
    (tmp_path / "out").mkdir(exist_ok=True)
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        network = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3))
        network.save_weights(small["weights"])
        assert computed(photos[2], model=LITE | small) == 78


def test_killed_in_the_features_it_goes_on_where_it_was(
    sections, photos, tmp_path, scratch, monkeypatch, capsys
):
    monkeypatch.setattr(feature_maps, "_CHUNK", 20)
    save, written = features.Extractor._keep, []

    def die(*arguments):
        save(*arguments)
        written.append(arguments)
        if len(written) == 2:
            raise KeyboardInterrupt

    run(sections, photos[2], tmp_path / "whole", train=SOLVED)
    for path in (scratch / "features").glob("*/*"):
        path.unlink()
    monkeypatch.setattr(features.Extractor, "_keep", die)
    with pytest.raises(KeyboardInterrupt):
        run(sections, photos[2], tmp_path / "killed", train=SOLVED)
    monkeypatch.setattr(features.Extractor, "_keep", save)
    run(sections, photos[2], tmp_path / "killed", train=SOLVED)
    assert "78 images: 40 kept from earlier, 38 computed" in capsys.readouterr().out
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("train", "epoch"),
    [({"epochs": 2, "batch_size": 16, "fine_tune_epochs": 1}, 1), (TUNED, 2)],
    ids=["walked", "solved"],
)
def test_killed_after_an_epoch_it_goes_on_to_the_same_bytes(
    sections, photos, tmp_path, scratch, monkeypatch, train, epoch
):
    run(sections, photos[2], tmp_path / "whole", train=train)
    save = Checkpoint.save

    def die(self, state):
        save(self, state)
        if state.epoch == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", die)
    with pytest.raises(KeyboardInterrupt):
        run(sections, photos[2], tmp_path / "killed", train=train)
    monkeypatch.setattr(Checkpoint, "save", save)
    run(sections, photos[2], tmp_path / "killed", train=train)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_the_oldest_features_make_room(sections, photos, tmp_path, scratch, monkeypatch):
    run(sections, photos[2], tmp_path / "one", train=SOLVED)
    (old,) = (scratch / "features").glob("*/*.features")
    os.utime(old, (1, 1))
    monkeypatch.setattr(features, "KEPT_BYTES", old.stat().st_size + 100)
    run(sections, photos[3], tmp_path / "two", train=SOLVED)
    (left,) = (scratch / "features").glob("*/*.features")
    assert left != old


@pytest.mark.slow
def test_fine_tuning_keeps_what_validation_says_is_better(sections, photos, tmp_path):
    for name, rate, epoch in (("harmful", 1.0, 1), ("gentle", 0.003, 3)):
        metrics = run(sections, photos[2], tmp_path / name, train=TUNED | {"learning_rate": rate})
        history = pd.read_csv(tmp_path / name / "plots" / "history.csv")
        assert metrics["kept_epoch"] == epoch
        assert metrics["val_loss"] == pytest.approx(history["val_loss"][epoch - 1], rel=1e-5)
    run(sections, photos[2], tmp_path / "solved", train=SOLVED)
    harmful, solved = (outputs(tmp_path / name, photos[2])[0] for name in ("harmful", "solved"))
    np.testing.assert_array_equal(harmful, solved)  # nothing was better than what was solved


@pytest.mark.slow
def test_fine_tuning_trains_the_upper_blocks_alone(sections, photos, tmp_path):
    run(sections, photos[2], tmp_path, model=LITE | {"unfreeze": 2}, train=TUNED)
    run(sections, photos[2], tmp_path / "solved", train=SOLVED)
    tuned, solved = (
        keras.models.load_model(folder / "models" / "model.keras", compile=False)
        for folder in (tmp_path, tmp_path / "solved")
    )
    changed = [
        ours.name
        for ours, theirs in zip(tuned.layers, solved.layers, strict=True)
        if any((a != b).any() for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True))
    ]
    assert {"block6d_expand_conv", "block7a_dwconv", "top_conv", "head"} <= set(changed)
    assert not [name for name in changed if name.startswith(("stem", "block1", "block5", "block6c"))]
    assert not [name for name in changed if name.endswith("bn")]


def test_a_head_walked_to_on_features_ends_where_it_would_on_pixels(sections, photos, tmp_path, monkeypatch):
    options = {"epochs": 3, "batch_size": 16, "learning_rate": 0.01}
    on_features = run(sections, photos[2], tmp_path / "features", train=options)
    monkeypatch.setattr("darkroom.train.frozen_backbone.applies", lambda *_: False)
    on_pixels = run(sections, photos[2], tmp_path / "pixels", train=options)
    for name in ("accuracy", "val_accuracy", "loss", "val_loss"):
        assert on_features[name] == pytest.approx(on_pixels[name], rel=2e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": LITE | {"freeze": False}}, r"lbfgs .*expected model\.freeze: true"),
        ({"model": {}}, r"lbfgs .*expected model\.freeze: true"),
        ({"model": LITE | {"dense": [8]}}, r"expected model\.dense: \[\] and model\.dropout: 0\.0"),
        ({"augment": STILL | {"rotation": 8.0}}, r"augment\.rotation would do nothing"),
        ({"train": SOLVED | {"label_smoothing": 0.1}}, r"train\.label_smoothing would do nothing"),
    ],
)
def test_a_solved_head_says_what_it_cannot_do(sections, photos, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        run(sections, photos[2], tmp_path, **{"train": SOLVED, **changes})


def test_a_solved_head_needs_validation(sections, data, tmp_path):
    with pytest.raises(UserError, match=r"on the validation images, and there are none"):
        run(sections, data(2, 60, 0, size=32, channels=3), tmp_path, train=SOLVED)


def test_the_two_parts_make_the_whole(sections):
    params = sections(model=LITE | {"dense": [8], "dropout": 0.2}).model
    from darkroom.train import networks

    whole = networks.build(params, (32, 32, 3), 3, "softmax", ("rescale", {}), 0)
    trunk, top = features.parted(whole)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    parts = top.predict(trunk.predict(pixels, verbose=0)[:, None, None], verbose=0)
    np.testing.assert_allclose(parts, whole.predict(pixels, verbose=0), atol=1e-6)
