"""Names of classes in PNG files: no box where the font lacks a letter, and Arabic the right way round."""

import re
import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.text import Text

from darkroom.plot import image_figures, style
from darkroom.plot.charts import charts
from darkroom.plot.png_names import png_names
from darkroom.plot.stage_outputs import read_results

DRAWN = ["Straße", "кошка", "قطة", "חתול", "می\u200cخواهم", "😀", "tiếng Việt", "a\u0301", "$x$"]  # noqa: RUF001
NUMBERED = ["고양이", "中国的一个名字很长很长很长的类", "कुत्ता", "ไทย", "👩\u200d🚀", "a\tb", "ﾊﾝ"]


def test_a_name_with_a_letter_that_the_font_lacks_has_its_number():
    names = png_names([*DRAWN, *NUMBERED])
    assert list(names) == [*DRAWN, *NUMBERED]
    assert [names[name] for name in DRAWN] == DRAWN
    assert [names[name] for name in NUMBERED] == [f"class {len(DRAWN) + n}" for n in range(len(NUMBERED))]


def test_no_two_classes_are_called_alike():
    names = png_names(["class 1", "猫", "class #1", "犬"])
    assert list(names.values()) == ["class 1", "class ##1", "class #1", "class ##3"]


@pytest.mark.parametrize("classes", [DRAWN, NUMBERED, NUMBERED + [f"犬{n}" for n in range(40)]])
def test_every_letter_that_is_drawn_is_in_the_font(classes, make_inputs, tmp_path):
    folder = make_inputs(classes=classes, images=60 * len(classes), shape=(8, 8, 1), sureness=1.0).folder
    parts = ("data/images", "data/split", "models", "data/predictions", "metrics", "plots")
    results = read_results(*(folder / part for part in parts))
    names = png_names(classes)
    font = get_font(findfont("DejaVu Sans", fallback_to_default=False))
    texts = set()
    with style.drawing(), warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in (charts(results, names) | image_figures.pictures(results, 25, names)).values():
            style.write_png(figure, tmp_path / "figure.png", 50)
            texts |= {text.get_text() for text in figure.findobj(Text)}
    assert {letter for text in texts for letter in text if not font.get_char_index(ord(letter))} <= {"\n"}
    assert len(classes) > 40 or all(any(names[name][:12] in text for text in texts) for name in classes)


def test_a_report_names_the_classes_in_full_and_says_what_the_png_files_call_them(make_inputs):
    inputs = make_inputs(classes=["hen", *NUMBERED[:2]], images=200, sureness=2.0)
    assert inputs.plot().returncode == 0
    page = inputs.report.read_text()
    charts = re.findall('<svg aria-hidden="true".*?</svg>', page, re.DOTALL)
    assert sum("고양이" in chart for chart in charts) == 4
    assert not [chart for chart in charts if "class 1" in chart]
    assert '<th scope="row">class 1</th><td>고양이</td>' in page
    assert "In the PNG files" not in plotted_report(make_inputs)


def plotted_report(make_inputs):
    inputs = make_inputs(classes=["hen", "dog"], images=200)
    assert inputs.plot().returncode == 0
    return inputs.report.read_text()


def pixels(text):
    """Draw the text from the left: grey, float (height, width)."""
    figure = Figure(figsize=(4, 0.5), dpi=100)
    figure.text(0.01, 0.3, text)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].mean(axis=2)


@pytest.mark.parametrize(("true", "predicted"), [("قط", "كلب"), ("كلب", "hen"), ("hen", "قط")])
def test_the_true_class_of_a_mistake_stands_on_the_left(true, predicted):
    with style.drawing():
        alone, both = pixels(true), pixels(image_figures._arrow(true, predicted))
    width = np.flatnonzero((alone < 255).any(axis=0))[-1] + 1
    assert (alone[:, :width] == both[:, :width]).all()
    assert (both[:, width + 20 :] < 255).any()
