"""The card's front matter, which the hub reads: https://github.com/huggingface/hub-docs/blob/main/modelcard.md."""

import io
from typing import Any

from ruamel.yaml import YAML

from darkroom.plot.stage_outputs import Results

TASK = "image-classification"

METRICS = {
    "accuracy": ("accuracy", "Accuracy"),
    "f1": ("f1", "F1, mean of classes"),
    "precision": ("precision", "Precision, mean of classes"),
    "recall": ("recall", "Recall, mean of classes"),
    "roc_auc": ("roc_auc", "Area under ROC"),
    "matthews": ("matthews_correlation", "Matthews correlation"),
}
"""By their names in ``metrics/evaluate.json``: the hub's name of each metric, and one to read."""


def render(results: Results, name: str, license: str | None) -> str:
    """Return the front matter, YAML between two lines of dashes.

    Parameters
    ----------
    results : Results
    name : str
        Of the model.
    license : str, optional
        As the hub calls it; there is no such line without.
    """
    content: dict[str, Any] = {} if license is None else {"license": license}
    scores = results.scores["evaluate"]
    measured = [key for key in METRICS if scores.get(key) is not None]
    result = {
        "task": {"type": TASK, "name": "Image classification"},
        # The hub asks for the name of a data set of its own; this is what its library calls a folder of one's own.
        "dataset": {"type": "imagefolder", "name": _source(results), "split": "test"},
        "metrics": [
            {"type": METRICS[key][0], "value": scores[key], "name": METRICS[key][1]} for key in measured
        ],
    }
    content |= {
        "library_name": "keras",
        "pipeline_tag": TASK,
        "tags": [TASK, "keras", results.model["backend"], "darkroom"],
        "metrics": [METRICS[key][0] for key in measured],
        "model-index": [{"name": name, "results": [result]}],
    }
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 10_000
    written = io.StringIO()
    yaml.dump(content, written)
    return f"---\n{written.getvalue()}---\n"


def _source(results: Results) -> str:
    return str(results.scores["fetch"].get("source", "images of one's own"))
