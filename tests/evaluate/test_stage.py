"""The stage evaluate, run through its door on small networks that Keras trained."""

import numpy as np
import pandas as pd


def test_predictions_hold_every_image_of_their_part_with_probabilities_that_sum_to_one(three_classes):
    table = pd.read_csv(three_classes.folder / "data/predictions/test.csv")
    assert list(table.columns) == [
        "id",
        "label",
        "predicted",
        *(f"p_{name}" for name in three_classes.classes),
    ]
    split = pd.read_csv(three_classes.folder / "data/split/split.csv")
    assert list(table["id"]) == list(split[split["split"] == "test"]["id"])
    assert np.abs(table.iloc[:, 3:].sum(axis=1) - 1).max() < 3e-6


def test_two_classes_give_a_column_each_though_the_network_has_one_unit(two_classes):
    table = pd.read_csv(two_classes.folder / "data/predictions/test.csv")
    assert list(table.columns) == ["id", "label", "predicted", "p_across", "p_down"]
    assert two_classes.metrics()["accuracy"] > 0.7
