"""Every parameter of training, evaluating and plotting acts: `dvc repro` with a warm run cache gives another output."""

from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

BASE = {
    "source.kind": "local",
    "source.path": "tiny",
    "image.resolution": 16,
    "image.color": "rgb",
    "split.validation": 0.2,
    "split.test": 0.2,
    "split.train": 0.6,
    "split.near_duplicates": None,
    "model.blocks": [[4]],
    "model.dense": [8],
    "augment.rotation": 0.0,
    "augment.shift": 0.0,
    "augment.zoom": [1.0, 1.0],
    "train.epochs": 2,
    "train.batch_size": 8,
    "evaluate.attention": 1,
    "plot.dpi": 50,
}
RESNET = {"model.network": "resnet", "model.blocks": [[4], [8]], "model.dense": []}
APPLICATION = {"model.network": "application", "image.resolution": 32}
FROZEN = APPLICATION | {"model.weights": "own.weights.h5", "model.freeze": True}
PLATEAU = {
    "train.schedule": "plateau",
    "train.plateau_patience": 1,
    "train.learning_rate": 1.0,
    "train.epochs": 4,
}

ACTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "seed": (1, {}),
    "model.network": ("lenet", {}),
    "model.blocks": ([[6]], {}),
    "model.kernel": (5, {}),
    "model.padding": ("valid", {}),
    "model.pool_stride": (1, {}),
    "model.stem_stride": (2, RESNET),
    "model.pooling": ("max", RESNET),
    "model.batch_norm": (True, {}),
    "model.dropout": (0.5, {}),
    "model.dense": ([4], {}),
    "model.dense_dropout": (0.5, {}),
    "model.conv_initializer": ("he_normal", {}),
    "model.dense_initializer": ("he_normal", {}),
    "model.head": ("softmax", {}),
}
