"""A comparison as JSON, for programs."""

import dataclasses
import json
from typing import Any

from darkroom.compare.replicates import Replicates
from darkroom.compare.revision_comparison import Report


def render(report: Report) -> str:
    """Return all of the comparison as JSON: shares in parts of one, every discordant image, every metric."""
    return json.dumps(content(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def content(report: Report) -> dict[str, Any]:
    """Return the object that :func:`render` writes."""
    result = report.result
    named = {"a": [run.name for run in report.a], "b": [run.name for run in report.b]}
    params = {key: {"a": plain(a), "b": plain(b)} for key, a, b in report.params}
    if isinstance(result, Replicates):
        rows = {
            name: {
                kind: dataclasses.asdict(part)
                for kind, part in (("a", a), ("b", b), ("difference", difference))
            }
            for name, a, b, difference in result.metrics
        }
        return {
            "sentence": result.sentence,
            "runs": named,
            "remarks": list(report.remarks),
            "metrics": rows,
            "params": params,
        }
    metrics = {key: {"a": plain(a), "b": plain(b)} for key, a, b in report.metrics}
    compared = dataclasses.asdict(result)
    return {
        "sentence": result.sentence,
        "better": result.better,
        "runs": named,
        "remarks": list(report.remarks),
        **compared,
        "metrics": metrics,
        "params": params,
    }


def plain(value: Any) -> Any:
    """Return ``value`` if JSON can hold it, else its text."""
    return value if value is None or isinstance(value, (bool, int, float, str, list)) else str(value)
