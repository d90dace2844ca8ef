"""The web page: one HTML file with inline CSS and JavaScript that requests nothing but predictions."""

import base64
import hashlib
from string import Template
from typing import NamedTuple

from darkroom.plot import formatting
from darkroom.plot.html import Html, element, joined, resource
from darkroom.serve.schemas import About

SHORT = 80
"""Characters of all class names together that the page's head holds."""


class Page(NamedTuple):
    """``html``, and the content security ``policy`` that allows its own style and script alone."""

    html: str
    policy: str


def render(about: About) -> Page:
    """Return the page for a model."""
    # The report's own style, and what the report has not.
    style = "\n" + resource("page.css") + resource("page.css", __package__)
    script = "\n" + resource("page.js", __package__)
    html = Template(resource("page.html", __package__)).substitute(
        title=element("title", f"{about.model} {formatting.DASH} Darkroom"),
        style=style,
        script=script,
        sub=_sub(about),
        limits=f'data-max-bytes="{about.max_bytes}" data-max-images="{about.max_images}"',
        about=_about(about),
    )
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src blob: data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return Page(html, policy)


def _sub(about: About) -> Html:
    """Return what the model can say: the classes, where they fit one line."""
    names = ", ".join(about.classes)
    count = f"{formatting.count(len(about.classes))} classes"
    model = element("b", about.model)
    if len(names) <= SHORT:
        return element("p", model, f" tells {count} apart: {names}", class_="sub")
    listed = element("ol", *(element("li", name) for name in about.classes), class_="classes")
    said = element("p", model, f" tells {count} apart.", class_="sub")
    return joined([said, element("details", element("summary", f"The {count}"), listed)])


def _about(about: About) -> Html:
    """Return what is done to a picture, and how a program asks."""
    color = "grayscale" if about.shape[2] == 1 else "in colour"
    size = f"{formatting.shape(about.shape[:2])} pixels, {color},"
    limits = f"{formatting.count(about.max_images)} files or {formatting.size(about.max_bytes)}"
    command = element(
        "code", "curl -F files=@picture.png ", element("span", "http://\u2026/predict", id="address")
    )
    return joined(
        [
            element("p", f"Each picture is made {size} exactly as in training. Nothing is stored."),
            element(
                "p",
                "For programs: ",
                command,
                f", {limits} in one request; ",
                element("code", "GET /openapi.json"),
                " tells the rest.",
            ),
        ]
    )


def _digest(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
