"""What the command `darkroom compare` does, for the command line to call."""

from pathlib import Path
from typing import Literal

from darkroom.compare import data, markdown, page, pictures, report, revisions, text
from darkroom.compare.comparison import Comparison

Form = Literal["text", "md", "json", "html"]


def run(a: str = "HEAD", b: str = revisions.WORKSPACE, form: Form = "text", repo: Path = Path()) -> str:
    """Compare ``b`` with ``a`` in the project at ``repo`` and return the result in the form asked for.

    Parameters
    ----------
    a, b : str
        As in :func:`darkroom.compare.report.compare`.
    form : str
        text, md, json or html.
    repo : Path
        The project's folder; nothing in it changes.

    Raises
    ------
    UserError
        As in :func:`darkroom.compare.report.compare`.
    """
    compared = report.compare(a, b, repo)
    if form == "html":
        return page.render(compared, pictures.thumbnails(compared, listed(compared), repo))
    return {"text": text.render, "md": markdown.render, "json": data.render}[form](compared)


def listed(compared: report.Report) -> list[str]:
    """Return the images that the page lists."""
    if not isinstance(compared.result, Comparison):
        return []
    kinds = (compared.result.only_a, compared.result.only_b)
    return [row.id for rows in kinds for row in rows[: page.LISTED]]
