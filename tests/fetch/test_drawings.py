"""The bundled drawings of O and X."""

import math

import cv2
import numpy as np
import pytest

from darkroom.fetch import drawings as module
from darkroom.fetch.drawings import CLASSES, COUNTS, draw, drawings

MANY = 3000
"""Draws from which a mean is known to some three hundredths of a standard deviation (two standard errors)."""

TREMOR = math.sqrt(sum(0.5 * wave**-2.2 for wave in range(1, 9)))
"""Standard deviation of a tremor of size 1: eight sine waves, whose strengths fall with their number."""


def every(seed: int = 0) -> list[tuple[str, str, int]]:
    return [(split, label, n) for split in COUNTS for label in CLASSES for n in range(COUNTS[split])]


def ink(image: np.ndarray) -> np.ndarray:
    """Return where the pen was: nearer the darkest than the lightest."""
    return image < (int(image.min()) + int(image.max())) / 2


def test_splits_and_classes_have_their_counts() -> None:
    names = [name for name, _ in drawings(0)]
    assert len(names) == len(set(names)) == 104
    for split, count in {"train": 38, "validation": 8, "test": 6}.items():
        for label in "OX":
            assert sum(name.startswith(f"ox/{split}/{label}/") for name in names) == count


def test_a_drawing_depends_on_its_own_name_alone() -> None:
    alone = draw(3, "test", "X", 2)
    among_others = dict(drawings(3))["ox/test/X/X-002.png"]
    assert np.array_equal(cv2.imdecode(np.frombuffer(among_others, np.uint8), cv2.IMREAD_UNCHANGED), alone)


def test_no_two_drawings_are_the_same_and_another_seed_draws_others() -> None:
    contents = [png for seed in (0, 1) for _, png in drawings(seed)]
    assert len(set(contents)) == 208


def test_canvas_and_pen_are_as_described() -> None:
    thickness, inks, papers = [], [], []
    for split, label, number in every():
        image = draw(0, split, label, number)
        assert image.dtype == np.uint8
        inks.append(int(image.min()))
        papers.append(int(image.max()))
        assert all(200 <= side <= 600 for side in image.shape)
        # Across a stroke of width w, the distance to its nearer edge runs from 0 to w / 2: a quarter of w on average.
        drawn = ink(image)
        away = cv2.distanceTransform(drawn.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        thickness.append(4 * float(away[drawn].mean()))
    assert 3 <= min(thickness) < 6
    assert 20 < max(thickness) <= 29  # wider where strokes cross
    assert (min(inks), max(inks)) == (0, 89)
    assert (min(papers), max(papers)) == (236, 255)


def test_no_stroke_leaves_the_canvas() -> None:
    for split, label, number in every():
        drawn = ink(draw(0, split, label, number))
        edge = np.concatenate([drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]])
        assert not edge.any()


@pytest.mark.parametrize("label", CLASSES)
def test_what_is_drawn_is_the_letter_it_is_called(label: str) -> None:
    """An O leaves the middle of its box empty and marks the middle of each side; an X the other way round."""
    right = 0
    for number in range(38):
        drawn = ink(draw(0, "train", label, number))
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        box = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
        grid = cv2.resize(box * 255, (5, 5), interpolation=cv2.INTER_AREA)
        sides = np.count_nonzero([grid[0, 2], grid[4, 2], grid[2, 0], grid[2, 4]])
        looks_like_o = grid[2, 2] == 0 and sides >= 3
        looks_like_x = grid[1:4, 1:4].any() and sides <= 2
        right += bool(looks_like_o if label == "O" else looks_like_x and not looks_like_o)
    assert right >= 36


def generators() -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(MANY)]


def test_half_of_the_canvases_are_square_and_the_others_up_to_a_third_higher_or_a_quarter_lower() -> None:
    width, height = np.array([module._canvas(rng) for rng in generators()]).T
    assert (width.min(), width.max()) == (height.min(), height.max()) == (200, 600)
    assert np.mean(width == height) == pytest.approx(0.5, abs=0.03)
    ratio = height / width
    assert 0.745 < ratio.min() < 0.76
    assert 1.32 < ratio.max() <= 1.33


