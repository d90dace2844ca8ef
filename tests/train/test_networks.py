import keras
import numpy as np
import pytest

from darkroom import UserError
from darkroom.train import applications, networks
from darkroom.train.normalization import normalize

# TensorFlow's variables do not know NumPy 2's `copy` keyword yet, and Keras reads them through it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RESCALE = ("rescale", {})


def build(sections, shape, classes=2, head=None, normalization=RESCALE, seed=0, precision="float32", **model):
    head = head or ("sigmoid" if classes == 2 else "softmax")
    return networks.build(sections(model=model).model, shape, classes, head, normalization, seed, precision)


def test_lenet_has_the_layers_of_lenet_5(sections):
    network = build(sections, (32, 32, 1), 10, network="lenet", dropout=0.0, dense_dropout=0.0)
    # conv 156 + 2,416, dense 48,120 + 10,164, head 850
    assert network.count_params() == 61_706


@pytest.mark.parametrize("size", [8, 17, 50])
def test_resnet_takes_any_size(sections, size):
    network = build(sections, (size, size, 3), 4, network="resnet", blocks=[[8, 8], [16], [24]], dense=[])
    probabilities = network.predict(np.zeros((2, size, size, 3), np.uint8), verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "stem_stride", "kernel", "maps"),
    [
        ((32, 32), "auto", 3, 16),
        ((63, 90), "auto", 3, 32),
        ((80, 80), "auto", 5, 20),
        ((96, 96), "auto", 7, 16),
        ((128, 200), "auto", 9, 16),
        ((180, 180), "auto", 9, 23),
        ((180, 180), 1, 3, 90),
        ((32, 32), 4, 9, 4),
    ],
)
def test_the_stem_of_a_resnet_makes_large_images_smaller(sections, size, stem_stride, kernel, maps):
    options = {"network": "resnet", "blocks": [[4]], "stem_stride": stem_stride, "dense": []}
    network = build(sections, (*size, 1), **options)
    assert network.get_layer("stem_conv").kernel_size == (kernel, kernel)
    assert network.get_layer("stage1_block1_relu").output.shape[1] == maps


def test_a_resnet_keeps_the_mean_or_the_maximum_of_each_map(sections):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), np.uint8)
    for pooling, reduce in (("average", np.mean), ("max", np.max)):
        options = {"network": "resnet", "blocks": [[4]], "pooling": pooling, "dropout": 0.0}
        network = build(sections, (16, 16, 1), **options)
        ends = [network.get_layer(name).output for name in ("stage1_block1_relu", "global_pool")]
        maps, pooled = keras.Model(network.inputs, ends).predict(pixels, verbose=0)
        np.testing.assert_allclose(pooled, reduce(maps, axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("network", "pooling", "width"),
    [
        ("cnn", "auto", 8 * 8 * 4),
        ("cnn", "flatten", 8 * 8 * 4),
        ("cnn", "average", 4),
        ("cnn", "max", 4),
        ("resnet", "auto", 4),
        ("resnet", "flatten", 8 * 8 * 4),
    ],
)
def test_dense_layers_see_the_last_maps_as_pooling_says(sections, network, pooling, width):
    built = build(sections, (16, 16, 1), network=network, blocks=[[4]], pooling=pooling, dense=[5])
    assert built.get_layer("dense1").kernel.shape == (width, 5)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_every_activation_comes_after_convolutions_and_dense_layers(sections, name, batch_norm):
    built = build(
        sections, (16, 16, 1), blocks=[[4]], batch_norm=batch_norm, dense=[5], activation=name, dropout=0.0
    )
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), np.uint8)
    after = f"block1_{name}1" if batch_norm else "block1_conv1"
    before = "block1_norm1" if batch_norm else "rescale"
    ends = [built.get_layer(layer).output for layer in (before, after)]
    given, maps = keras.Model(built.inputs, ends).predict(pixels, verbose=0)
    if not batch_norm:
        kernel, bias = built.get_layer("block1_conv1").get_weights()
        given = keras.ops.convert_to_numpy(keras.ops.conv(given, kernel, padding="same")) + bias
    options = {"approximate": False} if name == "gelu" else {}
    expected = keras.ops.convert_to_numpy(getattr(keras.ops, name)(given, **options))
    np.testing.assert_allclose(maps, expected, atol=1e-5)
    assert built.get_layer("dense1").activation is keras.activations.get(name)


def test_a_resnet_too_deep_after_its_stem_says_so(sections):
    with pytest.raises(
        UserError, match="5 stages after a stem of stride 2 halve the image 5 times, too often for 60x"
    ):
        build(sections, (60, 60, 1), network="resnet", blocks=[[4]] * 5, stem_stride=2)


def test_a_network_too_deep_names_the_block(sections):
    with pytest.raises(UserError, match=r"too deep for images of 8x8 pixels: block 4 of 4 gets maps of 1x1"):
        build(sections, (8, 8, 1), blocks=[[4], [4], [4], [4]])


def test_valid_padding_counts_towards_depth(sections):
    with pytest.raises(UserError, match="block 2 of 2 gets maps of 3x3"):
        build(sections, (8, 8, 1), blocks=[[4], [4]], padding="valid")


def test_a_resnet_too_deep_says_so(sections):
    with pytest.raises(UserError, match="5 stages halve the image 5 times, too often for 16x16"):
        build(sections, (16, 16, 1), network="resnet", blocks=[[4]] * 5)


