"""`darkroom audit` lists and shows the labels that predictions contradict, and says what it cannot read."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from darkroom import UserError
from darkroom.audit import command
from darkroom.cli import app
from darkroom.images import INDEX_COLUMNS, write_description, write_shard
from tests import waiting
from tests.browser import Browser, browser  # noqa: F401  (a fixture)
from tests.parameters import preparation_of, write_params

CLASSES = ["cat", "dog & <b>"]
WRONG = [3, 11]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with twenty decoded images, of which two are labelled as what they do not look like."""
    images = tmp_path / "data" / "images"
    images.mkdir(parents=True)
    write_params(tmp_path / "params.yaml", {"image.resolution": 8})
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    write_shard(images / "shard-00000.npz", pixels)
    write_description(
        images, (8, 8, 3), CLASSES, ["shard-00000.npz"], preparation_of(tmp_path / "params.yaml")
    )
    labels = [CLASSES[number % 2] for number in range(20)]
    with (images / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(INDEX_COLUMNS)
        writer.writerows(
            [f"{n}.png", label, "", 8, 8, 9, f"{n:064x}", "0" * 16] for n, label in enumerate(labels)
        )
    table = predictions(labels)
    table.to_csv(tmp_path / "data" / "out_of_fold.csv", index=False)
    return tmp_path


def predictions(labels: list[str]) -> pd.DataFrame:
    first = [0.9 if (label == "cat") != (n in WRONG) else 0.1 for n, label in enumerate(labels)]
    first[WRONG[1]] = 0.97
    return pd.DataFrame(
        {
            "id": [f"{n}.png" for n in range(len(labels))],
            "label": labels,
            "group": "",
            "fold": 0,
            "predicted": [CLASSES[p < 0.5] for p in first],
            "p_cat": first,
            "p_dog & <b>": [1 - p for p in first],
        }
    )


def test_wrong_labels_are_listed_told_and_shown(
    project: Path,
    monkeypatch,
    browser: Browser,  # noqa: F811
) -> None:
    monkeypatch.chdir(project)
    said = CliRunner().invoke(app, ["audit"]).output
    assert said.splitlines()[:3] == [
        "models that did not see the image contradict 2 of 20 labels, of which 2 are likely wrong:",
        "  11.png: labelled dog & <b> (0.03), looks like cat (0.97)",
        "  3.png: labelled dog & <b> (0.10), looks like cat (0.90)",
    ]
    table = pd.read_csv("audit/labels.csv")
    expected = ["id", "sha256", "action", "label", "given", "p_label", "p_given", "likely_wrong"]
    assert table.columns.tolist() == expected
    assert table["id"].tolist() == ["11.png", "3.png"]
    assert table["sha256"].tolist() == [f"{n:064x}" for n in (11, 3)]
    assert table["action"].tolist() == ["relabel", "relabel"]
    assert table["label"].tolist() == ["cat", "cat"]
    assert table["given"].tolist() == [CLASSES[1]] * 2
    browser.open(project / "audit" / "labels.html", 1000)
    shown = browser.evaluate("[...document.querySelectorAll('#grid li')].map(item => item.innerText)")
    assert len(shown) == 2
    assert "11.png" in shown[0]
    assert "dog & <b> → cat 97.0\u202f%" in shown[0]
    assert "dog & <b> 3.0\u202f%" in shown[0]
    assert not browser.seen("Runtime.exceptionThrown")


def test_an_image_whose_label_is_to_be_kept_is_not_proposed(project: Path) -> None:
    write_params(project / "params.yaml", {"image.resolution": 8, "labels.corrections": "looked_at.csv"})
    (project / "data" / "inbox").mkdir()
    rows = [f"{11:064x},keep,", f"{3:064x},relabel,cat", f"{2:064x},keep,"]
    (project / "data" / "inbox" / "looked_at.csv").write_text("\n".join(["sha256,action,label", *rows, ""]))
    said = command.run(None, project / "audit", project)
    assert said.splitlines()[0] == (
        "models that did not see the image contradict 1 of 20 labels, of which 1 are likely wrong, but for 1 that "
        "labels.corrections keeps:"
    )
    assert pd.read_csv(project / "audit" / "labels.csv")["id"].tolist() == ["3.png"]
    assert "11.png" not in (project / "audit" / "labels.html").read_text()
    (project / "data" / "inbox" / "looked_at.csv").write_text("sha256,action\n")
    with pytest.raises(UserError, match=r"^data/inbox/looked_at.csv: no columns are called 'label'"):
        command.run(None, project / "audit", project)


def test_what_is_decided_on_the_page_by_keyboard_alone_is_saved_as_a_table_that_decode_reads(
    project: Path,
    browser: Browser,  # noqa: F811
) -> None:
    write_params(project / "params.yaml", {"image.resolution": 8, "labels.corrections": "corrections.csv"})
    inbox = project / "data" / "inbox"
    inbox.mkdir()
    (inbox / "corrections.csv").write_text(
        f'sha256,action,label\n{2:064x},keep,\n{5:064x},relabel,"dog & <b>"\n'
    )
    command.run(None, project / "audit", project)
    browser.open(project / "audit" / "labels.html", 390)
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(project))

    def tab_to(name: str, shift: bool = False) -> None:
        for _ in range(40):
            browser.press("Tab", 9, shift)
            focused = "document.activeElement.getAttribute('aria-label') || document.activeElement.id"
            if browser.evaluate(focused) == name:
                return
        raise AssertionError(f"{name} cannot be reached by Tab")

    tab_to("Decision on 11.png")
    browser.press("k", 75, text="k")
    tab_to("Decision on 3.png")
    browser.press("r", 82, text="r")
    assert browser.evaluate("document.getElementById('decided').textContent") == "4 decided"
    tab_to("save", shift=True)
    browser.press("Enter", 13, text="\r")
    waiting.wait_until((project / "corrections.csv").is_file)
    assert not browser.seen("Runtime.exceptionThrown")

    rows = pd.read_csv(project / "corrections.csv", keep_default_na=False)
    assert rows.to_dict("split")["data"] == [
        [f"{2:064x}", "keep", "", ""],
        [f"{5:064x}", "relabel", "dog & <b>", ""],
        [f"{11:064x}", "keep", "", "11.png"],
        [f"{3:064x}", "relabel", "cat", "3.png"],
    ]
    (project / "corrections.csv").replace(inbox / "corrections.csv")
    said = command.run(None, project / "audit", project)
    assert "contradict 1 of 20 labels" in said


