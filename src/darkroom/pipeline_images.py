"""The images of the pipeline in the project's folder, for commands: those of one part, by the split that was made."""

from pathlib import Path

from darkroom import UserError, split_files
from darkroom.array_types import Rows
from darkroom.images import Images


def of_part(project: Path, part: str, purpose: str, instead: str = "") -> tuple[Images, Rows]:
    """Return the decoded images in ``project``, and the rows of those in ``part``.

    Parameters
    ----------
    project : Path
        The folder with ``data/``.
    part : "train", "validation" or "test"
    purpose : str
        What they are for, as "to check on": for the message where there are none.
    instead : str
        What else to do then, as "name pictures with --images".

    Raises
    ------
    UserError
        There are none.
    """
    folder, table = project / "data" / "images", project / "data" / "split" / "split.csv"
    named = {"train": "training"}.get(part, part)
    for needed in (folder / "images.json", table):
        if not needed.is_file():
            raise UserError(
                f"{needed}: no such file, so there are no {named} images {purpose}; `dvc repro split` makes it"
                f"{f', or {instead}' if instead else ''}"
            )
    rows = split_files.rows_of(split_files.read_table(table.parent), part)
    if not len(rows):
        otherwise = instead or f"set split.{part} in params.yaml above 0"
        raise UserError(f"{table}: no image is in {part}, so there is none {purpose}; {otherwise}")
    return Images(folder), rows
