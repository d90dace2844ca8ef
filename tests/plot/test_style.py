"""How figures become SVG within a page, and PNG files."""

import re

import cv2

from darkroom.plot import style


def framed():
    with style.drawing():
        figure, axes = style.chart()
        axes.plot([0, 1], label="<a> $x$", color=style.ACCENT)
        axes.plot([0, 0.5], label="b")
        style.legend_above(axes)
        return style.svg(figure, "one"), style.svg(figure, "two"), figure


def test_a_chart_in_a_page_has_ids_of_its_own_and_the_pages_inks_and_size():
    one, two, _ = framed()
    assert one.startswith('<svg aria-hidden="true" ')
    ids = [re.findall(r'\bid="(.*?)"', svg) for svg in (one, two)]
    assert len(set(ids[0] + ids[1])) == 2 * len(ids[0])
    used = re.findall(r'url\(#(.*?)\)|xlink:href="#(.*?)"', one)
    assert used
    assert {name for pair in used for name in pair if name} <= set(ids[0])
    for ink, name in ((style.INK, "ink"), (style.LINE, "line"), (style.ACCENT, "accent")):
        assert ink not in one
        assert f"var(--{name})" in one
    opening = one.split(">")[0]
    assert "viewBox=" in opening
    assert "width=" not in opening
    assert "metadata" not in one
    assert re.search(r">&lt;a&gt; \$x\$</text>", one)


def test_a_picture_within_a_chart_keeps_its_size():
    with style.drawing():
        figure, axes = style.chart()
        axes.imshow([[0.0, 1.0]])
        drawn = style.svg(figure, "one")
    assert re.search(r'<image [^>]*width="[\d.]+" height="[\d.]+"', drawn.replace("\n", " "))


def test_a_png_file_has_the_pixels_asked_for_on_white(tmp_path):
    *_, figure = framed()
    with style.drawing():
        style.write_png(figure, tmp_path / "a.png", 50)
    width, height = figure.get_size_inches()
    pixels = cv2.imread(str(tmp_path / "a.png"))
    assert pixels.shape == (round(50 * height), round(50 * width), 3)
    assert (pixels[0, 0] == 255).all()
    assert b"matplotlib" not in (tmp_path / "a.png").read_bytes()


def test_a_legend_stands_above_the_axes_side_by_side_and_frameless():
    *_, figure = framed()
    [axes] = figure.axes
    legend = axes.get_legend()
    with style.drawing():
        figure.canvas.draw()
        box, room = legend.get_window_extent(), axes.get_window_extent()
        one, two = (text.get_window_extent() for text in legend.get_texts())
    assert room.y1 <= box.y0 < room.y1 + 0.1 * figure.dpi
    assert abs(box.x0 - room.x0) < 0.2 * figure.dpi
    assert one.x1 < two.x0
    assert abs(one.y0 - two.y0) < 2
    assert not legend.get_frame_on()
