"""`darkroom stress` on a trained model: files, table, mistakes, and the page in a real browser."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darkroom import UserError
from darkroom.evaluate.classifier import Classifier
from darkroom.images import Images
from darkroom.stress import command, measurement
from tests.browser import CONTRASTS, PICTURES, Browser
from tests.evaluate.conftest import Workspace

FILES = ("stress.csv", "stress.html", "stress.json")


@pytest.fixture(scope="module")
def told(stripes: Workspace, tensorflow_started: None) -> str:
    """Return what the command tells of all kinds, in the folder's ``stress``."""
    folder = stripes.folder
    return command.run(folder / "models", [], 45, 0, folder / "stress", folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_figures_agree_in_table_metrics_and_on_the_terminal(stripes: Workspace, told: str) -> None:
    folder = stripes.folder
    content = json.loads((folder / "stress/stress.json").read_text())
    with (folder / "stress/stress.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    for row in rows:
        figures = content["clean"] if row["severity"] == "0" else content[row["kind"]][row["severity"]]
        assert float(row["accuracy"]) == figures["accuracy"]
    lines = told.splitlines()
    assert lines[0].startswith("First to cost accuracy: of disturbances ")
    assert lines[2] == f"Accuracy on 45 of 60 test images; as they are {content['clean']['accuracy']:.3f}"
    assert re.findall(r"0\.\d+ at", next(line for line in lines if "occlusion" in line))[4] == (
        f"{content['occlusion']['5']['accuracy']:.3f} at"
    )
    # Noise of 90 grey levels is in the pictures already, so that the model has learnt to bear some more; a turn by 45
    # degrees makes other stripes of them.
    assert content["clean"]["accuracy"] > 0.8
    assert content["rotation"]["5"]["difference_high"] < 0
    assert content["pgd"]["5"]["accuracy"] < 0.2


def test_images_as_they_are_have_the_accuracy_that_the_model_has_there(stripes: Workspace, told: str) -> None:
    folder = stripes.folder
    source, classifier = Images(folder / "data/images"), Classifier(folder / "models", 64)
    test = np.flatnonzero(np.arange(240) // 3 % 4 == 3)
    rows = measurement.sample(source, test, classifier.classes, 45)
    said = np.array(classifier.classes)[classifier.probabilities(source.take(rows)).argmax(axis=1)]
    clean = json.loads((folder / "stress/stress.json").read_text())["clean"]["accuracy"]
    assert clean == pytest.approx((said == source.index["label"].iloc[rows]).mean(), abs=1e-6)
    assert source.index["label"].iloc[rows].value_counts().tolist() == [15, 15, 15]


def test_a_process_of_its_own_writes_the_same_bytes(stripes: Workspace, told: str, tmp_path: Path) -> None:
    program = [
        str(Path(sys.executable).with_name("darkroom")),
        "stress",
        "--images",
        "45",
        "-o",
        str(tmp_path),
    ]
    environment = os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        program, cwd=stripes.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:-1] == told.splitlines()[:-1]
    assert contents(tmp_path) == contents(stripes.folder / "stress")


def test_one_kind_alone_has_the_figures_it_has_among_all(
    stripes: Workspace, told: str, tmp_path: Path
) -> None:
    folder = stripes.folder
    said = command.run(folder / "models", ["gaussian_noise"], 45, 0, tmp_path / "new", folder)
    content = json.loads((tmp_path / "new/stress.json").read_text())
    assert content == {
        key: value
        for key, value in json.loads((folder / "stress/stress.json").read_text()).items()
        if key in ("images", "clean", "gaussian_noise")
    }
    assert "attacks" not in said


def test_mistakes_are_told_before_the_work(stripes: Workspace, tmp_path: Path) -> None:
    folder, models = stripes.folder, stripes.folder / "models"
    with pytest.raises(UserError, match="--kind: got 'fog', expected one of gaussian_noise, "):
        command.run(models, ["fog"], 9, 0, tmp_path, folder)
    with pytest.raises(UserError, match=r"--output .*params\.yaml: a file; expected the name of a folder"):
        command.run(models, [], 9, 0, folder / "params.yaml", folder)
    with pytest.raises(
        UserError, match=r"data/images/images\.json: no such file, so there are no test images to disturb"
    ):
        command.run(models, [], 9, 0, tmp_path, tmp_path)
    with pytest.raises(UserError, match=r"model\.json: no such file"):
        command.run(tmp_path, [], 9, 0, tmp_path, folder)
    spoilt = stripes.copy(tmp_path / "spoilt").folder
    about = spoilt / "models/model.json"
    about.write_text(about.read_text().replace('"across"', '"along"'))
    with pytest.raises(UserError, match=r"the model.s classes .* differ from"):
        command.run(spoilt / "models", [], 9, 0, tmp_path / "out", spoilt)
    shutil.copy(models / "model.json", about)
    table = spoilt / "data/split/split.csv"
    table.write_text(table.read_text().replace("test", "train"))
    with pytest.raises(UserError, match=r"no image is in test, so there is none to disturb; set split\.test"):
        command.run(spoilt / "models", [], 9, 0, tmp_path / "out", spoilt)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_page_is_whole_offline_and_readable(
    stripes: Workspace,
    told: str,
    browser: Browser,
    width: int,
    scheme: str,
) -> None:
    browser.open(stripes.folder / "stress/stress.html", width, scheme)
    drawn = browser.evaluate(PICTURES)
    assert len(drawn) == 10 * 3 * 6
    assert min(drawn) > 0
    assert browser.evaluate("document.querySelectorAll('.chart svg').length") == 12
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    urls = [event["request"]["url"] for event in browser.seen("Network.requestWillBeSent")]
    assert not [url for url in urls if not url.startswith(("file:", "data:"))]
    assert not [event for event in browser.seen("Log.entryAdded") if event["entry"]["level"] == "error"]
    assert not [entry for entry in browser.evaluate(CONTRASTS) if entry[0] < 4.5]
    ids = browser.evaluate("[...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))
    assert "slanted, or <b>" in browser.evaluate("document.body.innerText")