def test_an_o_is_one_turn_of_either_sense_from_anywhere_that_mostly_runs_past_its_start() -> None:
    points = np.array([module._round_stroke(rng)[0] for rng in generators()])
    narrow = np.abs(points[..., 0]).max(axis=1) / np.abs(points[..., 1]).max(axis=1)
    assert narrow.mean() == pytest.approx((0.72 + 1) / 2, abs=0.01)
    assert 0.6 < narrow.min() < 0.72 < 1 < narrow.max() < 1.2  # the tremor widens the range
    angle = np.unwrap(np.arctan2(points[..., 1], points[..., 0] / narrow[:, None]))
    turn = angle[:, -1] - angle[:, 0]
    assert np.mean(turn > 0) == pytest.approx(0.5, abs=0.03)
    past = np.abs(turn) - 2 * math.pi
    assert (past.mean(), past.std()) == pytest.approx((0.12, 0.16), abs=0.01)
    quarter = np.floor(angle[:, 0] / (math.pi / 2)) % 4
    assert np.bincount(quarter.astype(int), minlength=4) / MANY == pytest.approx([0.25] * 4, abs=0.03)
    radius = np.hypot(points[..., 0] / narrow[:, None], points[..., 1])
    assert radius.mean() == pytest.approx(1, abs=0.01)
    # The tremor comes back to where it began: what parts the ends is the drift alone.
    drift = radius[:, -1] - radius[:, 0]
    assert (drift.mean(), drift.std()) == pytest.approx((0, 0.07), abs=0.005)
    assert radius.std() == pytest.approx(math.hypot(0.045 * TREMOR, 0.07 / math.sqrt(3)), abs=0.005)


def test_an_x_is_two_strokes_between_the_corners_of_its_box_some_drawn_upwards() -> None:
    pairs = np.array([module._crossed_strokes(rng) for rng in generators()])
    starts, ends = pairs[:, :, 0], pairs[:, :, -1]
    upwards = starts[..., 1] > ends[..., 1]
    assert upwards.mean(axis=0) == pytest.approx([0.3, 0.3], abs=0.03)
    low, high = (np.where(upwards[..., None], *both) for both in ((ends, starts), (starts, ends)))
    assert low.mean(axis=0) == pytest.approx(np.array([[-0.85, -1], [0.85, -1]]), abs=0.02)
    assert high.mean(axis=0) == pytest.approx(np.array([[0.85, 1], [-0.85, 1]]), abs=0.02)
    across = math.hypot(0.11, 0.3 / math.sqrt(12))
    for corner in (low, high):
        assert corner.std(axis=0) == pytest.approx(np.array([[across, 0.11]] * 2), abs=0.01)
    # Half way a bent stroke is off its chord by the bend, and by twice each wave that is then at its opposite.
    unit = (ends - starts) / np.linalg.norm(ends - starts, axis=2, keepdims=True)
    aside = np.stack([-unit[..., 1], unit[..., 0]], axis=-1)
    lengths = np.linalg.norm(ends - starts, axis=2)
    off = np.einsum("psi,psi->ps", pairs[:, :, 59:61].mean(axis=2) - starts, aside) / lengths * 2
    opposite = 0.014 * math.sqrt(sum(2 * wave**-2.2 for wave in (1, 3, 5, 7)))
    assert off.mean() == pytest.approx(0, abs=0.005)
    assert off.std() == pytest.approx(math.hypot(0.06, opposite), abs=0.003)
    along = np.einsum("psti,psi->pst", pairs - starts[:, :, None], unit) / lengths[..., None]
    assert np.allclose(along, np.linspace(0, 1, pairs.shape[2]))


