"""EfficientNet-Lite is the network its makers trained, whoever's file the weights come from."""

import hashlib
import importlib.util
from pathlib import Path

import cv2
import keras
import matplotlib
import numpy as np
import pytest
import safetensors.numpy
from keras import layers
from sklearn.datasets import load_sample_image

from darkroom import UserError
from darkroom.features import parted
from darkroom.train import applications, efficientnet_lite, networks, packaged_weights, torch_files

# TensorFlow's variables do not know NumPy 2's `copy` keyword yet, and Keras reads them through it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDES = {"EfficientNetLite0": 224, "EfficientNetLite1": 240, "EfficientNetLite2": 260}


def classifier(name: str, side: int, folded: bool = True):
    """Return the network with its 1,000 classes of ImageNet: raw pixels in, logits out."""
    inputs = layers.Input((side, side, 3))
    network = efficientnet_lite.build(
        name, applications.prepare(inputs, name), include_top=True, folded=folded
    )
    efficientnet_lite.assign(network, torch_files.read(packaged_weights.read(name)))
    return keras.Model(inputs, network.output)


@pytest.fixture(scope="module")
def lite0():
    return classifier("EfficientNetLite0", 224)


def crossword(side: int):
    black = np.random.RandomState(0).random_sample((20, 20)) < 0.2
    picture = np.where(black.repeat(15, 0).repeat(15, 1), 0, 255)
    picture[::15] = picture[:, ::15] = 0
    return np.repeat(picture[:side, :side, None], 3, axis=2).astype(np.uint8)


def clock():
    picture, centre = np.full((224, 224, 3), 235, np.uint8), np.array([112, 112])
    cv2.circle(picture, centre, 95, (30, 30, 30), 6)
    cv2.circle(picture, centre, 92, (255, 255, 255), -1)
    for hour in range(1, 13):
        direction = np.array([np.sin(np.pi * hour / 6), -np.cos(np.pi * hour / 6)])
        place = (centre + 78 * direction - [6 * len(str(hour)), -6]).astype(int)
        cv2.putText(picture, str(hour), place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 2)
    cv2.line(picture, centre, (112, 52), (0, 0, 0), 4)
    cv2.line(picture, centre, (155, 125), (0, 0, 0), 5)
    return picture


