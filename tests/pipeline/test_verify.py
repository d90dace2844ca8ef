"""`darkroom verify`: two runs from nothing end in the same bytes, on every backend; where not, it says so."""

import importlib.util
import shutil

import pytest

pytestmark = pytest.mark.slow

# What a photo recipe can switch on: batch normalization comes with the residual network.
EVERYTHING = [
    "image.resolution=48",
    "normalize.method=standard",
    "model.network=resnet",
    "model.blocks=[[8],[16],[24]]",
    "model.dropout=0.3",
    "model.dense=[16]",
    "model.dense_dropout=0.3",
    "augment.flip_horizontal=true",
    "augment.flip_vertical=true",
    "augment.rotation=20.0",
    "augment.shift=0.1",
    "augment.zoom=[0.8,1.3]",
    "augment.shear=5.0",
    "augment.crop=0.9",
    "augment.fill=reflect",
    "augment.brightness=0.1",
    "augment.contrast=0.2",
    "augment.channel_shift=0.05",
    "augment.saturation=0.3",
    "augment.hue=10.0",
    "augment.erase=0.3",
    "augment.mixup=0.2",
    "augment.cutmix=0.5",
    "train.epochs=2",
    "train.batch_size=16",
    "train.steps_per_epoch=5",
    "train.optimizer=adamw",
    "train.weight_decay=0.05",
    "train.schedule=one_cycle",
    "train.clip_norm=1.0",
    "train.label_smoothing=0.1",
    "train.class_weights=balanced",
    "train.ema=0.99",
    "train.restore_best=true",
]


def options(settings: list[str]) -> list[str]:
    return [word for setting in settings for word in ("-S", setting)]


def put_flowers(repository, real_images, *names: str) -> None:
    """Put thirty photos of each flower into the inbox."""
    for name in names:
        target = repository.path(f"data/inbox/flowers/{name}")
        target.mkdir(parents=True)
        for photo in sorted((real_images / "flower_photos" / name).glob("*.jpg"))[:30]:
            shutil.copy(photo, target)


def test_the_committed_run_of_digits_comes_out_again(finished):
    assert "the same, byte for byte" in finished.run("darkroom", "verify").stdout


def test_another_lock_than_the_run_makes_is_named(finished):
    lock = finished.path("dvc.lock")
    digest = finished.lock()["split"]["outs"][0]["md5"]
    lock.write_text(lock.read_text().replace(digest, "0" * 32 + ".dir"))
    finished.git("commit", "--quiet", "--all", "--message", "Tamper")
    said = finished.run("darkroom", "verify", check=False)
    assert said.returncode == 1
    assert f"split: data/split: {'0' * 32}.dir and {digest}" in said.stdout


@pytest.mark.weekly
def test_drawings_come_out_alike_twice(repository):
    said = repository.run("darkroom", "verify", "--recipe", "ox", *options(["train.epochs=1"]))
    assert "the same, byte for byte" in said.stdout


@pytest.mark.parametrize(
    "backend", ["tensorflow", *(pytest.param(name, marks=pytest.mark.weekly) for name in ("torch", "jax"))]
)
def test_photos_with_everything_switched_on_come_out_alike_twice(repository, real_images, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    put_flowers(repository, real_images, "daisy", "roses", "tulips")
    said = repository.run(
        *("darkroom", "verify", "--recipe", "flowers-augmented", "--inbox", "flowers"),
        *options([*EVERYTHING, f"train.backend={backend}"]),
    )
    assert "the same, byte for byte" in said.stdout


def test_a_pretrained_network_tuned_on_photos_comes_out_alike_twice(repository, real_images):
    put_flowers(repository, real_images, "daisy", "roses")
    settings = [
        "image.resolution=64",
        "train.fine_tune_epochs=2",
        "train.batch_size=16",
    ]
    said = repository.run(
        *("darkroom", "verify", "--recipe", "transfer-tuned", "--inbox", "flowers"), *options(settings)
    )
    assert "the same, byte for byte" in said.stdout


def test_a_setting_that_names_no_param_is_one_message(repository):
    said = repository.run("darkroom", "verify", "-S", "train.epoch=3", check=False)
    assert said.returncode == 1
    assert "train.epoch" in said.stderr
    assert "Traceback" not in said.stderr


def test_an_inbox_that_no_recipe_reads_is_refused(repository):
    said = repository.run("darkroom", "verify", "--inbox", "flowers", check=False)
    assert said.returncode == 1
    assert "--inbox: says where a recipe finds its images" in said.stderr
