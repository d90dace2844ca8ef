"""The implementation of `darkroom compare`, called by the command-line interface."""

from pathlib import Path
from typing import Literal

from darkroom.compare import as_html, as_json, as_markdown, as_text, pictures, revision_comparison, revisions
from darkroom.compare.comparison import Comparison

Form = Literal["text", "md", "json", "html"]


def run(a: str = "HEAD", b: str = revisions.WORKSPACE, form: Form = "text", repo: Path = Path()) -> str:
    """Compare ``b`` with ``a`` in the project at ``repo`` and return the result in the form asked for.

    Parameters
    ----------
    a, b : str
        As in :func:`darkroom.compare.revision_comparison.compare`.
    form : str
        text, md, json or html.
    repo : Path
        The project's folder; nothing in it changes.

    Raises
    ------
    UserError
        As in :func:`darkroom.compare.revision_comparison.compare`.
    """
    compared = revision_comparison.compare(a, b, repo)
    if form == "html":
        return as_html.render(compared, pictures.thumbnails(compared, listed(compared), repo))
    return {"text": as_text.render, "md": as_markdown.render, "json": as_json.render}[form](compared)


def listed(compared: revision_comparison.Report) -> list[str]:
    """Return the images that the page lists."""
    if not isinstance(compared.result, Comparison):
        return []
    kinds = (compared.result.only_a, compared.result.only_b)
    return [row.id for rows in kinds for row in rows[: as_html.LISTED]]
