"""The pages of `dvc plots`, made by real dvc in a real repository, in a real browser that can reach no server."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darkroom import files
from darkroom.evaluate import curves

# Vega names the elements that it draws for marks so.
CHARTS = """
[...document.querySelectorAll('main > div')].map(chart => [
  [...chart.querySelectorAll('.role-title-text')].map(title => title.textContent),
  chart.querySelectorAll('.mark-line path, .mark-rect.role-mark path, .mark-symbol.role-mark path').length,
])
"""
DRAWN = """
new Promise((resolve, reject) => {
  const look = () => [...document.querySelectorAll('main > div')].every(chart => chart.querySelector('svg'))
    ? resolve(true) : setTimeout(look, 50);
  look();
  setTimeout(() => reject(new Error('a chart is missing after a minute')), 60000);
})
"""
TITLES = {
    "Accuracy by epoch", "Loss by epoch", "Learning rate by epoch", "ROC on test", "Precision and recall on test",
    "Calibration on test", "F1 by class on test", "Error among the surest images of test", "Confusion matrix of test",
}  # fmt: skip


class Charts:
    """A repository that holds the plots of one run, and in its workspace those of another."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        (folder / ".dvc").mkdir()
        shutil.copy(root / ".dvc/config", folder / ".dvc")
        shutil.copytree(
            root / ".dvc/plots", folder / ".dvc/plots", ignore=shutil.ignore_patterns("page.html")
        )
        shutil.copy(root / "dvc.yaml", folder)

    def run(self, *command: str) -> str:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def git(self, *arguments: str) -> str:
        return self.run("git", "-c", "user.name=T", "-c", "user.email=t@example.com", *arguments)

    def take(self, plots: Path) -> None:
        for path in plots.glob("*.csv"):
            (self.folder / "plots").mkdir(exist_ok=True)
            shutil.copy(path, self.folder / "plots")

    @property
    def page(self) -> Path:
        return self.folder / "dvc_plots/index.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the page as `make` makes it."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    subprocess.run([sys.executable, "-m", "darkroom.plots_page", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def charts(digits, make_inputs, page, root, tmp_path_factory):
    """Return two runs: one committed, one in the workspace."""
    other = make_inputs(sureness=2.0)
    charts = Charts(tmp_path_factory.mktemp("charts"), root)
    charts.take(other.folder / "plots")
    charts.git("init", "--quiet")
    charts.git("add", "--all")
    charts.git("commit", "--quiet", "--message", "Run")
    charts.take(digits.folder / "plots")
    shutil.copy(page, charts.folder / ".dvc/plots/page.html")
    charts.dvc("config", "--local", "plots.html_template", "plots/page.html")
    return charts


@pytest.mark.parametrize("command", ["show", "diff"])
def test_every_chart_is_drawn_with_its_title_and_nothing_is_loaded(command, charts, browser):
    charts.dvc("plots", command)
    browser.open(charts.page, 1280)
    browser.evaluate(DRAWN)
    drawn = browser.evaluate(CHARTS)
    assert {title for titles, _ in drawn for title in titles} >= TITLES
    assert len(drawn) == len(TITLES)
    assert min(marks for _, marks in drawn) > 0
    urls = [event["request"]["url"] for event in browser.seen("Network.requestWillBeSent")]
    assert [url for url in urls if not url.startswith("data:")] == [charts.page.as_uri()]
    assert not browser.seen("Runtime.exceptionThrown")
    assert not [event for event in browser.seen("Log.entryAdded") if event["entry"]["level"] == "error"]
    assert not [event for event in browser.seen("Runtime.consoleAPICalled") if event["type"] == "error"]


def test_training_that_has_only_begun_is_drawn_without_an_error(charts, browser):
    history = charts.folder / "plots/history.csv"
    before = history.read_bytes()
    lines = before.splitlines(keepends=True)
    try:
        history.write_bytes(b"".join(lines[:2]))
        charts.dvc("plots", "show")
        browser.open(charts.page, 1280)
        browser.evaluate(DRAWN)
        assert len(browser.evaluate(CHARTS)) == len(TITLES)
        assert not browser.seen("Runtime.exceptionThrown")
    finally:
        history.write_bytes(before)


def test_class_that_is_never_predicted_has_a_column(charts, browser):
    path = charts.folder / "plots/confusion.csv"
    before = path.read_bytes()
    truth, said = np.array([0, 1, 2, 2]), np.array([0, 0, 1, 1])
    try:
        table = curves.confusion(truth, said, ["cat", "dog", "hen"])
        files.write_csv(path, table.columns, table.itertuples(index=False))
        charts.dvc("plots", "show")
        browser.open(charts.page, 1280)
        browser.evaluate(DRAWN)
        labels = "[...document.querySelectorAll('#plots_confusion_csv .role-axis-label text')].map(e => e.textContent)"
        assert sorted(browser.evaluate(labels)) == sorted(2 * ["cat", "dog", "hen"])
        cells = "#plots_confusion_csv .mark-text.role-mark text"
        numbers = f"[...document.querySelectorAll('{cells}')].map(e => e.textContent)"
        assert sorted(browser.evaluate(numbers)) == ["0", "0", "1", "1", "2"]
    finally:
        path.write_bytes(before)


def test_a_diff_draws_both_runs(charts, browser):
    charts.dvc("plots", "diff", "HEAD")
    browser.open(charts.page, 1280)
    browser.evaluate(DRAWN)
    lines = "document.querySelectorAll('#plots_roc_csv .mark-line path').length"
    assert browser.evaluate(lines) == 3  # one a run, and the diagonal
    matrices = "document.querySelectorAll('#plots_confusion_csv .mark-group.role-scope.cell > g').length"
    assert browser.evaluate(matrices) == 2


def test_accuracy_under_stress_is_drawn_with_a_curve_a_kind_beside_another_run(charts, browser):
    path = charts.folder / "stress/stress.csv"
    rows = [[kind, n, 10 * n, "%", 0.9 - 0.1 * n] for kind in ("jpeg", "scale") for n in range(6)]
    files.write_csv(path, ["kind", "severity", "amount", "unit", "accuracy"], rows)
    charts.git("add", "stress")
    charts.git("commit", "--quiet", "--message", "Stress")
    files.write_csv(path, ["kind", "severity", "amount", "unit", "accuracy"], rows[:9])
    asked = ("--targets", "stress/stress.csv", "--template", "stress", "-x", "severity", "-y", "accuracy")
    charts.dvc("plots", "diff", "HEAD", *asked)
    browser.open(charts.page, 1280)
    browser.evaluate(DRAWN)
    assert browser.evaluate("document.querySelectorAll('.mark-line path').length") == 4
    dots = "document.querySelectorAll('.mark-symbol.role-mark path').length"
    assert browser.evaluate(dots) == 12 + 9


def test_the_page_follows_a_phones_width_and_the_dark(charts, browser):
    charts.dvc("plots", "show")
    browser.open(charts.page, 390, "dark")
    browser.evaluate(DRAWN)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    title = "getComputedStyle(document.querySelector('.role-title-text text')).fill"
    assert browser.evaluate(title) == "rgb(228, 232, 236)"


def test_what_an_editor_asks_for_names_axes_and_runs(charts):
    shown = json.loads(charts.dvc("plots", "diff", "HEAD", "--json", "--split", "--out", "elsewhere"))
    assert "errors" not in shown
    for name, (plot,) in shown["data"].items():
        anchors = plot["anchor_definitions"]
        assert set(plot["revisions"]) == {"HEAD", "workspace"}
        assert anchors["<DVC_METRIC_TITLE>"] in TITLES, name
        for axis in ("X_LABEL", "Y_LABEL"):
            assert "_" not in anchors[f"<DVC_METRIC_{axis}>"], name


def test_without_the_page_dvc_takes_its_own(charts, tmp_path, root, digits):
    plain = Charts(tmp_path, root)
    plain.take(digits.folder / "plots")
    plain.git("init", "--quiet")
    plain.dvc("plots", "show")
    assert "cdn.jsdelivr.net" in plain.page.read_text()


def test_the_page_is_the_same_every_time_and_has_one_place_for_the_charts(page, tmp_path):
    again = tmp_path / "again.html"
    command = [sys.executable, "-m", "darkroom.plots_page", str(again)]
    subprocess.run(command, check=True, env=os.environ | {"LC_ALL": "C", "TZ": "Asia/Tokyo"})
    assert again.read_bytes() == page.read_bytes()
    assert page.read_text().count("{plot_divs}") == 1
    assert len(page.read_bytes()) < 1_500_000


@pytest.mark.parametrize("configured", [None, "own.html"])
def test_make_builds_the_page_and_names_it_to_dvc_unless_the_user_named_another(
    configured, tmp_path, root, digits
):
    plain = Charts(tmp_path, root)
    shutil.copy(root / "Makefile", tmp_path)
    for name in ("plots_page.py", "plots_page.html"):
        (tmp_path / "src/darkroom").mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "src/darkroom" / name, tmp_path / "src/darkroom")
    plain.git("init", "--quiet")
    if configured:
        plain.dvc("config", "--local", "plots.html_template", configured)
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for _ in range(2):  # --old-file: the environment is there, and is not the subject
        command = ["make", "--old-file", ".venv/.ready", ".dvc/plots/page.html"]
        subprocess.run(command, cwd=tmp_path, env=os.environ | {"PATH": tools}, check=True)
    assert plain.dvc("config", "plots.html_template").strip() == (configured or "plots/page.html")
    assert plain.git("status", "--porcelain", "--ignored=no", ".dvc/plots/page.html") == ""
    plain.take(digits.folder / "plots")
    if configured is None:
        plain.dvc("plots", "show")
        assert "cdn.jsdelivr.net" not in plain.page.read_text()