def test_where_all_agree_nothing_is_contradicted(project: Path) -> None:
    table = predictions(CLASSES * 10)
    right = table[~table["id"].isin([f"{n}.png" for n in WRONG])]
    right.to_csv(project / "right.csv", index=False)
    assert (
        command.run(project / "right.csv", project / "audit", project)
        == "no label of 18 images is contradicted"
    )
    assert (project / "audit" / "labels.csv").read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (None, r"no such file; `darkroom crossvalidate` writes"),
        ({"predicted": None}, r"^audit: [^:]*out_of_fold.csv has no column 'predicted'"),
        ({"id": "1.png"}, r"names '1.png' twice"),
        ({"label": "cow"}, r"label 'cow' has no column of probabilities"),
        ({"p_cat": "high"}, r"probabilities: could not convert"),
        ({"p_cat": 1.5}, r"probabilities: expected numbers from 0 to 1"),
        ({"p_cat": float("nan")}, r"probabilities: "),
        ({"id": [f"{n}.jpg" for n in range(20)]}, r"'11.jpg' is not in .*images.* with the same label"),
    ],
)
def test_a_table_that_is_none_is_one_message(project: Path, changes, message: str) -> None:
    path = project / "data" / "out_of_fold.csv"
    table = pd.read_csv(path)
    path.unlink()
    if changes is not None:
        for name, value in changes.items():
            table = table.drop(columns=name) if value is None else table.assign(**{name: value})
        table.to_csv(path, index=False)
    with pytest.raises(UserError, match=message):
        command.run(None, project / "audit", project)
    assert not (project / "audit").exists()


def test_an_output_that_cannot_be_written_is_told(project: Path) -> None:
    (project / "audit").write_text("a file")
    with pytest.raises(UserError, match=r"--output .*audit: cannot be written"):
        command.run(None, project / "audit", project)