def square(picture):
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    return cv2.resize(picture[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)


def officer():
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return square(cv2.imread(str(path))[:600, :, ::-1])


@pytest.mark.parametrize(
    ("picture", "number"),
    [
        (lambda: crossword(224), 918),  # crossword puzzle
        (clock, 409),  # analog clock
        (officer, 652),  # military uniform: Grace Hopper
        (lambda: square(load_sample_image("china.jpg")), 698),  # palace
        (lambda: square(load_sample_image("flower.jpg")), 985),  # daisy: ImageNet has no dahlia
    ],
    ids=["crossword", "clock", "officer", "palace", "flower"],
)
def test_known_pictures_are_recognized(lite0, picture, number):
    assert lite0.predict(picture()[None], verbose=0)[0].argmax() == number


# Of the classes 918, 0, 100, 500 and 999, by PyTorch 2.15 and efficientnet-lite-pytorch 0.1.0 on the same crossword,
# each network at the size for which that package lays out its padding.
REFERENCE = {
    "EfficientNetLite0": [9.723716, 1.1718425, -0.2794313, -0.7382741, 1.7079477],
    "EfficientNetLite1": [8.7661486, 0.21501796, 0.3024461, 0.0027055964, 0.56276983],
    "EfficientNetLite2": [7.431501, -0.17332032, 0.21694112, 0.41003972, 0.6960714],
}


def installed(name: str) -> bool:
    return importlib.util.find_spec(packaged_weights.WEIGHTS[name].package) is not None


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("name", REFERENCE)
def test_logits_are_those_of_the_network_that_the_weights_came_with(name, folded):
    if not installed(name):
        pytest.skip(f"the weights of {name} are not installed: make extra-lite")
    logits = classifier(name, SIDES[name], folded).predict(crossword(SIDES[name])[None], verbose=0)[0]
    np.testing.assert_allclose(logits[[918, 0, 100, 500, 999]], REFERENCE[name], atol=1e-4)


@pytest.mark.parametrize("name", REFERENCE)
def test_logits_are_those_of_that_network_run_here_on_real_photos(name, real_images):
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    if not installed(name):
        pytest.skip(f"the weights of {name} are not installed: make extra-lite")
    side, known = SIDES[name], packaged_weights.WEIGHTS[name]
    photos = [
        *sorted(real_images.glob("flower_photos/*/*.jpg"))[::300],
        *real_images.glob("dogs-vs-cats/train/*.7.jpg"),
    ]
    pixels = np.stack([cv2.resize(cv2.imread(str(photo))[:, :, ::-1], (side, side)) for photo in photos])
    path = Path(importlib.util.find_spec(known.package).origin).parent / known.file
    network = theirs.from_pretrained(f"efficientnet-lite{name[-1]}", weights_path=str(path)).eval()
    prepared = (pixels.astype(np.float32).transpose(0, 3, 1, 2) - 127) / 128
    with torch.no_grad():
        expected = network(torch.tensor(prepared)).numpy()
    np.testing.assert_allclose(classifier(name, side).predict(pixels, verbose=0), expected, atol=1e-4)


def build(sections, shape=(64, 64, 3), **model):
    options = {
        "network": "application",
        "application": "EfficientNetLite0",
        "weights": "packaged",
        "dense": [],
    }
    params = sections(model=options | model).model
    trained = applications.pretrained_weights(params, shape[:2])
    return networks.build(params, shape, 2, "sigmoid", ("rescale", {}), 0, trained=trained)


def features(network, pixels):
    return parted(network)[0].predict(pixels, verbose=0)


def test_a_file_as_timm_publishes_it_gives_the_same_network(sections, tmp_path):
    network = efficientnet_lite.build("EfficientNetLite0", layers.Input((64, 64, 3)), include_top=True)
    tensors = torch_files.read(packaged_weights.read("EfficientNetLite0"))
    ours, theirs = efficientnet_lite._of_package(network), efficientnet_lite._of_timm(network)
    named = {
        f"{theirs[layer]}.{what}": np.ascontiguousarray(tensors[f"{name}.{what}"])
        for layer, name in ours.items()
        for what in ("weight", "bias", "running_mean", "running_var")
        if f"{name}.{what}" in tensors and theirs[layer][-1] != "."
    }
    assert {"blocks.0.0.conv_dw.weight", "blocks.6.0.bn3.bias", "conv_head.weight", "bn2.weight"} <= set(
        named
    )
    safetensors.numpy.save_file(named, tmp_path / "timm.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    from_timm = build(sections, weights=str(tmp_path / "timm.safetensors"))
    np.testing.assert_array_equal(features(from_timm, pixels), features(build(sections), pixels))


def test_a_model_of_our_own_gives_the_network_it_was_made_of(sections, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    network = build(sections)
    network.save(tmp_path / "own.keras")
    again = build(sections, weights=str(tmp_path / "own.keras"))
    np.testing.assert_array_equal(features(again, pixels), features(network, pixels))


def test_grey_pictures_are_seen_as_three_equal_channels(sections):
    grey = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 1), np.uint8)
    of_grey, of_rgb = build(sections, (64, 64, 1)), build(sections)
    np.testing.assert_array_equal(features(of_grey, grey), features(of_rgb, grey.repeat(3, axis=3)))


LITE0, ZEROS = "EfficientNetLite0", "0" * 64


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (
            {},
            (24, 64, 3),
            rf"{LITE0} does not take images of this image\.resolution: .*32x32 pixels or more, got 24x64",
        ),
        ({"weights": "imagenet"}, (64, 64, 3), f"keras.applications has no {LITE0}; expected packaged"),
        (
            {"application": "VGG16"},
            (64, 64, 3),
            f"no package holds weights of VGG16; expected one of {LITE0}",
        ),
        ({"weights_sha256": ZEROS}, (64, 64, 3), f"expected {ZEROS}, got 579344248a93.*nothing was trained"),
    ],
    ids=["too small", "no download", "no package", "another sha256"],
)
def test_what_does_not_fit_is_refused(sections, model, shape, message):
    with pytest.raises(UserError, match=message):
        build(sections, shape, **model)


