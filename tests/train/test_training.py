import importlib.util
import json

import keras
import numpy as np
import pandas as pd
import pytest

from darkroom import UserError
from darkroom.images import Images
from darkroom.train import schedules
from tests.train.run_stage import run_stage

# TensorFlow's variables do not know NumPy 2's `copy` keyword yet, and Keras reads them through it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = {"blocks": [[4], [8]], "dense": [16], "dropout": 0.1}
QUICK = {"epochs": 2, "batch_size": 16}


def run(sections, folders, out, seed=0, **changes):
    changes = {"model": SMALL, **changes, "train": QUICK | changes.get("train", {})}
    return run_stage(sections(**changes), folders, out, seed)


@pytest.mark.parametrize(
    "changes",
    [
        {"train": {"optimizer": "adamw", "weight_decay": 0.01, "schedule": "cosine", "warmup": 0.3}},
        {"train": {"optimizer": "sgd", "schedule": "one_cycle", "clip_norm": 1.0}},
        {"train": {"optimizer": "rmsprop", "schedule": "plateau", "precision": "bfloat16"}},
        {"train": {"ema": 0.99, "label_smoothing": 0.1, "class_weights": "balanced", "steps_per_epoch": 2}},
        {"augment": {"mixup": 0.5, "cutmix": 0.5}, "model": SMALL | {"head": "softmax"}},
        {"model": {"network": "resnet", "blocks": [[4], [8]], "dense": []}},
        {"model": {"network": "lenet"}},
    ],
    ids=["adamw-cosine", "sgd-one-cycle", "rmsprop-plateau-bfloat16", "ema", "mixing", "resnet", "lenet"],
)
def test_every_way_of_training_ends_with_a_model_and_a_history(sections, data, tmp_path, changes):
    metrics = run(sections, data(), tmp_path, **changes)
    history = pd.read_csv(tmp_path / "plots" / "history.csv")
    assert list(history["epoch"]) == [1, 2]
    assert np.isfinite(history.to_numpy()).all()
    assert metrics["epochs"] == 2
    assert metrics["val_loss"] == pytest.approx(history["val_loss"].iloc[-1])
    assert (
        keras.models.load_model(tmp_path / "models" / "model.keras").count_params() == metrics["parameters"]
    )


@pytest.mark.parametrize(("classes", "head"), [(2, "sigmoid"), (2, "softmax"), (3, "auto")])
def test_it_learns_what_can_be_learned(sections, data, tmp_path, classes, head):
    metrics = run(
        sections,
        data(classes, 96, 24),
        tmp_path,
        model=SMALL | {"head": head},
        augment={"rotation": 0.0},
        train={"epochs": 15, "learning_rate": 0.01},
    )
    assert metrics["val_accuracy"] > 0.9


def test_equal_params_give_equal_bytes(sections, data, tmp_path):
    folders = data()
    for name in "ab":
        run(sections, folders, tmp_path / name, model=SMALL | {"batch_norm": True})
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / n).rglob("*.*") if p.is_file()} for n in "ab")
    assert one == two
    assert set(one) == {"model.keras", "model.json", "augmented.npz", "history.csv"}


def test_another_seed_gives_other_weights(sections, data, tmp_path):
    folders = data()
    for seed in (0, 1):
        run(sections, folders, tmp_path / str(seed), seed=seed)
    assert (tmp_path / "0/models/model.keras").read_bytes() != (
        tmp_path / "1/models/model.keras"
    ).read_bytes()


def test_restore_best_keeps_the_weights_of_the_least_validation_loss(sections, data, tmp_path):
    images, split = data()
    changes = {"epochs": 6, "learning_rate": 0.05, "restore_best": True, "ema": 0.5}
    metrics = run(sections, (images, split), tmp_path, train=changes)
    history = pd.read_csv(tmp_path / "plots" / "history.csv")
    assert metrics["best_epoch"] == history["val_loss"].idxmin() + 1
    assert metrics["val_loss"] == history["val_loss"].min()
    source = Images(images)
    rows = np.flatnonzero(pd.read_csv(split / "split.csv")["split"] == "validation")
    kept = keras.models.load_model(tmp_path / "models" / "model.keras")
    probability = kept.predict(source.take(rows), verbose=0)[:, 0]
    actual = source.index["label"].iloc[rows].to_numpy() == "c1"
    loss = -np.log(np.where(actual, probability, 1 - probability)).mean()
    assert loss == pytest.approx(metrics["val_loss"], rel=1e-4)


def test_early_stopping_waits_as_long_as_asked(sections, data, tmp_path):
    metrics = run(sections, data(), tmp_path, train={"epochs": 50, "learning_rate": 0.2, "early_stopping": 2})
    assert metrics["epochs"] == metrics["best_epoch"] + 2


def test_plateau_divides_the_rate(sections, data, tmp_path):
    run(
        sections,
        data(),
        tmp_path,
        train={
            "epochs": 8,
            "learning_rate": 0.2,
            "schedule": "plateau",
            "plateau_patience": 1,
            "plateau_factor": 4.0,
        },
    )
    rates = pd.read_csv(tmp_path / "plots" / "history.csv")["learning_rate"]
    assert set(np.round(rates / rates.shift(), 4).dropna()) == {1.0, 0.25}