def test_lenet_refuses_images_too_small_for_it(sections):
    with pytest.raises(UserError, match="16x16 pixels or more, not 12x12"):
        build(sections, (12, 12, 1), network="lenet")


def test_every_layer_is_named_by_its_place(sections):
    first, second = (build(sections, (16, 16, 1), batch_norm=True) for _ in range(2))
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]


def test_equal_seeds_give_equal_weights_and_other_seeds_others(sections):
    same = [build(sections, (16, 16, 1), seed=seed).get_weights()[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


def test_another_layer_changes_no_initial_weights_elsewhere(sections):
    plain = build(sections, (16, 16, 1), dense=[32])
    dropped = build(sections, (16, 16, 1), dense=[32], dropout=0.0)
    np.testing.assert_array_equal(*(net.get_layer("head").get_weights()[0] for net in (plain, dropped)))


def test_bfloat16_leaves_first_and_last_layer_in_float32(sections):
    network = build(sections, (16, 16, 1), precision="bfloat16")
    assert network.get_layer("rescale").compute_dtype == "float32"
    assert network.get_layer("block1_conv1").compute_dtype == "bfloat16"
    assert network.get_layer("block1_conv1").kernel.dtype == "float32"
    assert network.get_layer("head").compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("method", ["rescale", "minmax", "standard", "zca"])
def test_normalization_is_the_formula_for_raw_pixels(method):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 4, 3, 2), np.uint8)
    low = rng.integers(0, 50, (4, 3, 2)).astype(np.float32)
    high = low + 100
    high[0, 0, 0] = low[0, 0, 0]  # a pixel that never changes
    mean, matrix = rng.normal(100, 9, 24).astype(np.float32), rng.normal(0, 1, (24, 24)).astype(np.float32)
    statistics = {
        "rescale": {},
        "minmax": {"minimum": low, "maximum": high},
        "standard": {"mean": np.array([100, 120], np.float32), "std": np.array([30, 1], np.float32)},
        "zca": {"mean": mean, "matrix": matrix},
    }[method]
    span = np.where(high == low, 1, high - low)
    expected = {
        "rescale": pixels / 255,
        "minmax": (pixels - low) / span,
        "standard": (pixels - np.array([100, 120])) / np.array([30, 1]),
        "zca": ((pixels.reshape(5, 24) - mean) @ matrix).reshape(pixels.shape),
    }[method]
    inputs = keras.layers.Input((4, 3, 2))
    model = keras.Model(inputs, normalize(inputs, method, statistics))
    np.testing.assert_allclose(model.predict(pixels, verbose=0), expected, rtol=1e-4, atol=2e-3)
    assert sum(weight.trainable for weight in model.weights) == 0
    assert model.count_params() == (24 * 24 + 24 if method == "zca" else 0)


def test_an_application_takes_grey_images_and_random_weights(sections):
    network = build(sections, (32, 32, 1), 3, network="application", application="MobileNetV2", dense=[])
    assert network.predict(np.zeros((1, 32, 32, 1), np.uint8), verbose=0).shape == (1, 3)


def test_an_unknown_application_names_those_that_exist(sections):
    with pytest.raises(UserError, match=r"model\.application: got 'ResNet51'; expected one of .*ResNet50"):
        build(sections, (32, 32, 3), network="application", application="ResNet51")


def test_an_application_says_which_size_it_needs(sections):
    with pytest.raises(UserError, match=r"InceptionV3 does not take images of this image\.resolution"):
        build(sections, (32, 32, 3), network="application", application="InceptionV3")


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("VGG16", "vgg16"),
        ("MobileNetV2", "mobilenet_v2"),
        ("DenseNet121", "densenet"),
        ("MobileNetV3Small", "mobilenet_v3"),
    ],
)
def test_pixels_reach_trained_weights_as_in_their_training(name, reference):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    expected = getattr(keras.applications, reference).preprocess_input(pixels.copy())
    inputs = keras.layers.Input((4, 4, 3))
    prepared = keras.Model(inputs, applications.prepare(inputs, name)).predict(pixels, verbose=0)
    np.testing.assert_allclose(prepared, expected, rtol=1e-4, atol=1e-3)


def test_weights_come_from_a_local_file(sections, tmp_path):
    trained = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    path = tmp_path / "vgg16.weights.h5"
    trained.save_weights(path)
    network = build(
        sections,
        (32, 32, 1),
        network="application",
        application="VGG16",
        weights=str(path),
        freeze=True,
        dense=[],
    )
    for name in ("block1_conv1", "block5_conv3"):
        ours, theirs = (net.get_layer(name).get_weights()[0] for net in (network, trained))
        np.testing.assert_array_equal(ours, theirs)
    applications.freeze(network, True)
    assert [weight.path for weight in network.trainable_weights] == ["head/kernel", "head/bias"]
    applications.freeze(network, False)
    assert len(network.trainable_weights) == 28


def test_weights_of_another_network_are_refused(sections, tmp_path):
    path = tmp_path / "other.weights.h5"
    keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(
        path
    )
    with pytest.raises(UserError, match=r"model\.weights: .*other.weights.h5 does not fit VGG16"):
        build(sections, (32, 32, 3), network="application", application="VGG16", weights=str(path))