def test_a_file_of_other_weights_is_refused(sections, tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file({"conv_stem.weight": np.zeros((32, 3, 5, 5), np.float32)}, path)
    with pytest.raises(
        UserError, match=r"does not fit EfficientNetLite0: no tensor bn1.weight, which layer stem_conv"
    ):
        build(sections, weights=str(path))
    path.write_bytes(b"no tensors")
    with pytest.raises(UserError, match=r"other\.safetensors does not fit EfficientNetLite0"):
        build(sections, weights=str(path))


def fake_package(folder: Path, content: bytes) -> str:
    package = folder / "lite_of_test"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "weights.pth").write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def test_a_package_is_read_without_importing_it_and_only_if_it_is_the_one_known(tmp_path, monkeypatch):
    digest = fake_package(tmp_path, b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    known = packaged_weights.Package("lite_of_test", "weights.pth", digest, "lite")
    monkeypatch.setitem(packaged_weights.WEIGHTS, "EfficientNetLite1", known)
    assert packaged_weights.read("EfficientNetLite1") == b"weights"
    (tmp_path / "lite_of_test" / "weights.pth").write_bytes(b"other")
    with pytest.raises(
        UserError, match=rf"expected sha256 {digest}, got {hashlib.sha256(b'other').hexdigest()}"
    ):
        packaged_weights.read("EfficientNetLite1")


def test_a_package_that_is_not_installed_names_the_extra(monkeypatch):
    known = packaged_weights.WEIGHTS["EfficientNetLite1"]._replace(package="not_there")
    monkeypatch.setitem(packaged_weights.WEIGHTS, "EfficientNetLite1", known)
    with pytest.raises(UserError, match="not_there is not installed; `make extra-lite`"):
        packaged_weights.read("EfficientNetLite1")


def test_what_keras_downloads_is_recorded_by_its_sha256(sections, tmp_path, monkeypatch):
    from keras.src.utils import file_utils

    path = tmp_path / "mobilenet.h5"
    keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3)).save_weights(
        tmp_path / "m.weights.h5"
    )
    (tmp_path / "m.weights.h5").rename(path)
    monkeypatch.setattr(file_utils, "get_file", lambda *arguments, **options: str(path))
    # The older format of the real file is Keras' own business.
    monkeypatch.setattr(keras.Model, "load_weights", lambda self, given: None)
    params = sections(
        model={"network": "application", "application": "MobileNetV2", "weights": "imagenet"}
    ).model
    found = applications.pretrained_weights(params, (96, 96))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    pinned = params.model_copy(update={"weights_sha256": "1" * 64})
    with pytest.raises(UserError, match=rf"imagenet of MobileNetV2: expected {'1' * 64}, got {found.sha256}"):
        applications.pretrained_weights(pinned, (96, 96))


@pytest.mark.parametrize(
    ("application", "unfreeze", "first"),
    [
        ("EfficientNetLite0", 1, "block7a_expand_conv"),
        ("EfficientNetLite0", 3, "block6c_expand_conv"),
        ("MobileNetV2", 2, "block_15_expand"),
        ("MobileNetV3Small", 1, "expanded_conv_10_expand"),
        ("ResNet50", 1, "conv5_block3_1_conv"),
        ("VGG16", 1, "block5_conv1"),
        ("ConvNeXtTiny", 1, "convnext_tiny_stage_3_block_2_depthwise_conv"),
    ],
)
def test_unfreezing_begins_with_a_block(application, unfreeze, first):
    network = applications.network(application, layers.Input((64, 64, 3)))
    model = keras.Model(network.inputs, layers.GlobalAveragePooling2D(name="average")(network.output))
    applications.freeze(model, True)
    applications.freeze(model, False, unfreeze)
    learning = [layer.name for layer in model.layers if layer.trainable_weights]
    assert learning[0] == first
    assert not [name for name in learning if name.endswith("_bn") or name.startswith("bn")]


@pytest.mark.parametrize(
    ("application", "message"), [("VGG16", "at most 5, the blocks"), ("InceptionV3", "names tell no blocks")]
)
def test_more_blocks_than_there_are_are_refused(application, message):
    network = applications.network(application, layers.Input((96, 96, 3)))
    model = keras.Model(network.inputs, layers.GlobalAveragePooling2D(name="average")(network.output))
    with pytest.raises(UserError, match=rf"model\.unfreeze: got 99; expected all, .*{message}"):
        applications.unfrozen(model, 99)