def test_a_tremor_is_eight_waves_that_weaken_and_begin_anywhere() -> None:
    t = np.linspace(0, 1, 65)[:-1]
    waves = np.fft.rfft([module._wobble(rng, t, 0.5) for rng in generators()], axis=1) / 32
    strength = np.sqrt((np.abs(waves) ** 2).mean(axis=0))
    assert strength[1:9] == pytest.approx([0.5 * wave**-1.1 for wave in range(1, 9)], rel=0.05)
    assert strength[[0, *range(9, 33)]] == pytest.approx(np.zeros(25), abs=1e-12)
    begins = np.angle(waves[:, 1:9]) // (math.pi / 2) % 4
    assert np.bincount(begins.astype(int).ravel()) / begins.size == pytest.approx([0.25] * 4, abs=0.02)


def test_strokes_are_turned_slanted_sized_and_put_anywhere_that_leaves_the_pen_on_the_canvas() -> None:
    axes = [np.array([[-1.0, 0], [1, 0]]), np.array([[0.0, -1], [0, 1]])]
    placed = np.array([module._place(rng, axes, 400, 300, 10.0) for rng in generators()])
    low, high = placed.min(axis=(1, 2)), placed.max(axis=(1, 2))
    room = np.array([400, 300]) - 2 * 13
    size = ((high - low) / room).max(axis=1)
    assert (size.min(), size.mean(), size.max()) == pytest.approx((0.45, 0.71, 0.97), abs=0.005)
    free = (low - 13) / (room - (high - low))
    assert free.min() > 0
    assert free.max() < 1
    assert free.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.01)
    assert free.std(axis=0) == pytest.approx([math.sqrt(0.25 / 6)] * 2, abs=0.01)  # of a beta distribution
    across, down = placed[:, 0, 1] - placed[:, 0, 0], placed[:, 1, 1] - placed[:, 1, 0]
    # A slant moves points sideways only: the turn shows in their heights.
    turn = np.arctan2(across[:, 1], down[:, 1])
    slant = (down[:, 0] + across[:, 1]) / down[:, 1]
    assert (turn.mean(), turn.std()) == pytest.approx((0, 0.13), abs=0.01)
    assert (slant.mean(), slant.std()) == pytest.approx((0, 0.12), abs=0.01)
    area = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    assert area == pytest.approx(across[:, 1] ** 2 + down[:, 1] ** 2)


def test_the_pen_touches_the_paper_every_pixel_and_a_half() -> None:
    corner = np.array([[10.0, 20], [40, 20], [40, 60]])
    points = module._even(corner)
    assert points[0] == pytest.approx(corner[0])
    way = np.abs(np.diff(points, axis=0)).sum(axis=1)
    assert way == pytest.approx(np.full(len(points) - 1, 1.5))
    assert 68.5 <= way.sum() < 70


@pytest.mark.parametrize("pen", [3, 10, 25])
def test_a_line_is_as_wide_as_its_pen_within_its_tremor_and_never_out_of_range(pen: int) -> None:
    scale = module._SCALE
    stroke = np.stack([np.arange(40, 200, 1.5), np.full(107, 45.0)], axis=1)
    widths = []
    for seed in range(20):
        paper = np.full((90 * scale, 240 * scale), 250, np.uint8)
        module._ink(np.random.default_rng(seed), paper, stroke, pen, 7)
        assert set(np.unique(paper)) == {7, 250}
        drawn = paper == 7
        assert np.flatnonzero(drawn.any(axis=0))[0] / scale == pytest.approx(40 - pen / 2, abs=2)
        assert np.flatnonzero(drawn.any(axis=1)).mean() / scale == pytest.approx(45, abs=0.5)
        widths.append(drawn[:, 60 * scale : 180 * scale].sum(axis=0) / scale)
    pixel = 1 / scale
    assert 3 - 2 * pixel <= np.min(widths)
    assert np.max(widths) <= 25 + 2 * pixel
    assert np.mean(widths) == pytest.approx(pen, rel=0.06)
    assert np.max(widths) >= pen + pixel
    if pen == 10:
        assert np.std(widths) == pytest.approx(0.05 * pen * TREMOR, abs=0.15)
