"""Grids of pictures as matplotlib holds them: which picture stands where, with which pixels and words."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from darkroom.plot import image_figures, style
from darkroom.plot.image_figures import GAP, grid
from darkroom.plot.stage_outputs import read_results


def numbered(count, shape=(20, 30, 1)):
    """Return pictures of one grey each, which tells its number."""
    return [np.full(shape, 5 * number, np.uint8) for number in range(count)]


def rendered(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


@pytest.mark.parametrize(
    ("count", "columns", "expected"),
    [
        (1, None, 1),
        (2, None, 2),
        (3, None, 2),
        (4, None, 2),
        (9, None, 3),
        (25, None, 5),
        (10, 5, 5),
        (7, 4, 4),
    ],
)
@pytest.mark.parametrize("shape", [(20, 30, 1), (30, 20, 3), (5, 60, 3), (60, 5, 1)])
def test_pictures_stand_in_rows_each_with_its_words_below_it(count, columns, expected, shape):
    captions = [f"{number}\nof {count}" for number in range(count)]
    with style.drawing():
        figure = grid(numbered(count, shape), captions, columns)
        page = rendered(figure)
        [axes] = figure.axes
        dpi = figure.dpi
        boxes = []
        for number, (picture, text) in enumerate(zip(axes.images, axes.texts, strict=True)):
            box = picture.get_window_extent()
            words = text.get_window_extent()
            boxes.append(box)
            assert text.get_text() == captions[number]
            # What stands there is this picture, to its edges.
            rows = [round(len(page) - y) for y in (box.y1 - 2, box.y0 + 2)]
            left, right = round(box.x0 + 2), round(box.x1 - 2)
            seen = page[rows[0] : rows[1], left:right]
            assert seen.size
            assert (seen == 5 * number).all()
            assert words.y1 <= box.y0
            assert words.y0 >= 0
            assert words.y1 > box.y0 - 0.1 * dpi
            assert (words.x0 + words.x1) / 2 == pytest.approx((box.x0 + box.x1) / 2, abs=2)
    # A picture keeps its shape, unless it would be twice as high as wide, or less than half.
    ratio = min(2.0, max(0.5, shape[0] / shape[1]))
    for box in boxes:
        assert box.height == pytest.approx(ratio * box.width)
        assert 1 < box.width / dpi < 1.5
    for left, right in itertools.pairwise(boxes[:expected]):
        assert left.y0 == pytest.approx(right.y0)
        assert right.x0 - left.x1 == pytest.approx(GAP * dpi)
    for upper, lower in zip(boxes, boxes[expected:], strict=False):
        assert lower.x0 == pytest.approx(upper.x0)
        assert upper.y0 - lower.y1 > 0
    width, height = figure.get_size_inches() * dpi
    assert boxes[0].x0 == pytest.approx(0)
    assert boxes[0].y1 == pytest.approx(height)
    assert max(box.x1 for box in boxes) == pytest.approx(width if count >= expected else boxes[-1].x1)
    # Below the last row there is room for its two lines and no more.
    assert 0.3 * dpi < boxes[-1].y0 < 0.6 * dpi


def test_pictures_without_words_stand_close():
    bare, one, two = (grid(numbered(4), [caption] * 4).get_figheight() for caption in ("", "a", "a\nb"))
    assert two - one == pytest.approx(one - bare)
    assert one - bare > 2 * 7.5 / 72  # two lines of the pictures of two rows
    rows = 2 * 1.15 * 20 / 30
    assert 0 < bare - rows < 0.2


def test_a_picture_of_more_pixels_than_are_shown_is_shrunk_and_a_small_one_keeps_its_own():
    photo = np.arange(4000 * 3, dtype=np.uint32).reshape(40, 100, 3).astype(np.uint8)
    for image, pixels_high in ((photo, 40), (photo, 41)):
        assert image_figures._fitted(image, pixels_high) is image
    halved = image_figures._fitted(photo, 20)
    assert halved.shape == (20, 50, 3)
    means = photo.reshape(20, 2, 50, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - means).max() <= 0.5
    assert image_figures._fitted(np.zeros((100, 1, 3), np.uint8), 10).shape == (10, 1, 3)
    # A hundred and fifty pixels an inch of the paper, as sharp as print.
    [picture] = grid([np.zeros((400, 400, 3), np.uint8)], [""]).axes[0].images
    assert picture.get_array().shape == (172, 172, 3)


def test_a_grey_picture_is_grey_and_a_coloured_one_has_its_colours():
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert (image_figures.coloured(grey) == grey).all()
    assert image_figures.coloured(grey).shape == (2, 3, 3)
    colour = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    assert image_figures.coloured(colour) is colour
    parts = image_figures.channels(colour)
    assert list(parts) == ["all channels", "red", "green", "blue"]
    for number, name in enumerate(("red", "green", "blue")):
        assert parts[name].tolist() == colour[..., [number]].tolist()


@pytest.fixture(scope="module")
def made(make_inputs):
    """Return the outputs of a run with mistakes, and its three classes' names in PNG files."""
    folder = make_inputs(classes=["cat", "dog", "hen"], images=300, sureness=1.0, shape=(12, 12, 3)).folder
    parts = ("data/images", "data/split", "models", "data/predictions", "metrics", "plots")
    return read_results(*(folder / part for part in parts)), {"cat": "cat", "dog": "dog", "hen": "class 2"}


def shown(figure):
    [axes] = figure.axes
    return [picture.get_array() for picture in axes.images], [text.get_text() for text in axes.texts]


def test_each_grid_shows_what_it_is_called(made):
    results, names = made
    with style.drawing():
        figures = image_figures.pictures(results, 6, names)
    assert list(figures) == ["samples", "channels", "augmented", "mistakes", "occlusion"]
    images, captions = shown(figures["samples"])
    assert captions == ["cat", "cat", "dog", "dog", "class 2", "class 2"]
    images, captions = shown(figures["augmented"])
    assert captions == ["as it came"] + [""] * 9
    assert (images[0] == results.augmented["original"]).all()
    assert all(
        (one == other).all() for one, other in zip(images[1:], results.augmented["augmented"], strict=True)
    )
    assert len({picture.get_window_extent().y0 for picture in figures["augmented"].axes[0].images}) == 2
    images, captions = shown(figures["mistakes"])
    assert len(images) == 6
    worst = results.mistakes.iloc[0]
    assert captions[0].replace(image_figures.LEFT_TO_RIGHT, "") == (
        f"{names[worst['label']]} → {names[worst['predicted']]}\n{100 * worst['confidence']:.1f} %"
    )
    [pixels] = results.pixels_of([worst["id"]])
    assert (images[0] == pixels).all()
    images, captions = shown(figures["occlusion"])
    assert captions == ["", "what mattered"] * 6
    originals = results.pixels_of(list(results.occlusion["ids"]))
    assert all((one == other).all() for one, other in zip(images[::2], originals, strict=True))
    assert all((one != other).any() for one, other in itertools.pairwise(images))
    assert len({picture.get_window_extent().x0 for picture in figures["occlusion"].axes[0].images}) == 4
