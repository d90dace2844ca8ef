"""The sections of a card: the facts of the report, as Markdown."""

from collections.abc import Iterable, Sequence

from darkroom import intervals
from darkroom.card import usage
from darkroom.card.run_record import Record
from darkroom.compare.as_markdown import code, escape, table
from darkroom.compare.document import Table
from darkroom.plot import data_quality, data_sections, decode_section, formatting, report, result_sections
from darkroom.plot.formatting import percent
from darkroom.plot.stage_outputs import Results

TO_FILL = "**To be filled in.**"
"""What stands where nobody but the user knows what to say."""


def render(results: Results, record: Record, name: str, license: str | None) -> str:
    """Return the card below its front matter."""
    licensed = code(license) if license else f"{TO_FILL} Under which terms may others use model and images?"
    purpose = f"{TO_FILL} What is the model for, for whom, and what must it not be used for?"
    sections = {
        "Model": _model(results, record),
        "Intended use": [purpose],
        "Data": _data(results, record),
        "Results": _results(results),
        "Limits": [_listed(_limits(results))],
        "Use": _use(results),
        "Reproduce": _reproduce(results, record),
        "Licence": [licensed],
    }
    blocks = [f"# {escape(name)}", f"{escape(report.headline(results))}. {_interval(results)}"]
    for title, content in sections.items():
        blocks += [f"## {title}", *content]
    return "\n\n".join(blocks) + "\n"


def _interval(results: Results) -> str:
    scores = results.scores["evaluate"]
    name, share = report.commonest(results)
    low, high = scores["accuracy_low"], scores["accuracy_high"]
    return (
        f"95 % interval: {100 * low:.1f} to {percent(high)}. Always saying “{escape(name)}” would score "
        f"{percent(share)}."
    )


def _model(results: Results, record: Record) -> list[str]:
    model = results.model
    height, width, depth = results.source.shape
    network = [model["params"]["model"]["network"]]
    if network == ["application"]:
        chosen = model["params"]["model"]
        network += [chosen["application"], f"weights at the start: {chosen['weights'] or 'random'}"]
    lines = [
        ("network", ", ".join(network)),
        ("parameters", formatting.count(model["parameters"])),
        (
            "input",
            f"{formatting.shape([width, height])}, {'colour' if depth == 3 else 'grayscale'}, raw pixels",
        ),
        ("classes", ", ".join(results.classes) if _few(results) else "named in model.json"),
        ("backend", model["backend"]),
        ("trained as recipe", record.recipe or "none"),
    ]
    changed = Table("", ("parameter", "value"), record.changed)
    return [
        _pairs(lines),
        "Parameters that are not at Darkroom's defaults; `params.yaml` has all, each explained:",
        table(changed) if record.changed else "none.",
    ]


def _data(results: Results, record: Record) -> list[str]:
    rows = data_sections.count_rows(results)
    counts = Table("", data_sections.COUNTS_HEAD, tuple(rows if _few(results) else rows[-1:]))
    reasons = results.rejected.groupby("reason").size()
    rejected = tuple((str(reason), formatting.count(files)) for reason, files in reasons.items())
    lines = [
        *data_sections.facts(results),
        *data_quality.checks(results),
        ("seed of the split", str(record.params["split"]["seed"])),
        ("DVC's hash of data/images", record.images_md5),
    ]
    blocks = [_pairs(lines), "Images by class and part:", table(counts)]
    if rejected:
        blocks += ["Files that were not used:", table(Table("", ("reason", "files"), rejected))]
    return blocks


def _results(results: Results) -> list[str]:
    names = results.classes if _few(results) else result_sections.lowest(results)
    by_class = Table("", result_sections.CLASS_HEAD, tuple(result_sections.class_rows(results, names)))
    calibration = Table(
        "", result_sections.CALIBRATION_HEAD, tuple(result_sections.calibration_rows(results))
    )
    return [
        "On the test images. Darkroom trains and chooses nothing on them; where people chose settings by these "
        "figures, expect less on new images.",
        _pairs([("accuracy", _accuracy(results)), *result_sections.overall(results)]),
        "By class:" if _few(results) else f"The {len(names)} classes with the lowest F1:",
        table(by_class),
        "Calibration: how sure the model was, and how often right.",
        table(calibration),
    ]


def _accuracy(results: Results) -> str:
    scores = results.scores["evaluate"]
    low, high = scores["accuracy_low"], scores["accuracy_high"]
    return f"{percent(scores['accuracy'])} (95 % interval: {100 * low:.1f} to {percent(high)})"


def _limits(results: Results) -> list[str]:
    scores = results.scores["evaluate"]
    told = [
        "The test images come from the same source as the training images. The figures say nothing of pictures from "
        "other cameras, places or times, nor of pictures of none of the classes: the model names one of its classes "
        "whatever it is shown.",
        "The intervals hold for the test images as a random sample; they do not cover training with another seed.",
        _worst(results),
        report.overfitting(scores),
        report.leak(results),
        *result_sections.remarks(results),
        *(f"{stage} warns: {text}" for stage, text in decode_section.warned(results)),
    ]
    return [text for text in told if text]


def _worst(results: Results) -> str | None:
    shares = {name: right / images for name, (right, images) in results.recalled.items() if images}
    name, *others = [name for name, share in shares.items() if share == min(shares.values())]
    right, images = results.recalled[name]
    if right == images:
        return None
    low, high = intervals.wilson(right, images)
    more = f"; {len(others)} more as low" if others else ""
    return (
        f"The class with the lowest recall is “{name}”: {right} of {formatting.images(images)} right "
        f"(95 % interval: {100 * low:.1f} to {percent(high)}){more}."
    )


def _use(results: Results) -> list[str]:
    return [
        "With Darkroom installed, and `model.keras` and `model.json` in the folder `models`:",
        _block("console", "darkroom predict photo.jpg --model models"),
        "In Python, which prints the likeliest class behind its probability. The model normalizes by itself; "
        "`Preparation` decodes and resizes as in training.",
        _block("python", usage.python(results.model)),
    ]


def _reproduce(results: Results, record: Record) -> list[str]:
    said = ["Not of a commit: `dvc.lock` had changes that were not committed when this card was written."]
    if record.commit:
        # Every output is compared with dvc.lock, in a clone of its own.
        commands = (f"git checkout {record.commit}", "make repro", "darkroom verify")
        said = ["In a clone of the project's repository:", _block("console", "\n".join(commands))]
    if record.params["source"]["kind"] == "local":
        said.append(
            "The images are not in git: `dvc pull` brings those of `data/inbox` where they were pushed, others have to "
            "be put where `source.path` of `params.yaml` says."
        )
    return [*said, "It was trained with", _pairs(formatting.flat(results.model.get("versions", {})))]


def _few(results: Results) -> bool:
    return len(results.classes) <= data_sections.MOST_CLASSES


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    return table(Table("", ("", ""), tuple(rows)))


def _listed(texts: Sequence[str]) -> str:
    return "\n".join(f"- {escape(text)}" for text in texts)


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"
