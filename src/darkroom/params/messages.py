"""Error messages for params.yaml in the user's terms: one line per parameter, without validator jargon."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails
from ruamel.yaml.nodes import MappingNode, Node

RENAMED = {
    "image.size": "image.resolution",
    "split.ready_made": "split.predefined",
    "model.thaw": "model.unfreeze",
    "evaluate.attention": "evaluate.occlusion",
    "source.sha256": "source.urls: [{url: …, sha256: …}]",
}
"""Parameters of earlier versions and what they are called now.

DVC's run cache leaves every key called ``size`` out of what it compares (treeverse/dvc#10296): another ``image.size``
brought the old images back.
"""

_EXPECTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "bool_type": lambda _: "true or false",
    "dict_type": lambda _: "a mapping, {name: value}",
    "finite_number": lambda _: "a finite number",
    "float_type": lambda _: "a number",
    "greater_than": lambda limits: f"more than {limits['gt']}",
    "greater_than_equal": lambda limits: f"at least {limits['ge']}",
    "int_from_float": lambda _: "a whole number",
    "int_type": lambda _: "a whole number",
    "less_than": lambda limits: f"less than {limits['lt']}",
    "less_than_equal": lambda limits: f"at most {limits['le']}",
    "list_type": lambda _: "a list",
    "literal_error": lambda limits: str(limits["expected"]),
    "model_type": lambda _: "a section: keys, each on a line of its own",
    "none_required": lambda _: "null",
    "string_too_short": lambda _: "some text",
    "string_type": lambda _: "text",
    "too_long": lambda limits: (
        f"a list of at most {limits['max_length']} values, not {limits['actual_length']}"
    ),
    "too_short": lambda limits: (
        f"a list of at least {limits['min_length']} values, not {limits['actual_length']}"
    ),
    "value_error": lambda limits: str(limits["error"]),
}


def repetitions(node: Node, above: str = "") -> list[str]:
    """Return one line for each key that stands more than once in a mapping of YAML, and where it does."""
    if not isinstance(node, MappingNode):
        return []
    locations: dict[str, list[int]] = {}
    for key, _ in node.value:
        locations.setdefault(key.value, []).append(key.start_mark.line + 1)
    found = [
        f"the {'parameter' if above else 'section'} {above}{name} stands {len(lines)} times, at lines "
        f"{' and '.join(map(str, lines))}; put together what they say, and keep one"
        for name, lines in locations.items()
        if len(lines) > 1
    ]
    return found + [line for key, value in node.value for line in repetitions(value, f"{above}{key.value}.")]


def explain(content: Mapping[str, Any], model: type[BaseModel], errors: Sequence[ErrorDetails]) -> list[str]:
    """Return one line for each wrong parameter: its dotted name, what came, and what is allowed.

    Where several forms are allowed (a number or a list), the checker reports an error for each: those about the deepest
    part of the value count, since the others only say that it should have been something else altogether.
    """
    locations: dict[str, list[tuple[tuple[str | int, ...], ErrorDetails]]] = {}
    for error in errors:
        location = _location(content, error)
        locations.setdefault(".".join(map(str, location[:2])), []).append((location, error))
    lines = []
    for found in locations.values():
        deepest = max(len(location) for location, _ in found)
        alike = [(location, error) for location, error in found if len(location) == deepest]
        for location in dict.fromkeys(location for location, _ in alike):
            lines.append(_line(model, location, [error for other, error in alike if other == location]))
    return lines


def _location(content: Any, error: ErrorDetails) -> tuple[str | int, ...]:
    """Return where in the file ``error`` is: its location without the names of the forms that were tried."""
    location: list[str | int] = []
    for step in error["loc"]:
        # What is in the file at neither a key nor a position is the name of one of the forms that were tried.
        if (isinstance(content, Mapping) and step in content) or (
            isinstance(content, list) and isinstance(step, int)
        ):
            content = content[step]  # type: ignore[index]
            location.append(step)
    # What is missing is in the file nowhere; of what is unknown, the content is.
    return (*location, error["loc"][-1]) if error["type"] == "missing" else tuple(location)


def _line(model: type[BaseModel], location: tuple[str | int, ...], errors: Sequence[ErrorDetails]) -> str:
    name = ".".join(map(str, location))
    what = "parameter" if len(location) > 1 else "section"
    if errors[0]["type"] == "missing":
        return f"{name}: missing {what}"
    if errors[0]["type"] == "extra_forbidden":
        return f"{name}: unknown {what}{_instead(model, location)}"
    value = errors[0]["input"]
    expected = " or ".join(dict.fromkeys(_expected(error) for error in errors))
    # A check of several parameters at once names them itself.
    came = (
        "" if isinstance(value, Mapping) and errors[0]["type"] == "value_error" else f"got {_shown(value)}; "
    )
    return f"{name}: {came}expected {expected}{_without_quotes(value, errors)}"


def _expected(error: ErrorDetails) -> str:
    say = _EXPECTED.get(error["type"])
    return say(error.get("ctx", {})) if say else error["msg"].removeprefix("Input should be ")


def _instead(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    name = ".".join(map(str, location))
    if name in RENAMED:
        return f"; it is now called {RENAMED[name]}, write that instead"
    for step in location[:-1]:
        annotation = model.model_fields[str(step)].annotation if str(step) in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return ""
        model = annotation
    near = difflib.get_close_matches(str(location[-1]), model.model_fields, n=1)
    guess = f"; did you mean {near[0]}?" if near else ""
    return f"{guess}; allowed are {', '.join(model.model_fields)}"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _without_quotes(value: Any, errors: Sequence[ErrorDetails]) -> str:
    """Return a hint where a number or a switch stands in quotes."""
    types = {error["type"] for error in errors}
    if not isinstance(value, str) or not types & {"int_type", "float_type", "bool_type"}:
        return ""
    try:
        float(value)
    except ValueError:
        if value not in ("true", "false") or "bool_type" not in types:
            return ""
    return "; write it without quotes"
