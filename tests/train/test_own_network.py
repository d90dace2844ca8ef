"""A network of one's own, from a file in networks/: what it may be, and that the same bytes come again."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

from darkroom import UserError
from darkroom.params import read_params
from darkroom.train import networks
from tests.parameters import write_params
from tests.train.run_stage import run_stage

# TensorFlow's variables do not know NumPy 2's `copy` keyword yet, and Keras reads them through it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAME = "networks/mine.py"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("networks").mkdir()


def built(sections: Callable[..., Any], code: str, **model: Any) -> Any:
    Path(NAME).write_text(f"import keras\nfrom keras import layers\n\n\n{code}")
    asked = sections(model={"network": NAME, "dense": [], "dropout": 0.0, **model}).model
    return networks.build(asked, (16, 16, 3), 4, "softmax", ("rescale", {}), 0)


CONVOLUTION = "def features(images):\n    return layers.Conv2D(5, 3, name='mine')(images)\n"


@pytest.mark.parametrize(("pooling", "width"), [("auto", 5), ("max", 5), ("flatten", 14 * 14 * 5)])
def test_maps_are_pooled_and_go_to_the_head(sections: Callable[..., Any], pooling: str, width: int) -> None:
    network = built(sections, CONVOLUTION, pooling=pooling)
    assert network.get_layer("head").kernel.shape == (width, 4)
    assert network.get_layer("mine").input.shape == (None, 16, 16, 3)


def test_numbers_go_on_as_they_are(sections: Callable[..., Any]) -> None:
    code = "def features(images):\n    return layers.Dense(7)(layers.Flatten()(images))\n"
    assert built(sections, code, dense=[3]).get_layer("dense1").kernel.shape == (7, 3)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def feature(images):\n    return images\n", "networks/mine.py: has no function `features`"),
        ("features = 3\n", "has no function `features`"),
        ("def features(images):\n    return None\n", "features returned NoneType; expected maps"),
        (
            "def features(images):\n    return layers.Flatten()(images)[:, 0]\n",
            r"returned a tensor of the shape \(None,\)",
        ),
        (
            "class Own(layers.Layer):\n    def call(self, x):\n        return x\n\n\n"
            "def features(images):\n    return Own()(images)\n",
            "the layer Own is not one of Keras's own",
        ),
    ],
)
def test_what_cannot_be_a_network_is_told(sections: Callable[..., Any], code: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        built(sections, code)


def test_the_example_trains_to_the_same_bytes_again(
    sections: Callable[..., Any], data: Callable[..., Any], tmp_path: Path, root: Path
) -> None:
    shutil.copy(root / "networks" / "separable.py", NAME)
    params = sections(
        model={"network": NAME, "pooling": "average", "dense": []}, train={"epochs": 2, "batch_size": 16}
    )
    folders = data()
    digests = set()
    for run in ("first", "second"):
        out = tmp_path / run
        metrics = run_stage(params, folders, out)
        digests.add(hashlib.sha256((out / "models" / "model.keras").read_bytes()).hexdigest())
        assert metrics["epochs"] == 2
    assert len(digests) == 1
    keras.models.load_model(out / "models" / "model.keras", compile=False)


def test_a_file_that_is_not_there_is_told_by_the_first_stage(tmp_path: Path) -> None:
    write_params(tmp_path / "params.yaml", {"model.network": NAME})
    with pytest.raises(UserError, match=r"model.network: networks/mine.py: no such file"):
        read_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("name", ["vgg", "mine.py", "../mine.py", "networks/../mine.py", "networks/mine"])
def test_only_files_of_the_watched_folder_are_taken(tmp_path: Path, name: str) -> None:
    write_params(tmp_path / "params.yaml", {"model.network": name})
    with pytest.raises(
        UserError, match=r"model.network: got .*; expected cnn, lenet, resnet, application or a file"
    ):
        read_params(tmp_path / "params.yaml")
