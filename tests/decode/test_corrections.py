"""Corrections of labels mean images by the content of their files; a table that cannot be followed is one message."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from darkroom import UserError, images
from darkroom.decode import stage
from darkroom.params import read_params
from tests.decode.small_sources import digest, many, pack, png
from tests.parameters import write_params

pytestmark = pytest.mark.usefixtures("workspace")

INBOX = Path("data/inbox")
OUT = Path("data/images")


def sha256(seed: int) -> str:
    return hashlib.sha256(png(seed)).hexdigest()


def table(*rows: str, head: str = "sha256,action,label", encoding: str = "utf-8") -> None:
    INBOX.mkdir(exist_ok=True)
    (INBOX / "looked_at.csv").write_text("\n".join([head, *rows, ""]), encoding)


def decode(root: Path, name: str | None = "looked_at.csv", **changes: Any) -> dict[str, Any]:
    params = read_params(root / "params.yaml")
    labels = params.labels.model_copy(update={"corrections": name, **changes})
    metrics = stage.decode(labels, params.image, params.decode, Path("data/raw"), INBOX, OUT)
    assert metrics["used"] + metrics["rejected"] + metrics["unlabelled"] == metrics["files"]
    return metrics


def labels_of(folder: Path = OUT) -> dict[str, str]:
    index = images.Images(folder).index
    return dict(zip(index["id"], index["label"], strict=True))


def test_each_action_does_what_it_says(root: Path) -> None:
    pack(many(8) | {"a/twin.png": png(0), "loose.png": png(9), "other.png": png(10)})
    before = decode(root, None)
    assert not (OUT / "relabelled.csv").exists()
    plain = labels_of()
    table(
        f"0.png,{sha256(0).upper()},0.98,relabel,b",
        f"2.png,{sha256(2)},0.97,drop,b",
        f"4.png,{sha256(4)},0.96,keep,b",
        f"loose.png,{sha256(9)},,relabel,a",
        f"other.png,{sha256(10)},,drop,",
        head="id,sha256,p,action,label",
    )
    metrics = decode(root)
    assert labels_of() == {
        name: {"a/0000.png": "b", "a/twin.png": "b"}.get(name, label)
        for name, label in (plain | {"loose.png": "a"}).items()
        if name != "a/0002.png"
    }
    assert not (OUT / "unlabelled").exists()
    rejected = pd.read_csv(OUT / "rejected.csv")
    assert rejected.values.tolist() == [
        [name, "dropped", "labels.corrections says drop"] for name in ("a/0002.png", "other.png")
    ]
    changed = pd.read_csv(OUT / "relabelled.csv", keep_default_na=False)
    assert changed.to_dict("split")["data"] == [
        ["a/0000.png", "a", "b"],
        ["a/twin.png", "a", "b"],
        ["loose.png", "", "a"],
    ]
    told = (metrics["relabelled"], metrics["rejected_dropped"], metrics["warnings"])
    assert told == (3, 2, before["warnings"])


def test_a_correction_follows_its_file_and_one_that_meets_none_is_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack({"a/1.png": png(1), "a/2.png": png(2), "b/3.png": png(3)})
    table(f"{sha256(1)},relabel,b", f"{'0' * 64},drop,")
    decode(root)
    assert labels_of() == {"a/1.png": "b", "a/2.png": "a", "b/3.png": "b"}
    warning = (
        "decode: warning: data/inbox/looked_at.csv: 1 row means no image that was decoded; sha256: "
        + "0" * 64
    )
    assert warning in capsys.readouterr().err.splitlines()
    pack({"a/other.png": png(2), "a/renamed.png": png(1), "b/3.png": png(3)})
    decode(root)
    assert labels_of() == {"a/other.png": "a", "a/renamed.png": "b", "b/3.png": "b"}


def test_another_table_answers_anew_and_a_row_that_keeps_changes_nothing(root: Path) -> None:
    pack(many(6))
    table(f"{sha256(0)},relabel,b")
    decode(root)
    first = digest(OUT)
    table(f"{sha256(4)},keep,", f"{sha256(0)},relabel,b")
    decode(root)
    assert digest(OUT) == first
    table(f"{sha256(2)},relabel,b")
    decode(root)
    assert labels_of()["a/0000.png"] == "a"
    assert labels_of()["a/0002.png"] == "b"


def test_copies_under_two_labels_are_reconciled(root: Path) -> None:
    pack(many(6) | {"b/copy.png": png(0)})
    assert decode(root, None)["label_conflicts"] == 2
    table(f"{sha256(0)},relabel,a")
    assert decode(root)["label_conflicts"] == 0
    assert labels_of()["b/copy.png"] == "a"


def test_rows_of_a_table_of_pixels_are_corrected_too(root: Path) -> None:
    rows = [f"{'ab'[n % 2]},{' '.join(str((n * 31 + k * 7) % 256) for k in range(64))}" for n in range(6)]
    Path("data/raw/faces.csv").write_text("\n".join(["label,pixels", *rows, ""]))
    decode(root, None)
    index = images.Images(OUT).index
    table(f"{index['sha256'][0]},relabel,b")
    decode(root)
    assert labels_of() == {**dict(zip(index["id"], index["label"], strict=True)), index["id"][0]: "b"}


def test_a_table_in_another_encoding_is_read_by_what_the_labels_say(root: Path) -> None:
    pack({"ネコ/1.png": png(1), "イヌ/2.png": png(2), "イヌ/3.png": png(3)})
    for encoding in ("utf-8-sig", "cp932"):
        table(f"{sha256(2)},relabel,ネコ", encoding=encoding)
        decode(root, encoding="cp932")
        assert labels_of()["イヌ/2.png"] == "ネコ"


@pytest.mark.parametrize(
    ("head", "rows", "message"),
    [
        ("sha256,action", [], r"no columns are called 'label'; expected one each of sha256, action, label"),
        ("sha256,action,label,label", [], r"2 columns are called 'label'"),
        ("sha256,action,label", ["{0},remove,"], r"line 2: action 'remove'; expected relabel, drop, keep"),
        ("sha256,action,label", ["{0},,b"], r"line 2: action ''"),
        ("sha256,action,label", ["{0},relable,b"], r"action 'relable'; .*; did you mean 'relabel'\?$"),
        ("sha256,action,label", ["{0},keep,", "0.png,keep,"], r"line 3: sha256 '0.png'; expected 64 hex"),
        ("sha256,action,label", ["{0},keep"], r"line 2: 2 columns, expected at least 3"),
        ("sha256,action,label", ["{0},keep,", "{0},drop,"], r"lines 2 and 3 differ .*: keep and drop; leave"),
        ("sha256,action,label", ["{0},relabel,a", "{0},relabel,b"], r": relabel a and relabel b; leave one"),
        (
            "sha256,action,label",
            ["{0},relabel,B"],
            r"line 2: label 'B' is no class of the data; there is a, b",
        ),
        ("sha256,action,label", ["{0},relabel,"], r"line 2: label '' is no class"),
    ],
)
def test_a_table_that_cannot_be_followed_is_one_message(root: Path, head, rows, message) -> None:
    pack(many(6))
    table(*(row.format(sha256(0)) for row in rows), head=head)
    with pytest.raises(UserError, match=r"^data/inbox/looked_at\.csv: " + f"(?s:.*){message}") as error:
        decode(root)
    assert "\n" not in str(error.value)
    assert not OUT.exists() or not list(OUT.iterdir())


def test_a_table_that_is_not_there_is_named(root: Path) -> None:
    pack(many(6))
    table()
    with pytest.raises(
        UserError, match=r"labels\.corrections: 'look_at\.csv' .*did you mean 'looked_at\.csv'"
    ):
        decode(root, "look_at.csv")


def test_corrections_do_not_go_with_boxes(tmp_path: Path) -> None:
    write_params(
        tmp_path / "params.yaml", {"image.boxes": "boxes.csv", "labels.corrections": "looked_at.csv"}
    )
    with pytest.raises(
        UserError, match=r"labels\.corrections: got looked_at\.csv with image\.boxes: boxes\.csv"
    ):
        read_params(tmp_path / "params.yaml")
