"""HTML built from values: text that is not HTML yet is escaped, so that a class may be called ``<script>``."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from string import Template


class Html(str):
    """Text that is HTML already and goes into a page as it is."""

    __slots__ = ()


def resource(name: str, package: str = "darkroom.plot") -> str:
    """Return the text of a file that lies beside the code of ``package``: a page's template, style or script."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


Content = object
"""What an element may hold: :class:`Html` as it is, None as nothing, anything else as escaped text."""


def element(name: str, /, *children: Content, **attributes: object) -> Html:
    """Return an element with its children.

    Parameters
    ----------
    name : str
        Of the element.
    children : Html, str, number or None
        What it holds, in order.
    attributes : str, number or None
        ``class_`` is written class, ``aria_label`` aria-label; None leaves an attribute out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in ("img", "br", "hr", "meta"):
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Iterable[Content]) -> Html:
    """Return the children one after the other."""
    return Html("".join(_written(child) for child in children))


def mistaken(true: str, predicted: str) -> Html:
    """Return the two classes of a mistake with an arrow between them: the true one on the left in Arabic too."""
    return joined([element("bdi", true), " → ", element("bdi", predicted)])


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Content]], words: int = 1) -> Html:
    """Return a table with a caption; the first cell of each row is its header.

    It scrolls by itself where the page is too narrow, also by keyboard. The first ``words`` columns hold text, set
    from the left; the others numbers, set to the right.
    """
    kinds = ["text" if column < words else None for column in range(len(head))]
    names = [element("th", name, scope="col", class_=kind) for name, kind in zip(head, kinds, strict=True)]
    body = []
    for first, *others in rows:
        cells = [element("td", cell, class_=kind) for cell, kind in zip(others, kinds[1:], strict=True)]
        body.append(element("tr", element("th", first, scope="row"), *cells))
    inner = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *names)),
        element("tbody", *body),
    )
    return element("div", inner, class_="scroll", role="region", aria_label=caption, tabindex="0")


def pairs(caption: str, rows: Iterable[tuple[str, Content]]) -> Html:
    """Return names and their values, as a table without a head row."""
    body = [element("tr", element("th", name, scope="row"), element("td", value)) for name, value in rows]
    return element("table", element("caption", caption), element("tbody", *body), class_="pairs")


def head(title: str, style: str, scripts: bool = False) -> str:
    """Return what stands before the body of a page that loads nothing, and runs what stands in it with ``scripts``."""
    return Template(resource("head.html")).substitute(
        title=element("title", title),
        style=style,
        scripts="; script-src 'unsafe-inline'" if scripts else "",
    )


def page(title: str, header: Html, sections: Mapping[str, Html], style: str = "") -> str:
    """Return a whole page in the style of the report, which loads nothing.

    Parameters
    ----------
    title : str
    header : Html
    sections : mapping of str to Html
        By their headings, to which the links at the top lead.
    style : str
        Rules beside those of ``page.css``.
    """
    ids = {name: name.lower().replace(" ", "-") for name in sections}
    bodies = [
        element("section", element("h2", name), body, id=ids[name], aria_label=name)
        for name, body in sections.items()
    ]
    return Template(resource("page.html")).substitute(
        head=head(title, resource("page.css") + style),
        header=header,
        links=joined(element("a", name, href=f"#{ids[name]}") for name in sections),
        sections=joined(bodies),
    )


def _written(child: Content) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Html) else escape(str(child))
