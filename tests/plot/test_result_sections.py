"""The second half of the report, written in this process from a run's outputs: figures, words and limits."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from darkroom import intervals
from darkroom.plot import result_sections
from tests.plot.pages import CHARTS, cells, changed, predicted_as, read, words


def trained(results, epochs, changes, restore_best=True, validated=True):
    history = (
        results.history[:epochs] if validated else results.history[:epochs][["epoch", "accuracy", "loss"]]
    )
    model = dict(results.model)
    model["params"] = model["params"] | {"train": model["params"]["train"] | {"restore_best": restore_best}}
    run = changed(results, train={"best_epoch": None} | changes)
    return result_sections.training(dataclasses.replace(run, history=history, model=model), CHARTS)


def test_training_is_told_with_the_epoch_whose_weights_were_kept(results):
    said = trained(results, 12, {})
    last = results.history.iloc[11]
    assert "<p>12 epochs on tensorflow.</p>" in said
    for name in ("accuracy", "loss"):
        told = f"{name.capitalize()}: {last[name]:.3f} on train, {last[f'val_{name}']:.3f} on validation at the end."
        assert f'aria-label="{told}"' in said
    assert "may lie below validation" in said
    said = trained(results, 12, {}, validated=False)
    assert f"Loss: {last['loss']:.3f} on train at the end." in said
    assert "may lie below validation" not in said
    best = "the lowest validation loss came in epoch 9, and"
    assert f"{best} its weights were kept." in trained(results, 12, {"best_epoch": 9})
    assert f"{best} epoch 12&#x27;s weights" in trained(results, 12, {"best_epoch": 9, "epochs": 12}, False)
    kept = {"best_epoch": 9, "kept_epoch": 11, "epochs": 12}
    assert f"{best} epoch 11&#x27;s weights" in trained(results, 12, kept, False)


def test_a_head_that_was_solved_is_told_with_its_c_and_without_a_curve_unless_tuning_followed(results):
    solved = trained(results, 1, {"C": 0.01, "best_epoch": 1})
    assert (
        "solved by L-BFGS on tensorflow, behind a frozen network, with C 0.01 chosen on validation. Accuracy"
        in solved
    )
    assert "<svg>" not in solved
    assert "lowest" not in solved
    tuned = trained(results, 3, {"C": 0.01, "best_epoch": 2})
    assert "chosen on validation; 2 epochs of fine-tuning followed; the lowest validation loss" in tuned
    assert tuned.count("<svg>") == 2
    assert trained(results, 1, {}).count("<svg>") == 2


def test_every_figure_on_test_has_its_place_and_some_only_where_they_were_measured(results):
    said = result_sections.measured(results, CHARTS)
    left, right = cells(said, "Overall"), cells(said, "Overall, more")
    names = [name for name, _ in left + right]
    scores = results.scores["evaluate"]
    assert len(left) - len(right) in (0, 1)
    assert names[0] == "loss (cross-entropy)"
    assert dict(left + right)["balanced accuracy"] == f"{100 * scores['balanced_accuracy']:.1f} %"
    assert dict(left + right)["area under ROC"] == f"{scores['roc_auc']:.3f}"
    # Only these depend on there being enough classes, or groups.
    optional = (
        "right among the first 2", "right among the first 3", "accuracy, mean of groups", "accuracy of the worst group",
    )  # fmt: skip
    bare = changed(results, evaluate=dict.fromkeys(("top_2", "top_3", "roc_auc")))
    said = result_sections.measured(bare, CHARTS)
    rows = dict(cells(said, "Overall") + cells(said, "Overall, more"))
    assert not set(optional) & set(rows)
    assert rows["area under ROC"] == "\u2013"
    full = changed(
        results, evaluate={"top_2": 0.5, "top_3": 0.75, "group_accuracy": 0.25, "group_accuracy_worst": 0}
    )
    said = result_sections.measured(full, CHARTS)
    rows = dict(cells(said, "Overall") + cells(said, "Overall, more"))
    assert [rows[name] for name in optional] == ["50.0 %", "75.0 %", "25.0 %", "0.0 %"]
    assert "each class against the rest" in said
    tested = results.test
    diagonal = (tested["label"] == tested["predicted"]).sum()
    assert f"{diagonal} of {len(tested)} lie on the diagonal" in said


def test_of_two_classes_the_second_has_the_one_curve(make_inputs):
    two = read(make_inputs(classes=["no", "yes"], images=100, shape=(8, 8, 1)))
    said = result_sections.measured(two, CHARTS)
    assert re.findall(r"<figcaption>([^<]*), for “yes”\.<", said) == [
        "ROC: true against false positives",
        "Precision against recall",
    ]
    assert "against the rest" not in said
    told = changed(two, evaluate={"threshold": 0.25, "accuracy_at_threshold": 0.75})
    assert "With “yes” said from 25.0\u202f% on" in result_sections.measured(told, CHARTS)


def test_what_figures_need_beside_them_is_said(results):
    assert words(result_sections._notes(results)) == []
    run = changed(
        results, evaluate={"groups": 1200, "accuracy_low_by_group": 0.5, "accuracy_high_by_group": 0.75}
    )
    run = dataclasses.replace(
        run, unlabelled=1, by_class={"support_ant": 3, "support_bee": 0, "support_cat": 1}
    )
    groups, absent, unlabelled = words(result_sections._notes(run))
    assert "1\u202f200 groups" in groups
    assert "between 50.0\u202f% and 75.0\u202f% (95 %)" in groups
    assert absent == "Not in test, and in no mean: bee."
    assert unlabelled == "1 image without a label were predicted too."
    sure = {"confidence_threshold": 0.875, "coverage": 0.5, "selective_accuracy": 0.75}
    sure |= {"selective_accuracy_low": 0.25, "selective_accuracy_high": 1}
    [said] = words(result_sections._notes(changed(results, evaluate=sure)))
    assert said.startswith("From a confidence of 0.875 on")
    assert said.endswith(
        "answers 50.0\u202f% of the test images, of which 75.0\u202f% are right (25.0 to 100.0)."
    )
    [said] = words(result_sections._notes(changed(results, evaluate={"coverage": 0.0})))
    assert "the model should not answer" in said
    costs = {"operating_threshold": 0.125, "sensitivity": 0.5}
    costs |= {"sensitivity_low": 0.25, "sensitivity_high": 0.75}
    [said] = words(result_sections._notes(changed(results, evaluate=costs)))
    assert "from a probability of 0.125 on" in said
    assert "sensitivity 50.0\u202f% (25.0 to 75.0); 95 % intervals" in said


def test_the_commonest_confusions_are_counted_and_lead_to_their_images(results):
    pairs_ = [("ant", "bee")] * 2 + [("cat", "ant")] * 3 + [("bee", "cat")] * 2 + [("bee", "bee")] * 9
    said = result_sections._commonest(predicted_as(results, pairs_))
    assert cells(said, "Most common confusions") == [
        ["actual", "predicted", "images"], ["cat", "ant", "3"], ["ant", "bee", "2"], ["bee", "cat", "2"],
    ]  # fmt: skip
    assert re.findall(r'href="test_images.html#(.*?)"', said) == [
        "true=2&amp;class=0", "true=0&amp;class=1", "true=1&amp;class=2",
    ]  # fmt: skip
    assert said.split("</thead>")[0].count('class="text"') == 2
    assert "No class was taken for another" in result_sections._commonest(
        predicted_as(results, [("ant", "ant")])
    )
    names = list("abcd")
    many = [(one, other) for one in names for other in names if one != other]
    run = predicted_as(dataclasses.replace(results, model=results.model | {"classes": names}), many)
    assert len(cells(result_sections._commonest(run), "Most common confusions")) == 1 + 8


@pytest.mark.parametrize("wrong", [0, 1, 4, 5])
def test_mistakes_are_shown_the_surest_first_and_counted(results, wrong):
    run = predicted_as(results, [("bee", "bee"), *[("ant", "cat")] * wrong])
    said = result_sections.mistakes(run, 4)
    if not wrong:
        assert "None: every test image was classified rightly" in said
        return
    count = "1 image" if wrong == 1 else f"{wrong} images"
    more = "; these 4 with the greatest confidence." if wrong == 5 else ", the surest first."
    assert f"<p>{count} of {wrong + 1} went wrong{more} True class" in said
    sure = re.findall(r'alt="\S+: ant taken for cat, (.*?)\u202f% sure"', said)
    assert [float(share) for share in sure] == sorted(map(float, sure), reverse=True)
    assert len(sure) == min(wrong, 4)


def test_recall_has_wilsons_interval_and_a_dash_where_there_is_no_image(results):
    run = predicted_as(results, [("ant", "ant")] * 3 + [("ant", "bee")] + [("bee", "bee")])
    low, high = intervals.wilson(3, 4)
    assert result_sections._recall_interval(run, "ant") == f"{100 * low:.1f} to {100 * high:.1f}\u202f%"
    assert result_sections._recall_interval(run, "cat") == "\u2013"
    assert run.recalled == {"ant": (3, 4), "bee": (1, 1), "cat": (0, 0)}
    assert run.confusion.to_numpy().tolist() == [[3, 1, 0], [0, 1, 0], [0, 0, 0]]
    run = dataclasses.replace(run, by_class={"support_ant": 4, "recall_ant": 0.75})
    rows = cells(result_sections._classes(run, "By class", ["ant", "cat"]), "By class")
    assert rows[1][2] == "75.0 %"
    assert [row[-1] for row in rows[1:]] == ["4", "0"]


def test_mistakes_of_equal_confidence_keep_the_order_of_the_table(results):
    run = predicted_as(results, [("ant", "bee")] * 30)
    run.test["confidence"] = [0.5, 0.75, 0.25] * 10
    order = [*range(1, 30, 3), *range(0, 30, 3), *range(2, 30, 3)]
    assert run.mistakes.index.tolist() == order


def test_calibration_is_told_in_figures_beside_its_chart(results):
    calibration = pd.DataFrame({"confidence": [0.5, 0.9], "accuracy": [0.25, 1.0], "images": [4, 1234]})
    chart, said = result_sections._calibration(
        dataclasses.replace(results, calibration=calibration), CHARTS["roc"]
    )
    assert "<svg>roc</svg>" in chart
    assert cells(said, "How sure, and how often right") == [
        ["confidence", "accuracy", "images"], ["50.0 %", "25.0 %", "4"], ["90.0 %", "100.0 %", "1 234"],
    ]  # fmt: skip


def test_what_the_surest_images_are_worth_is_told_at_a_few_shares(results):
    share = np.arange(1, 101) / 100
    table = pd.DataFrame({"coverage": share, "confidence": 1 - share / 2, "error": share / 4})
    chart, said = result_sections._abstaining(
        dataclasses.replace(results, risk_coverage=table), CHARTS["roc"]
    )
    assert "<svg>roc</svg>" in chart
    head, *rows = cells(said, "Answering the surest alone")
    assert head == ["answered", "sure from", "error"]
    assert rows[0] == ["100.0 %", "50.0 %", "25.0 %"]
    answered = [float(row[0].split()[0]) for row in rows]
    assert answered == sorted(set(answered), reverse=True)
    for row, percents in zip(rows, answered, strict=True):
        assert row[1:] == [f"{100 - percents / 2:.1f} %", f"{percents / 4:.1f} %"]
    one = dataclasses.replace(results, risk_coverage=table[:1])
    assert len(cells(result_sections._abstaining(one, CHARTS["roc"])[1], "Answering the surest alone")) == 2


def test_occlusion_maps_stand_beside_their_images_or_it_is_said_why_none(results):
    said = result_sections.occlusion(results)
    ids = list(results.occlusion["ids"])
    assert re.findall(r'alt="(\S+): \w+ taken for', said) == ids
    assert said.count('alt="The same, bright where it mattered"') == len(ids)
    none = {"ids": np.array([], dtype=str), "maps": np.zeros((0, 8, 12), np.float32)}
    assert "No map was made" in result_sections.occlusion(dataclasses.replace(results, occlusion=none))
