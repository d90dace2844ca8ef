"""What a card says of a run."""

import dataclasses
import re

import pytest
from ruamel.yaml import YAML

from darkroom.card import front_matter, sections, usage
from tests.plot.pages import changed


def parsed(text):
    begin, matter, end = text.split("---\n")
    assert (begin, end) == ("", "")
    return YAML(typ="safe").load(matter)


def section(text, title):
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0].replace("\u202f", " ")


def rows(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]


def test_the_front_matter_has_the_figures_of_evaluate_as_the_hub_calls_them(results):
    content = parsed(front_matter.render(results, "a: b", None))
    [index] = content["model-index"]
    [result] = index["results"]
    scores = results.scores["evaluate"]
    told = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert told == {hub: scores[key] for key, (hub, _) in front_matter.METRICS.items()}
    assert content["metrics"] == list(told)
    assert (index["name"], result["task"]["type"], result["dataset"]["split"]) == (
        "a: b",
        "image-classification",
        "test",
    )
    assert result["dataset"]["type"]
    assert result["dataset"]["name"]
    assert (content["library_name"], content["pipeline_tag"]) == ("keras", "image-classification")


def test_a_figure_that_is_not_defined_and_a_licence_that_nobody_gave_are_left_out(results):
    content = parsed(front_matter.render(changed(results, evaluate={"roc_auc": None}), "m", None))
    assert "license" not in content
    assert "roc_auc" not in content["metrics"]
    assert parsed(front_matter.render(results, "m", "apache-2.0"))["license"] == "apache-2.0"


def test_use_and_licence_are_left_to_the_user(results, record):
    text = sections.render(results, record, "m", None)
    assert sections.TO_FILL in section(text, "Intended use")
    assert sections.TO_FILL in section(text, "Licence")
    assert section(sections.render(results, record, "m", "mit"), "Licence").strip() == "`mit`"


def test_images_are_counted_by_class_and_part_and_rejected_files_by_reason(results, record):
    told = rows(section(sections.render(results, record, "m", None), "Data"))
    for name in results.classes:
        parts = results.counts.loc[name].tolist()
        assert [name, *map(str, parts), str(sum(parts))] in told
    reasons = results.rejected["reason"].value_counts()
    assert len(reasons)
    assert all([reason, str(files)] in told for reason, files in reasons.items())
    assert ["DVC's hash of data/images", record.images_md5] in told
    assert ["seed of the split", "7"] in told


def test_the_worst_class_gap_leak_and_warnings_are_among_the_limits(results, record):
    gap = {
        "train_accuracy": 1.0,
        "train_images": 9,
        "train_gap": 0.2,
        "train_gap_low": 0.1,
        "train_gap_high": 0.3,
    }
    run = changed(results, evaluate=gap, split={"leaked_images": 3})
    run = dataclasses.replace(run, summaries={"decode": {"warnings": ["<b> & so on"]}, "split": {}})
    limits = section(sections.render(run, record, "m", None), "Limits")
    worst = min(results.recalled, key=lambda name: results.recalled[name][0] / results.recalled[name][1])
    right, images = results.recalled[worst]
    assert f"lowest recall is “{worst}”: {right} of {images} images right" in limits
    assert "+20.0 points beside test (+10.0 to +30.0), the model overfits" in limits
    assert "3 images of validation or test came with a twin" in limits
    assert "decode warns: &lt;b> &amp; so on" in limits


def test_where_all_are_right_no_class_is_the_worst(results, record):
    run = dataclasses.replace(results, test=results.test.assign(predicted=results.test["label"]))
    assert "lowest recall" not in section(sections.render(run, record, "m", None), "Limits")


def test_of_many_classes_the_lowest_alone_have_a_row(results, record, monkeypatch):
    monkeypatch.setattr(sections.data_sections, "MOST_CLASSES", 2)
    monkeypatch.setattr(sections.result_sections, "COMMONEST", 1)
    text = sections.render(results, record, "m", None)
    by_class = section(text, "Results").split("The 1 classes with the lowest F1:")[1].split("Calibration")[0]
    lowest = min(results.classes, key=lambda name: results.by_class[f"f1_{name}"])
    assert [row[0] for row in rows(by_class)] == ["class", "---", lowest]
    assert "ant, bee" not in text


@pytest.mark.parametrize("kind", ["bundled", "local"])
def test_a_run_without_a_commit_has_no_commands_to_reproduce_it(results, record, kind):
    record = dataclasses.replace(record, params=record.params | {"source": {"kind": kind}})
    told = section(sections.render(results, record, "m", None), "Reproduce")
    assert "git checkout c0ffee" in told
    assert ("dvc pull" in told) == (kind == "local")
    told = section(sections.render(results, dataclasses.replace(record, commit=None), "m", None), "Reproduce")
    assert "Not of a commit" in told
    assert "make repro" not in told


@pytest.mark.parametrize(
    ("head", "classes", "output", "likeliest"),
    [("sigmoid", 2, [0.2], (0.8, "0")), ("softmax", 3, [0.1, 0.3, 0.6], (0.6, "2"))],
)
def test_the_program_names_the_likeliest_class_whatever_the_head(head, classes, output, likeliest):
    import numpy as np

    about = {"head": head, "classes": [str(number) for number in range(classes)]}
    *_, probabilities, shown = usage.python(about).strip().splitlines()
    names = {"output": np.array(output), "about": about}
    exec(probabilities, names)
    said = eval(re.sub(r"print\((.*)\)", r"\1", shown), names)
    assert said == (pytest.approx(likeliest[0]), likeliest[1])
