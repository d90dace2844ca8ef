"""Revisions, experiments and the workspace are read through real DVC and git, and nothing in them changes."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom import UserError, files, images
from darkroom.compare import command, revision_comparison
from tests.project import Project

pytestmark = pytest.mark.slow  # a dozen real dvc commands make the repository


def test_two_branches_are_compared_and_nothing_changes(project: Any) -> None:
    before, status = project.snapshot(), project.run("git", "status", "--porcelain")
    text = command.run("main", "better", "text", project.folder)
    assert text.startswith("B is better: +10.0 points (")
    assert "A: main\nB: better\n" in text
    assert re.search(r"model\.worse +3 +1\n", text)
    assert re.search(r"accuracy +0\.85 +0\.95\n", text)
    assert "Only B is right: the first 10 of 20" in text
    assert project.snapshot() == before
    assert project.run("git", "status", "--porcelain") == status == ""


def test_experiments_go_by_their_names(project: Any) -> None:
    got = json.loads(command.run("main", "new-1", "json", project.folder))
    assert got["runs"] == {"a": ["main"], "b": ["new-1"]}
    assert (got["better"], len(got["only_b"]), got["images"]) == ("B", 20, 200)
    assert got["params"] == {"seed": {"a": 0, "b": 1}, "model.worse": {"a": 3, "b": 1}}
    assert got["metrics"]["loss"] == {"a": 0.25, "b": 0.25}


def test_the_workspace_is_compared_with_head_by_default(project: Any) -> None:
    path = project.folder / "data" / "predictions" / "test.csv"
    content = path.read_bytes()
    try:
        path.unlink()  # a link into the cache perhaps: replaced, never written through
        path.write_bytes(content.replace(b"cat/4.png,cat,cat", b"cat/4.png,cat,dog"))
        got = revision_comparison.compare(repo=project.folder)
        assert got.names == ("HEAD", "workspace")
        assert [row.id for row in got.result.only_a] == ["cat/4.png"]
    finally:
        path.write_bytes(content)


def test_other_test_images_are_noticed(project: Any) -> None:
    text = command.run("main", "shifted", "text", project.folder)
    assert "Compared on the 50 test images in common; A has 200, B 200." in text
    assert "right and wrong on the same images, all 50 of them" in text


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (
            "main",
            "nowhere",
            r"nowhere: unknown Git revision 'nowhere'; expected a branch, tag, commit or experiment",
        ),
        ("empty", "main", r"empty: no data/predictions/test\.csv; run `dvc repro` there and commit"),
        (
            "main",
            "elsewhere",
            r"no test image in common \(200 and 200 images, such as 'cat/0\.png' and 'cat/5000",
        ),
        ("main", "three", r"only A none, only B 'eel'"),
        ("old-1,elsewhere", "new-1,new-2", r"the 4 runs have no test image in common"),
        ("old-1,three", "new-1,new-2", r"old-1 and three tell different classes apart: only old-1 none"),
        (
            "main",
            "group@",
            r"group@: no experiments called group@0, group@1 …; `darkroom replicate --name group`",
        ),
        ("main", " , ", r"got ' , ' as a revision; expected a branch"),
        ("old-1,old-2", "main", r"B is a group of one run"),
        (
            "old-1,old-1",
            "new-1,new-2",
            r"A: old-1 and another run of the group have seed 1 and the same metrics",
        ),
        (
            "new-1,new-2",
            "still-1,still-2",
            r"B: all 2 runs made the very same predictions: their seed decides nothing",
        ),
    ],
)
def test_what_cannot_be_compared_is_one_message(project: Any, a: str, b: str, message: str) -> None:
    before = project.snapshot()
    with pytest.raises(UserError, match=message):
        command.run(a, b, "text", project.folder)
    assert project.snapshot() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"workspace: no metrics/evaluate\.json; run `dvc repro` there"),
        ("{", r"workspace: metrics/evaluate\.json cannot be read: Expecting property name"),
        ("[1]", r"workspace: metrics/evaluate\.json holds list; expected names and values"),
    ],
)
def test_missing_and_broken_metrics_are_one_message(project: Any, content: str | None, message: str) -> None:
    path = project.folder / "metrics" / "evaluate.json"
    before = path.read_text()
    try:
        path.unlink()
        if content is not None:
            path.write_text(content)
        with pytest.raises(UserError, match=message):
            command.run(repo=project.folder)
    finally:
        path.write_text(before)


def test_params_edited_after_the_run_are_named(project: Any) -> None:
    project.set("worse: 3", "worse: 2")
    try:
        text = command.run(repo=project.folder)
        got = json.loads(command.run(form="json", repo=project.folder))
    finally:
        project.set("worse: 2", "worse: 3")
    remark = "workspace: params.yaml has changed since it ran (model.worse); `dvc repro` runs it."
    assert f"\n{remark}\n" in text
    assert got["remarks"] == [remark]
    assert "has changed since" not in command.run(repo=project.folder)


def test_a_mixed_group_and_other_test_images_are_said(project: Any) -> None:
    got = json.loads(command.run("old-1,shifted", "new-1,new-2", "json", project.folder))
    assert got["remarks"] == [
        "The runs of A differ in more than their seed: first.",
        "Not all runs were tested on the same images: compared by accuracy on the 50 in common.",
    ]
    assert list(got["metrics"]) == ["accuracy"]
    # Of the images 150 to 199, rows that are 0, 1 or 2 modulo 20 are wrong in A, 0 alone in B: 160 to 162, 180 to 182.
    assert got["metrics"]["accuracy"]["a"]["mean"] == pytest.approx(44 / 50)
    assert got["metrics"]["accuracy"]["b"]["mean"] == pytest.approx(48 / 50)


def test_outside_a_repository_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match=f"HEAD: {re.escape(str(tmp_path))} is not a git repository; expected a branch, tag, commit",
    ):
        command.run(repo=tmp_path)


def test_two_groups_of_experiments_are_paired_by_seed(project: Any) -> None:
    groups = "old-2,old-1", "new-1,new-2"
    text = command.run(*groups, "text", project.folder)
    assert text.startswith("B is better: +10.0 points (")
    assert "2 and 2 runs, paired by seed" in text
    assert re.search(r"model\.worse +3 +1\n", text)
    got = json.loads(command.run(*groups, "json", project.folder))
    assert got["metrics"]["accuracy"]["a"]["runs"] == 2
    assert list(got["params"]) == ["model.worse"]


def test_groups_with_other_seeds_are_compared_apart(project: Any) -> None:
    text = command.run("main,old-1,old-2", "new-2,new-4", "text", project.folder)
    assert "3 and 2 runs, Welch's t-test" in text


def test_predictions_come_from_the_remote_where_the_cache_lacks_them(project: Any, tmp_path: Path) -> None:
    project.run("dvc", "push", "--quiet", "--all-branches")
    clone = tmp_path / "clone"
    project.run("git", "clone", "--quiet", str(project.folder), str(clone))
    before = Project(clone).snapshot()
    assert command.run("origin/main", "origin/better", "text", clone).startswith("B is better")
    assert Project(clone).snapshot() == before


def test_predictions_that_are_nowhere_are_one_message(project: Any, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    project.run("git", "clone", "--quiet", str(project.folder), str(clone))
    (clone / ".dvc" / "config").write_text("")
    with pytest.raises(UserError, match=r"HEAD: .*neither in DVC's cache nor in its remote; run `dvc fetch`"):
        command.run("HEAD", "HEAD", "text", clone)


def test_markdown_folds_the_long_tables_and_escapes(project: Any) -> None:
    text = command.run("main", "better", "md", project.folder)
    assert text.startswith("**B is better: +10.0 points (")
    assert text.count("<details>") == text.count("</details>") == 4
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table if line.startswith("| class")} == {9}
    assert "| model.worse | 3 | 1 |" in table
    assert r"expected\_calibration" not in text


class Page(HTMLParser):
    """Counts what a page opens and closes, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.sources += [str(found[name]) for name in ("src", "href") if name in found]
        if tag == "img":
            assert found.get("alt")
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_shows_the_pictures_and_loads_nothing(project: Any) -> None:
    folder = project.folder / "data" / "images"
    ids = [f"{'cat' if row % 2 == 0 else 'dog'}/{row}.png" for row in range(200)]
    folder.mkdir(parents=True)
    try:
        pixels = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 3), dtype=np.uint8)
        images.write_shard(folder / "shard-00000.npz", pixels)
        rows = [(id, id[:3], "", 8, 8, 1, "", "") for id in ids]
        files.write_csv(folder / "index.csv", images.INDEX_COLUMNS, rows)
        images.write_description(folder, (8, 8, 3), ["cat", "dog"], ["shard-00000.npz"], {})
        content = command.run("better", "workspace", "html", project.folder)
        without = command.run("main", "better", "html", project.folder)
    finally:
        shutil.rmtree(folder)
    page = Page()
    page.feed(content)
    assert not page.open
    assert len(page.sources) == 20
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "<h1>A is better: +10.0 points (" in content
    assert "<img" not in without  # the workspace's pictures are not known to be those of the branches
    assert "No pictures: the workspace&#x27;s data/images are not those of A or B" in without


def test_neither_tensorflow_nor_scipy_stats_is_imported(project: Any) -> None:
    script = (
        "import sys; from pathlib import Path; from darkroom.compare import command;"
        "command.run('main', 'better', 'text', Path('.'));"
        "print([name for name in ('tensorflow', 'keras', 'scipy.stats', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project.folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_predictions_that_were_changed_by_hand_are_not_compared(project: Any) -> None:
    folder = project.folder / "data" / "predictions"
    path = folder / "test.csv"
    content = path.read_bytes()
    try:
        files.seal(folder)
        path.unlink()
        path.write_bytes(content.replace(b"cat/4.png,cat,cat", b"cat/4.png,cat,dog"))
        with pytest.raises(
            UserError, match=r"test\.csv is not what the stage evaluate wrote: .* `dvc repro`"
        ):
            revision_comparison.compare(repo=project.folder)
    finally:
        (folder / files.SEAL).unlink()
        path.write_bytes(content)
