"""Every image once a pass, in an order of its own; in blocks, neighbours on disk together and read ahead in time."""

from typing import Any

import numpy as np
import pytest

from darkroom.train import order, random_numbers
from darkroom.train.order import Order

ROWS = np.flatnonzero(np.arange(1000) % 10)  # every tenth is not for training


class Read:
    """Images of 2 KiB, and what they are told to read ahead."""

    image_bytes = 2048

    def __init__(self) -> None:
        self.ahead: list[tuple[int, int]] = []

    def read_ahead(self, rows: np.ndarray) -> None:
        assert (np.diff(rows) == 1).all()
        self.ahead.append((int(rows[0]), int(rows[-1]) + 1))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a block hold ten images and a buffer four blocks."""
    monkeypatch.setattr(order, "BLOCK_BYTES", 10 * 2048)
    monkeypatch.setattr(order, "BUFFER_BLOCKS", 4)


def of(shuffle: Any, rows: np.ndarray = ROWS, seed: int = 0, images: Any = None) -> Order:
    keys = random_numbers.image_keys(map(str, rows.tolist()))
    return Order(images or Read(), rows, keys, seed, shuffle)


def whole(one: Order, turn: int) -> list[int]:
    return ROWS[one.taken(turn, 0, len(ROWS))].tolist()


@pytest.mark.parametrize("shuffle", ["images", "blocks"])
def test_each_pass_takes_every_image_once_in_an_order_of_its_own(shuffle: str) -> None:
    passes = [whole(of(shuffle), turn) for turn in range(3)] + [whole(of(shuffle, seed=1), 0)]
    assert all(sorted(taken) == ROWS.tolist() for taken in passes)
    assert len(set(map(tuple, passes))) == 4


@pytest.mark.parametrize("shuffle", ["images", "blocks"])
def test_a_part_of_a_pass_does_not_depend_on_what_was_taken_before(shuffle: str) -> None:
    expected = whole(of(shuffle), 5)
    one = of(shuffle)
    for turn, start, stop in ((5, 300, 320), (4, 0, 900), (5, 7, 400), (6, 1, 2), (5, 899, 950)):
        taken = one.taken(turn, start, stop)
        if turn == 5:
            assert ROWS[taken].tolist() == expected[start:stop]


def test_a_buffer_holds_whole_blocks_which_another_pass_puts_together_otherwise() -> None:
    buffers = []
    for turn in range(2):
        taken = np.array(whole(of("blocks"), turn))
        assert len(set(taken[:36] // 10)) == 4  # nine images of each block are for training
        parts = np.split(taken // 10, range(36, len(taken), 36))
        assert all(
            len(set(part)) == 4 and (np.bincount(part, minlength=100) % 9 == 0).all() for part in parts
        )
        assert any((np.diff(part) != 0).sum() > 20 for part in parts)  # not a block after the other
        buffers.append({frozenset(part.tolist()) for part in parts})
    assert not buffers[0] & buffers[1]


def test_images_that_fit_in_a_buffer_have_the_same_order_either_way() -> None:
    few = ROWS[:36]
    orders = [of(shuffle, few).taken(3, 0, 36).tolist() for shuffle in ("images", "blocks")]
    assert orders[0] == orders[1]


def test_each_block_is_read_ahead_before_its_images_are_taken() -> None:
    images = Read()
    one = of("blocks", images=images)
    for start in range(0, len(ROWS), 8):
        taken = ROWS[one.taken(0, start, start + 8)]
        assert set((taken // 10).tolist()) <= {begin // 10 for begin, _ in images.ahead}
        # No more than this buffer and the next: what is read ahead has to stay in memory.
        assert len(set(images.ahead)) <= 4 * (start // 36 + 3)
    assert all(stop - begin == 10 for begin, stop in images.ahead)
    assert len(images.ahead) <= 2 * 100
    quiet = Read()
    of("images", images=quiet).taken(0, 0, 900)
    assert not quiet.ahead