def test_fine_tuning_unfreezes_after_the_first_phase(sections, data, tmp_path):
    trained = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    trained.save_weights(tmp_path / "vgg.weights.h5")
    metrics = run(
        sections,
        data(size=32, channels=3, train=16, validation=8),
        tmp_path,
        model={
            "network": "application",
            "application": "VGG16",
            "weights": str(tmp_path / "vgg.weights.h5"),
            "freeze": True,
            "dense": [],
        },
        train={"epochs": 1, "fine_tune_epochs": 1, "schedule": "constant"},
    )
    assert metrics["epochs"] == 2
    rates = pd.read_csv(tmp_path / "plots" / "history.csv")["learning_rate"]
    assert rates.iloc[1] == pytest.approx(rates.iloc[0] / 10)
    kernel = (
        keras.models.load_model(tmp_path / "models" / "model.keras")
        .get_layer("block1_conv1")
        .get_weights()[0]
    )
    assert not np.array_equal(kernel, trained.get_layer("block1_conv1").get_weights()[0])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("elsewhere/vgg.weights.h5", "expected null, packaged, imagenet or a file in "),
        ("{}/../vgg.weights.h5", "expected null, packaged, imagenet or a file in "),
        ("{}/vgg.weights.h5", "no such file"),
    ],
)
def test_weights_come_from_the_folder_that_dvc_watches(sections, data, tmp_path, weights, message):
    network = {"network": "application", "application": "VGG16", "weights": weights.format(tmp_path)}
    with pytest.raises(UserError, match=rf"model\.weights: .*{message}"):
        run(sections, data(), tmp_path, model=network)


def test_the_description_says_what_the_model_is(sections, data, tmp_path):
    run(sections, data(3), tmp_path)
    description = json.loads((tmp_path / "models" / "model.json").read_text())
    assert description["classes"] == ["c0", "c1", "c2"]
    assert description["shape"] == [16, 16, 1]
    assert description["head"] == "softmax"
    assert description["preparation"] == {"resolution": [16, 16]}
    assert sum(layer["parameters"] for layer in description["layers"]) == description["parameters"]
    assert description["versions"]["keras"] == keras.__version__
    augmented = np.load(tmp_path / "models" / "augmented.npz")
    assert augmented["original"].shape == (16, 16, 1)
    assert augmented["augmented"].shape == (9, 16, 16, 1)


def test_no_validation_images_leave_their_columns_empty(sections, data, tmp_path):
    metrics = run(sections, data(validation=0), tmp_path)
    assert "val_loss" not in metrics
    assert pd.read_csv(tmp_path / "plots" / "history.csv")["val_loss"].isna().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": {"batch_size": 49}}, r"train\.batch_size: got 49, more than the 48 training images"),
        (
            {"model": {"head": "sigmoid"}},
            r"model\.head: got sigmoid, which tells 2 classes apart, for 3 classes",
        ),
        ({"train": {"fine_tune_epochs": 1}}, r"train\.fine_tune_epochs: got 1 with model\.freeze: false"),
        ({"train": {"device": "gpu"}}, r"train\.device: got gpu, but tensorflow sees none"),
    ],
)
def test_params_that_do_not_fit_are_refused(sections, data, tmp_path, changes, message):
    if "device" in str(changes):
        tensorflow = pytest.importorskip("tensorflow")
        if tensorflow.config.get_visible_devices("GPU"):
            pytest.skip("there is a GPU")
    with pytest.raises(UserError, match=message):
        run(sections, data(3), tmp_path, **changes)
    assert not (tmp_path / "models").exists()


def test_early_stopping_without_validation_is_refused(sections, data, tmp_path):
    with pytest.raises(
        UserError, match=r"train\.early_stopping watches the validation images, and there are none"
    ):
        run(sections, data(validation=0), tmp_path, train={"early_stopping": 1})


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_backend_that_is_not_installed_is_refused(sections, data, tmp_path, backend):
    if importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is installed")
    with pytest.raises(UserError, match=rf"{backend} is not installed; `make extra-{backend}`"):
        run(sections, data(), tmp_path, train={"backend": backend})


@pytest.mark.parametrize(
    ("shape", "warmup", "expected"),
    [
        ("constant", 0.0, {0: 1, 99: 1}),
        ("constant", 0.1, {0: 1 / 11, 9: 10 / 11, 10: 1, 99: 1}),
        ("cosine", 0.0, {0: 1, 50: 0.5, 100: 0}),
        ("cosine", 0.2, {19: 20 / 21, 20: 1, 60: 0.5, 100: 0}),
        ("one_cycle", 0.0, {0: 0.04, 15: 0.52, 30: 1, 100: 0.0001}),
    ],
)
def test_schedules_follow_their_formula(shape, warmup, expected):
    schedule = schedules.Schedule(shape, 1.0, 100, warmup)
    for step, rate in expected.items():
        assert float(schedule(step)) == pytest.approx(rate, abs=1e-6)
