"""Numbers are set as a reader expects them, and so are the tables and pages around them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom import UserError
from darkroom.compare import (
    as_html,
    as_json,
    as_markdown,
    as_text,
    command,
    comparison,
    document,
    pictures,
    replicates,
    revisions,
    verdict,
)
from darkroom.compare.revision_comparison import Report
from darkroom.compare.revisions import Run

MakeRun = Callable[..., Run]


@pytest.mark.parametrize(
    ("count", "text"),
    [(7, "7"), (23, "23"), (101, "110"), (2381, "2,400"), (2400, "2,400"), (99_500, "100,000")],
)
def test_about_rounds_up_to_two_digits(count: int, text: str) -> None:
    assert verdict.about(count) == text


@pytest.mark.parametrize(
    ("difference", "text"),
    [(0.021, "+2.1"), (-0.021, "-2.1"), (0.0004, "+0.04"), (0.0, "+0.0"), (0.001, "+0.1")],
)
def test_points_keep_a_digit_that_says_something(difference: float, text: str) -> None:
    assert verdict.points(difference, sign=True) == text


def test_a_better_a_is_seen_from_a() -> None:
    expected = "A is better: +2.1 points (0.6 to 3.6), p = 0.007"
    assert verdict.decided("A", -0.021, -0.036, -0.006, 0.0068) == expected
    assert verdict.decided("B", 0.021, 0.006, 0.036, 0.0002).endswith("p < 0.001")


@pytest.mark.parametrize(("images", "advised"), [(99, True), (100, False)])
@pytest.mark.parametrize(
    ("discordant", "difference", "needed"), [(0, 0.0, None), (4, 0.0, None), (5, 0.01, 900)]
)
def test_cross_validation_is_advised_where_images_are_few(
    images: int, advised: bool, discordant: int, difference: float, needed: int | None
) -> None:
    text = verdict.undecided(images, discordant, difference, needed)
    assert text.endswith("; with so few, `darkroom crossvalidate` tests every image once") == advised


@pytest.mark.parametrize(("p", "text"), [(0.001, "p = 0.001"), (0.00099, "p < 0.001"), (1, "p = 1.000")])
def test_a_small_p_is_a_bound(p: float, text: str) -> None:
    assert verdict.probability(p) == text


@pytest.fixture
def report(make_run: MakeRun) -> Report:
    """Return the comparison of two runs on 64 images: 51 only B gets right, and two only A."""
    right = [row >= 51 for row in range(64)], [row < 62 for row in range(64)]
    a, b = make_run("old|one", right[0], 1), make_run("new<one>", right[1], 2)
    result = comparison.compare(a.predictions, b.predictions)
    params = (("on", True, None), ("rate", 1e-7, "high"))
    metrics = tuple((key, a.metrics[key], b.metrics[key]) for key in a.metrics)
    return Report((a,), (b,), result, params, metrics, ("It is so.",))


def test_the_text_has_aligned_columns_and_ten_images_of_a_kind(report: Report) -> None:
    lines = as_text.render(report).split("\n")
    # (51 - 2) / 64 = 0.7656.
    assert lines[0].startswith("B is better: +76.6 points (")
    assert lines[1:5] == ["", "A: old|one", "B: new<one>", "It is so."]
    start = lines.index("By class")
    assert lines[start + 1 : start + 4] == [
        "  class  images  A       B       B - A, points  only A right  only B right  p, each alone",
        "  a      32      0.1875  0.9688  +78.1          1             26            < 0.001",
        "  b      32      0.2188  0.9688  +75.0          1             25            < 0.001",
    ]
    start = lines.index("Only A is right")
    assert lines[start - 1 : start + 4] == [
        "",
        "Only A is right",
        "  image       label  A says  B says",
        "  000062.png  a      a       b",
        "  000063.png  b      b       a",
    ]
    start = lines.index("Only B is right: the first 10 of 51")
    assert lines[start + 12 :] == [
        "",
        "Changed params",
        "  param  A      B",
        "  on     true   -",
        "  rate   1e-07  high",
        "",
    ]
    assert any(line.startswith(f"  {'B - A':18}  +76.6 points (61.0 to 86.0") for line in lines)


def test_all_of_a_kind_are_listed_where_they_are_no_more_than_that(report: Report) -> None:
    assert isinstance(report.result, comparison.Comparison)
    titles = [table.title for table in document.document(report, 51).tables]
    assert titles == [
        "Accuracy",
        "By class",
        "Metrics of all test images of each",
        "Only A is right",
        "Only B is right",
        "Changed params",
    ]


def test_markdown_escapes_and_folds_all_tables_but_the_first(report: Report) -> None:
    text = as_markdown.render(report)
    assert text.startswith("**B is better: +76.6 points (")
    assert "\n\nA: `old|one`, B: `new<one>`\n\nIt is so.\n\n| run | " in text
    assert "| run | value (95 % interval) | images, p |\n| --- | --- | --- |\n" in text
    assert "<summary>Only B is right: the first 20 of 51</summary>" in text
    assert text.endswith("</details>\n")
    assert as_markdown.escape("a_b <i>|") == r"a\_b &lt;i>\|"


def test_the_page_has_48_images_of_a_kind_and_the_pictures_there_are(report: Report) -> None:
    page = as_html.render(report, {"000062.png": b"PNG"})
    assert "<title>new&lt;one&gt; against old|one</title>" in page
    assert "<p>A: <code>old|one</code><br>B: <code>new&lt;one&gt;</code></p>" in page
    assert "Only B is right: the first 48 of 51" in page
    assert command.listed(report) == [f"{row:06d}.png" for row in (62, 63, *range(48))]
    # The base64 of PNG.
    assert page.count("<img ") == 1
    assert (
        '<th scope="row">000062.png</th><td class="text">'
        '<img src="data:image/png;base64,UE5H" alt="000062.png, labelled a"></td>' in page
    )
    assert page.count('<th scope="col" class="text">picture</th>') == 1
    assert "No pictures" not in page
    assert "No pictures" in as_html.render(report, {})
    # An id that is the name of a class, too, has no picture in the table of classes.
    assert "<img" not in as_html.render(report, {"a": b"PNG"})


def test_two_runs_that_agree_on_every_image_miss_no_pictures(make_run: MakeRun) -> None:
    a = make_run("a", [True, False], 0)
    same = Report((a,), (a,), comparison.compare(a.predictions, a.predictions), (), (), ())
    assert "No pictures" not in as_html.render(same, {})
    assert "Only" not in as_text.render(same)


def test_the_json_holds_every_image_and_what_it_cannot_hold_as_text(report: Report) -> None:
    text = as_json.render(report)
    content = json.loads(text)
    assert (len(content["only_a"]), len(content["only_b"]), content["better"]) == (2, 51, "B")
    assert content["runs"] == {"a": ["old|one"], "b": ["new<one>"]}
    assert content["params"]["on"] == {"a": True, "b": None}
    assert as_json.plain(Path("x")) == "x"
    assert text.endswith("}\n")


def test_groups_have_a_table_over_their_runs(make_run: MakeRun) -> None:
    runs = tuple(make_run(f"a{seed}", [True, False], seed) for seed in (0, 1))
    result = replicates.compare(
        {"accuracy": [0.5, 0.75], "x": [1, 2]}, {"accuracy": [0.25, 0.75], "x": [1, 2]}, False
    )
    over = Report(runs, runs, result, (), (), ("Mixed.",))
    lines = as_text.render(over).splitlines()
    assert lines[2:5] == ["A: a0, a1", "B: a0, a1", "Mixed."]
    # Deviations 0.25 / √2 and 0.5 / √2; Student's t of one degree of freedom is 12.7062.
    assert lines[-1].startswith(
        "  accuracy  0.6250 ± 0.1768 (-0.9633 to 2.2133)  0.5000 ± 0.3536 (-2.6766 to 3.6766)  -0.1250 ("
    )
    assert json.loads(as_json.render(over))["metrics"]["x"]["b"]["mean"] == 1.5
    assert "No pictures" not in as_html.render(over, {})
    assert command.listed(over) == []


def test_test_images_that_are_not_those_of_both_are_remarked(make_run: MakeRun) -> None:
    a, b = make_run("a", [True] * 10, 0), make_run("b", [True] * 10, 0, first=4)
    b.predictions.loc[0, ["label", "predicted"]] = "b"
    # In common are the last six of A and the first six of B; the last of these is another file.
    a.predictions["sha256"], b.predictions["sha256"] = [*"0" * 10], [*"0" * 5, *"1" * 5]
    result = comparison.compare(a.predictions, b.predictions)
    text = as_text.render(Report((a,), (b,), result, (), (), ()))
    assert "Compared on the 4 test images in common; A has 10, B 10.\n" in text
    assert "1 common images are left out: their true label differs.\n" in text
    assert "1 images of the same name are left out: their files differ.\n" in text


def test_pictures_are_shown_of_the_workspace_alone_or_of_the_same_images(
    report: Report, tmp_path: Path
) -> None:
    assert pictures.thumbnails(report, ["000062.png"], tmp_path) == {}
    (run,) = report.a
    here = Report(
        (Run(revisions.WORKSPACE, run.predictions, {}, {}, ""),), report.b, report.result, (), (), ()
    )
    assert pictures.holds(here, tmp_path)


def test_nested_params_get_dotted_keys() -> None:
    assert revisions.flat({"a": {"b": 1, "c": {"d": None}}, 7: [1]}) == {"a.b": 1, "a.c.d": None, "7": [1]}
    assert revisions.flat(None) == {}


def test_params_that_were_changed_since_the_run_are_found_in_the_lock() -> None:
    lock = {
        "stages": {
            "one": {"params": {"params.yaml": {"a": {"b": 1}, "c": 2}}},
            "two": {"outs": [{"path": "x"}, {"path": "y", "md5": "f"}]},
        }
    }
    assert revisions._edited({"a.b": 1, "c": 3, "new": 4}, lock) == ("c",)
    assert revisions._locked(lock, "y") == "f"
    assert revisions._locked(lock, "x") == revisions._locked(None, "y") == ""
    with pytest.raises(UserError, match=r"x: data/predictions/test\.csv is no table"):
        revisions._predictions("x", "")
    assert revisions._predictions("x", "id,label,predicted\n1,NA,\n").to_numpy().tolist() == [["1", "NA", ""]]
