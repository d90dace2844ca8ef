"""params.yaml with other values, and the preparation of images that belongs to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from darkroom.decode.pictures.preparation import Preparation
from darkroom.params import read_params

PARAMS = Path(__file__).parents[1] / "params.yaml"

TRANSFER = {
    "image.resolution": 48,
    "model.network": "application",
    "model.application": "EfficientNetLite0",
    "model.weights": "packaged",
    "model.freeze": True,
    "model.dense": [],
    "model.dropout": 0.0,
    "augment.rotation": 0,
    "augment.shift": 0,
    "augment.zoom": [1, 1],
    "train.optimizer": "lbfgs",
}
"""A solved head on a frozen network, small enough for the bundled digits."""


def write_params(path: Path, changes: Mapping[str, Any], source: Path = PARAMS) -> None:
    """Write ``source`` as ``path`` with params changed by dotted name, as an editor would: its comments stay."""
    yaml = YAML()
    content = yaml.load(source.read_text())
    for name, value in changes.items():
        *sections, leaf = name.split(".")
        node = content
        for section in sections:
            node = node[section]
        node[leaf] = value
    with path.open("w") as file:
        yaml.dump(content, file)


def preparation_of(path: Path) -> dict[str, Any]:
    """Return what images.json says of images made with the params in ``path``."""
    params = read_params(path)
    return Preparation.of(params.image, params.decode).to_json()
