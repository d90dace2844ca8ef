"""`darkroom evaluate`: how well a model does on pictures that lie in folders called like its classes."""

import io
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from darkroom import UserError
from darkroom.array_types import ClassNumbers, Pixels
from darkroom.decode.archives import names
from darkroom.decode.labels.labelling import by_folder, folders
from darkroom.evaluate import curves, scores
from darkroom.evaluate.classifier import Probabilities
from darkroom.evaluate.predictions import surest_mistakes
from darkroom.evaluate.stage import rounded
from darkroom.predict import command
from darkroom.predict.command import Options
from darkroom.predict.inputs import Picture
from darkroom.predict.model import load

_SHOWN = 10  # pairs of confused classes, and classes of the model, in the text


def run(model: Path, paths: Sequence[str], options: Options, as_json: bool) -> int:
    """Print how well the model does on labelled pictures; return how many files could not be used.

    Parameters
    ----------
    model : Path
        A folder with ``model.keras`` and ``model.json``, or the model's file.
    paths : sequence of str
        Files, folders and archives; ``-`` for a list of them on stdin. The folder in which a picture lies is its class.
    options : Options
        Its output and form count for nothing.
    as_json : bool
        Print JSON instead of text.

    Raises
    ------
    UserError
        As of :func:`.command.run`; or no picture lies in a folder called like a class of the model.
    """
    file, description = command.checked(model, paths)
    classes: list[str] = description["classes"]
    with command.found(paths, options) as (pictures, bad):
        total = len(pictures) + len(bad)
        known, unknown = _parted(pictures, classes)
        if not known:
            raise UserError(
                f"no picture lies in a folder called like a class of the model: {_told(unknown, classes)}; "
                "put them into such folders"
            )
        seen = _Seen()
        loaded = load(file, options.batch_size, options.backend, options.precision)
        bad += command.write(loaded, known, seen, io.BytesIO(), options)
    if not seen.ids:
        raise UserError(f"none of {total} files could be used: {bad[0].id}: {bad[0].why}")
    number = {name: position for position, name in enumerate(classes)}
    actual = np.array([number[str(_label(id, classes))] for id in seen.ids], np.int64)
    probabilities = np.concatenate(seen.probabilities)
    found = _figures(actual, probabilities, classes)
    found |= {"mistakes": _mistakes(seen.ids, actual, probabilities, classes)}
    found |= {"unknown_classes": dict(unknown), "unusable": len(bad)}
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else _text(found))
    if unknown:
        print(f"darkroom: left out: {_told(unknown, classes)}", file=sys.stderr)
    return command.told(bad, total) + unknown.total()


class _Seen:
    """The predictions of all batches: a table that is kept and not written."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.probabilities: list[Probabilities] = []

    def begin(self) -> str:
        return ""

    def rows(self, ids: Sequence[str], probabilities: Probabilities, pixels: Pixels) -> str:
        self.ids += ids
        self.probabilities.append(probabilities)
        return ""

    def end(self) -> str:
        return ""


def _label(id: str, classes: Sequence[str]) -> str | None:
    """Return the folder of a picture; where classes are joined folders, as ``labels.depth: [2, 1]`` makes, several."""
    levels = 1 + max(name.count("/") for name in classes)
    return by_folder(folders(id), range(levels, 0, -1), {})


def _parted(pictures: Sequence[Picture], classes: Sequence[str]) -> tuple[list[Picture], Counter[str]]:
    """Return the pictures whose folder is called like a class, and how many lie in each other folder."""
    said = [_label(picture.id, classes) for picture in pictures]
    known = [picture for picture, label in zip(pictures, said, strict=True) if label in classes]
    return known, Counter(label or "no folder" for label in said if label not in classes)


def _told(unknown: Counter[str], classes: Sequence[str]) -> str:
    folders = ", ".join(f"{names.shown(name)} ({count})" for name, count in unknown.most_common(_SHOWN))
    more = ", …" if len(classes) > _SHOWN else ""
    return f"files in {folders}; the model's classes are {', '.join(classes[:_SHOWN])}{more}"


def _figures(actual: ClassNumbers, probabilities: Probabilities, classes: Sequence[str]) -> dict[str, Any]:
    """Return the figures of metrics/evaluate.json that ask for no more than predictions, and the pairs of classes."""
    areas = scores.areas(actual, probabilities)
    flat = {
        **scores.overall(actual, probabilities, areas),
        **scores.by_class(actual, probabilities, classes, areas),
    }
    pairs = curves.confusion(actual, probabilities.argmax(axis=1), classes)
    return {
        "images": len(actual),
        **{name: rounded(value) for name, value in flat.items() if np.isfinite(value)},
        "confusion": [row for row in pairs.to_dict("records") if row["images"]],
    }


def _mistakes(
    ids: Sequence[str], actual: ClassNumbers, probabilities: Probabilities, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the pictures that are wrong, the surest first, each with its class and what it was taken for."""
    return [
        {
            "id": ids[row],
            "actual": classes[actual[row]],
            "predicted": classes[probabilities[row].argmax()],
            "confidence": rounded(float(probabilities[row].max())),
        }
        for row in surest_mistakes(actual, probabilities)
    ]


def _text(found: dict[str, Any]) -> str:
    return "\n".join(_lines(found))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    low, high = found["accuracy_low"], found["accuracy_high"]
    yield f"accuracy {found['accuracy']:.3f} ({low:.3f} to {high:.3f}, 95 % interval) on {found['images']} images"
    rows = [("class", "images", "recall", "precision")]
    for name in [key.removeprefix("support_") for key in found if key.startswith("support_")]:
        measured = (
            f"{found[f'{what}_{name}']:.3f}" if f"{what}_{name}" in found else "-" for what in rows[0][2:]
        )
        rows.append((name, str(found[f"support_{name}"]), *measured))  # type: ignore[arg-type]
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        yield f"  {first:<{wide[0]}}  " + "  ".join(
            f"{text:>{width}}" for text, width in zip(others, wide[1:], strict=True)
        )
    pairs = [row for row in found["confusion"] if row["actual"] != row["predicted"]]
    pairs.sort(key=lambda row: -row["images"])
    yield from _first(
        [f"{row['images']} of {row['actual']} taken for {row['predicted']}" for row in pairs],
        "pairs of classes",
    )
    wrong = [
        f"{names.shown(row['id'])}: {row['predicted']}, {100 * row['confidence']:.1f} %"
        for row in found["mistakes"]
    ]
    yield from _first(wrong, "mistakes: --json has them all, `darkroom predict --format html` shows them")


def _first(lines: Sequence[str], others: str) -> Iterator[str]:
    yield from (f"  {line}" for line in lines[:_SHOWN])
    if len(lines) > _SHOWN:
        yield f"  and {len(lines) - _SHOWN} other {others}"
