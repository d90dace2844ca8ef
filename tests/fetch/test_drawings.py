"""The bundled drawings of O and X."""

import cv2
import numpy as np
import pytest

from darkroom.fetch.drawings import CLASSES, COUNTS, draw, drawings


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
    thickness = []
    for split, label, number in every():
        image = draw(0, split, label, number)
        assert image.dtype == np.uint8
        assert all(200 <= side <= 600 for side in image.shape)
        # Across a stroke of width w, the distance to its nearer edge runs from 0 to w / 2: a quarter of w on average.
        drawn = ink(image)
        away = cv2.distanceTransform(drawn.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        thickness.append(4 * float(away[drawn].mean()))
    assert 3 <= min(thickness) < 6
    assert 20 < max(thickness) <= 29  # wider where strokes cross


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
