"""Charts as matplotlib holds them before they are drawn: what stands where, under which name, and can be read."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb, to_rgba

from darkroom.plot import charts, style

FRAME = 0.8
"""Width that matplotlib gives lines of axes, points: what is data must not be thinner than half of it."""


@pytest.fixture(autouse=True)
def in_darkrooms_style():
    with style.drawing():
        yield


def drawn(figure):
    """Lay the figure out and return what measures text on it."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def named(axes):
    """Return the lines that the legend names."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def contrast(one, other):
    """Return how far two colours stand apart, 1 to 21 (WCAG 2.2, contrast ratio)."""
    channels = np.array([to_rgb(one), to_rgb(other)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


def inside(figure, renderer):
    """Return whether all that is drawn lies on the figure."""
    box, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
    return min(box.x0, box.y0) >= -0.01 and box.x1 <= width + 0.01 and box.y1 <= height + 0.01


def history(epochs, **columns):
    return SimpleNamespace(history=pd.DataFrame({"epoch": np.arange(1, epochs + 1)} | columns))


@pytest.mark.parametrize(("epochs", "marked"), [(1, True), (2, True), (3, False)])
def test_training_is_drawn_by_epoch_and_dots_show_what_is_too_short_for_a_line(epochs, marked):
    run = history(epochs, loss=np.linspace(2, 1, epochs), val_loss=np.linspace(3, 2, epochs))
    [axes] = charts.history(run, "loss").axes
    lines = named(axes)
    assert list(lines) == ["train", "validation"]
    for line, column in zip(lines.values(), ("loss", "val_loss"), strict=True):
        assert line.get_xdata().tolist() == run.history["epoch"].tolist()
        assert line.get_ydata().tolist() == run.history[column].tolist()
        assert (line.get_marker() == "o") == marked
    assert lines["validation"].get_color() == style.ACCENT
    assert lines["train"].get_color() != style.ACCENT
    assert axes.get_ylim()[0] == 0
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")


def test_accuracy_is_in_percent_epochs_are_whole_and_what_was_not_measured_is_left_out():
    run = history(3, accuracy=[0.5, 0.75, 0.875], val_accuracy=[np.nan] * 3)
    figure = charts.history(run, "accuracy")
    [axes] = figure.axes
    assert list(named(axes)) == ["train"]
    assert inside(figure, drawn(figure))
    assert "60.0 %" in ticks(axes.yaxis)
    assert {"1", "2", "3"} == {text for text in ticks(axes.xaxis) if 1 <= float(text) <= 3}
    run = history(3, accuracy=[0.5, 0.75, 0.875], val_accuracy=[np.nan, np.nan, 0.5])
    assert list(named(charts.history(run, "accuracy").axes[0])) == ["train", "validation"]


def curves(classes, macro=True):
    """Return a table of curves, each class's higher than the one's before, and under names of their own."""
    grid = np.linspace(0, 1, 11)
    table = {"x": grid} | {f"c{n:03d}": grid ** (1 / (2 + n)) for n in range(classes)}
    return pd.DataFrame(table | ({"macro": grid} if macro else {}))


@pytest.mark.parametrize("classes", [2, 5, 6, 10])
def test_a_few_classes_have_a_curve_each_and_their_mean_stands_out(classes):
    table = curves(classes)
    figure = charts._one_against_rest(table, "recall", "precision")
    [axes] = figure.axes
    lines = named(axes)
    assert list(lines) == [*table.columns[1:-1], "mean"]
    for name, line in lines.items():
        assert line.get_xdata().tolist() == table["x"].tolist()
        assert line.get_ydata().tolist() == table["macro" if name == "mean" else name].tolist()
    assert len({line.get_color() for line in lines.values()}) == classes + 1
    mean = lines.pop("mean")
    assert {line.get_linestyle() for line in lines.values()} == {"-"} != {mean.get_linestyle()}
    for line in lines.values():
        assert FRAME / 2 < line.get_linewidth() < mean.get_linewidth() < 3 * FRAME + 0.5
    [legend] = figure.findobj(lambda artist: type(artist).__name__ == "Legend")
    assert legend._ncols == (1 if classes <= 5 else 2)
    assert inside(figure, drawn(figure))
    assert legend.get_window_extent().width < 0.6 * axes.bbox.width


def test_one_curve_needs_no_legend():
    [axes] = charts._one_against_rest(curves(1, macro=False), "recall", "precision").axes
    assert len(axes.lines) == 1
    assert axes.get_legend() is None


def test_of_many_classes_all_are_grey_and_thin_but_the_lowest_three():
    table = curves(11)
    [axes] = charts._one_against_rest(table, "recall", "precision").axes
    assert list(named(axes)) == ["c000", "c001", "c002", "mean"]
    grey = [line for line in axes.lines if line.get_label().startswith("_")]
    assert [line.get_ydata().tolist() for line in grey] == [
        table[name].tolist() for name in table.columns[1:-1]
    ]
    assert len({(line.get_color(), line.get_alpha()) for line in grey}) == 1
    assert 0 < grey[0].get_linewidth() < FRAME
    assert grey[0].get_alpha() < 1
    lowest = [named(axes)[name] for name in ("c000", "c001", "c002")]
    assert len({line.get_color() for line in lowest} | {grey[0].get_color()}) == 4
    assert all(FRAME < line.get_linewidth() < named(axes)["mean"].get_linewidth() for line in lowest)


def test_chance_is_the_diagonal_of_a_roc_in_percent_with_room_around_the_corners():
    figure = charts._one_against_rest(curves(2), "false positive rate", "true positive rate", chance=True)
    [axes] = figure.axes
    chance = axes.lines[0]
    assert (list(chance.get_xdata()), list(chance.get_ydata())) == ([0, 1], [0, 1])
    assert chance.get_linestyle() != "-"
    assert FRAME < chance.get_linewidth() < axes.lines[1].get_linewidth()
    assert (
        len(axes.lines) == len(charts._one_against_rest(curves(2), "recall", "precision").axes[0].lines) + 1
    )
    for low, high in (axes.get_xlim(), axes.get_ylim()):
        assert -0.1 < low < 0
        assert 1 < high < 1.1
    drawn(figure)
    assert ticks(axes.xaxis) == ticks(axes.yaxis)
    assert {"0 %", "100 %"} <= set(ticks(axes.xaxis))


def test_calibration_has_its_diagonal_and_dots_that_grow_with_the_images():
    table = pd.DataFrame(
        {"confidence": [0.2, 0.5, 0.9], "accuracy": [0.1, 0.5, 0.95], "images": [0, 50, 100]}
    )
    [axes] = charts.calibration(table).axes
    diagonal, line = axes.lines
    assert (list(diagonal.get_xdata()), list(diagonal.get_ydata())) == ([0, 1], [0, 1])
    assert line.get_xydata().tolist() == table[["confidence", "accuracy"]].to_numpy().tolist()
    [dots] = axes.collections
    assert dots.get_offsets().tolist() == table[["confidence", "accuracy"]].to_numpy().tolist()
    least, middle, most = dots.get_sizes()
    assert middle == (least + most) / 2
    assert most > 4 * least > 0
    assert dots.get_zorder() > line.get_zorder()
    # Both of one ink: the line between is fainter than the dots, and the dots let each other through.
    assert dots.get_facecolor()[0][:3].tolist() == list(to_rgb(style.ACCENT))
    assert line.get_alpha() < dots.get_alpha() < 1
    assert not dots.get_linewidth().any()
    empty = charts.calibration(table.assign(images=0)).axes[0].collections[0]
    assert set(empty.get_sizes()) == {least}


@pytest.mark.parametrize(("images", "marked"), [(2, True), (3, False)])
def test_the_error_is_drawn_by_coverage_with_the_share_that_is_answered(images, marked):
    table = pd.DataFrame({"coverage": np.linspace(0.5, 1, images), "error": np.linspace(0.1, 0.3, images)})
    run = SimpleNamespace(risk_coverage=table, scores={"evaluate": {}})
    [axes] = charts.risk_coverage(run).axes
    [line] = axes.lines
    assert line.get_xydata().tolist() == table.to_numpy().tolist()
    assert (line.get_marker() == "o") == marked
    low, high = axes.get_xlim()
    assert -0.1 < low < 0
    assert 1 < high < 1.1
    assert axes.get_ylim()[0] == 0
    run.scores["evaluate"]["coverage"] = 0.75
    figure = charts.risk_coverage(run)
    answered = figure.axes[0].lines[1]
    assert list(answered.get_xdata()) == [0.75, 0.75]
    assert answered.get_linestyle() != line.get_linestyle()
    drawn(figure)
    assert "100 %" in ticks(figure.axes[0].xaxis)
    assert ticks(figure.axes[0].yaxis)[-1].endswith(" %")


@pytest.mark.parametrize("classes", [1, 3, 40, 41])
def test_counts_are_stacked_by_part_and_named_where_there_is_room(classes):
    rows = np.arange(3 * classes).reshape(classes, 3) + 1
    names = [f"a kind of bird with a name too long {n}" for n in range(classes)]
    table = pd.DataFrame(rows, names, ["train", "validation", "test"])
    figure = charts.counts(table)
    [axes] = figure.axes
    lying = classes <= charts.MOST_NAMES
    for part, (bars, column) in enumerate(zip(axes.containers, table, strict=True)):
        assert bars.get_label() == column
        for place, bar in enumerate(bars):
            begin, length = (bar.get_x(), bar.get_width()) if lying else (bar.get_y(), bar.get_height())
            thickness = bar.get_height() if lying else bar.get_width()
            middle = (bar.get_y() if lying else bar.get_x()) + thickness / 2
            assert (begin, length) == (rows[place, :part].sum(), rows[place, part])
            assert middle == pytest.approx(place)
            # Named bars stand apart, nameless ones side by side.
            assert (0.5 < thickness < 0.9) if lying else thickness == 1
    assert len({to_rgba(bars[0].get_facecolor()) for bars in axes.containers}) == 3
    renderer = drawn(figure)
    assert inside(figure, renderer)
    assert figure.get_figwidth() == style.WIDTH
    [legend] = figure.findobj(lambda artist: type(artist).__name__ == "Legend")
    assert legend._ncols == 3
    assert not axes.bbox.overlaps(legend.get_window_extent())
    if lying:
        shown = axes.get_yticklabels()
        assert [text.get_text()[-1] for text in shown] == ["…"] * classes
        assert all(len(text.get_text()) <= 24 for text in shown)
        boxes = [text.get_window_extent(renderer) for text in shown]
        assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(boxes))
        assert axes.get_xlabel() == "images"
        grid = (axes.yaxis.get_gridlines()[0], axes.xaxis.get_gridlines()[0])
    else:
        assert axes.get_xlabel() == f"the {classes} classes, in order of their names"
        assert axes.get_ylabel() == "images"
        assert figure.get_figheight() == style.HEIGHT
        grid = (axes.xaxis.get_gridlines()[0], axes.yaxis.get_gridlines()[0])
    assert [line.get_visible() for line in grid] == [False, True]
    left, right = axes.get_xlim() if not lying else axes.get_ylim()[::-1]
    assert left < -0.3
    assert right > classes - 0.7
    assert right - left < 1.1 * classes + 0.1


def test_a_chart_of_few_images_has_whole_numbers_below_it():
    table = pd.DataFrame([[1, 0, 1]], ["cat"], ["train", "validation", "test"])
    figure = charts.counts(table)
    drawn(figure)
    assert all(float(text) == int(float(text)) for text in ticks(figure.axes[0].xaxis))


@pytest.mark.parametrize("classes", [2, 3, 6, 7, 15])
def test_a_small_confusion_matrix_has_its_numbers_in_their_cells_and_in_an_ink_that_stands_out(classes):
    numbers = np.random.default_rng(classes).integers(0, 60, (classes, classes)) * 2
    numbers[0] = 0
    numbers[1, :2] = [64, 36]
    numbers[1, 2:] = 0
    names = list("abcdefghijklmno"[:classes])
    figure = charts.confusion(pd.DataFrame(numbers, names, names))
    [axes] = figure.axes
    renderer = drawn(figure)
    said = {text.get_position(): text for text in axes.texts}
    assert {place: int(text.get_text()) for place, text in said.items()} == {
        (column, row): n for (row, column), n in np.ndenumerate(numbers) if n
    }
    shades = axes.images[0].get_array()
    shares = numbers / np.maximum(numbers.sum(axis=1, keepdims=True), 1)
    assert np.allclose(shades[..., 3] ** 2, shares)
    assert shades.min() >= 0
    assert contrast(shades[0, 0, :3], "white") > 7
    side = axes.bbox.width / classes
    for (column, row), text in said.items():
        opacity = shades[row, column, 3]
        ground = opacity * shades[row, column, :3] + 1 - opacity
        assert contrast(text.get_color(), ground) > 3
        box = text.get_window_extent(renderer)
        cell = axes.transData.transform([(column - 0.5, row + 0.5), (column + 0.5, row - 0.5)])
        assert cell[0, 0] < box.x0 < box.x1 < cell[1, 0]
        assert cell[0, 1] < box.y0 < box.y1 < cell[1, 1]
        assert (box.x0 + box.x1) / 2 == pytest.approx(cell[:, 0].mean(), abs=side / 20)
        assert text.get_fontsize() >= 8
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == names
    assert {text.get_rotation() for text in axes.get_xticklabels()} == {0}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "actual")
    assert inside(figure, renderer)
    assert axes.bbox.width == pytest.approx(axes.bbox.height)
    assert style.WIDTH <= figure.get_figwidth() <= 6.1
    assert axes.spines["top"].get_visible()
    assert axes.spines["right"].get_visible()


@pytest.mark.parametrize(("classes", "shown"), [(16, 16), (40, 40), (41, 14), (200, 20), (1000, 20)])
def test_a_large_confusion_matrix_has_no_numbers_and_names_that_do_not_touch(classes, shown):
    names = [f"c{n}" for n in range(classes)]
    figure = charts.confusion(pd.DataFrame(np.eye(classes, dtype=int), names, names))
    [axes] = figure.axes
    assert not axes.texts
    assert ticks(axes.yaxis) == ticks(axes.xaxis) == names[:: -(-classes // shown)]
    renderer = drawn(figure)
    boxes = [text.get_window_extent(renderer) for text in axes.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(boxes))
    boxes = [text.get_window_extent(renderer) for text in axes.get_xticklabels()]
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))
    assert axes.get_yticks().tolist() == list(range(0, classes, -(-classes // shown)))
    assert not any(line.get_visible() for line in axes.get_xgridlines())
    assert inside(figure, renderer)


@pytest.mark.parametrize(("names", "rotation"), [(["ox", "X"], 0), (["cat", "X"], 90)])
def test_long_names_stand_upright_below_a_confusion_matrix(names, rotation):
    [axes] = charts.confusion(pd.DataFrame(np.eye(2, dtype=int), names, names)).axes
    assert {text.get_rotation() for text in axes.get_xticklabels()} == {rotation}
