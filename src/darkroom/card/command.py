"""The implementation of `darkroom card`, called by the command-line interface."""

import dataclasses
import re
from pathlib import Path

from darkroom import UserError, files
from darkroom.card import front_matter, run_record, sections
from darkroom.plot.stage_outputs import Results, read_results


def run(output: Path, name: str, license: str | None, force: bool, project: Path) -> str:
    """Write the card, and return what to tell the user.

    Parameters
    ----------
    output : Path
        The file to write.
    name : str
        Of the model.
    license : str, optional
        As the hub calls it.
    force : bool
        Replace a file that is there already.
    project : Path
        The folder with ``dvc.lock``.

    Raises
    ------
    UserError
        There is no finished run, or ``output`` will not do; nothing is written then.
    """
    _check_output(output, force, project)
    for option, value in (("--name", name), ("--license", license)):
        if value is not None and not value.strip():
            raise UserError(f"{option}: got {value!r}, expected a name")
    record = run_record.read(project)
    data = project / "data"
    folders = (project / "models", data / "predictions", project / "metrics", project / "plots")
    results = _public(read_results(data / "images", data / "split", *folders))
    text = (
        front_matter.render(results, name, license) + "\n" + sections.render(results, record, name, license)
    )
    try:
        with files.whole(output) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"--output {output}: cannot be written: {error.strerror or error}") from error
    left = "Intended use is" if license else "Intended use and Licence are"
    return f"{output}: {left} yours to fill in"


def _check_output(output: Path, force: bool, project: Path) -> None:
    if output.is_dir():
        raise UserError(f"--output {output}: a folder; expected the name of a file")
    models = (project / "models").resolve()
    if models in output.resolve().parents:
        raise UserError(f"--output {output}: `dvc repro` empties models/; choose another place")
    if output.exists() and not force:
        raise UserError(f"{output}: exists already; --force replaces it, and what was filled in")


def _public(results: Results) -> Results:
    """Return ``results`` without the folders, on this machine, in which a local source lies."""
    fetched = results.scores["fetch"]
    if "source" not in fetched:
        return results
    source = re.sub(r"^(?:[A-Za-z]:)?[/\\].*[/\\]", "", fetched["source"])
    return dataclasses.replace(results, scores=results.scores | {"fetch": fetched | {"source": source}})
