"""The table that Darkroom writes trains the model that the pictures trained, byte for byte."""

import hashlib

import pytest

from tests.pipeline.conftest import Repository


@pytest.mark.slow
def test_the_table_of_all_images_trains_the_same_model(finished: Repository) -> None:
    def trained() -> str:
        return hashlib.sha256(finished.path("models/model.keras").read_bytes()).hexdigest()

    model, index = trained(), finished.path("data/images/index.csv").read_text().splitlines()
    finished.run("darkroom", "table", "data/inbox/images.csv")
    finished.change({"source.kind": "local", "source.path": "images.csv"})
    assert finished.repro()[:2] == ["fetch", "decode"]
    again = finished.path("data/images/index.csv").read_text().splitlines()
    assert [line.split(",")[:3] for line in again] == [line.split(",")[:3] for line in index]
    assert trained() == model
