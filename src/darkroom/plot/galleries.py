"""Image galleries and charts for the page, with captions and alternative text for screen readers."""

from collections.abc import Sequence

from darkroom.array_types import Pixels
from darkroom.plot.html import Content, Html, element
from darkroom.plot.thumbnails import data_urls

LARGEST_SHARP = 96
"""Images of at most this side, in pixels, are blown up as squares rather than blurred."""


def gallery(
    images: Sequence[Pixels], alts: Sequence[str], captions: Sequence[Content], budget: int, kind: str = ""
) -> Html:
    """Return images in rows that wrap, each with its caption; ``kind`` is a class of the style sheet."""
    items = [
        element("figure", drawn, element("figcaption", caption) if caption else None)
        for drawn, caption in zip(drawn_images(images, alts, budget), captions, strict=True)
    ]
    return element("div", *items, class_=f"gallery {kind}".rstrip())


def drawn_images(images: Sequence[Pixels], alts: Sequence[str], budget: int) -> list[Html]:
    """Return images as elements, together at most about ``budget`` characters; small ones show their pixels."""
    urls = data_urls(images, budget)
    return [
        element(
            "img",
            src=url,
            alt=alt,
            width=image.shape[1],
            height=image.shape[0],
            class_="pixels" if max(image.shape[:2]) <= LARGEST_SHARP else None,
        )
        for image, url, alt in zip(images, urls, alts, strict=True)
    ]


def figure(chart: Html, caption: str, alt: str | None = None) -> Html:
    """Return a chart with its caption; ``alt`` says in words what is seen, the caption where there is none."""
    return element(
        "figure",
        element("div", chart, role="img", aria_label=alt or caption, class_="chart"),
        element("figcaption", caption),
    )
