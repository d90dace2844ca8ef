"""Work is parted evenly, by nothing but what is to be done."""

import itertools

import pytest

from darkroom.decode import shards

SMALL = (16, 16, 1)


@pytest.mark.parametrize("count", [0, 1, 127, 128, 1000, 1024, 1025, 25_000])
@pytest.mark.parametrize("most", [1, 7, 1024, 1_000_000])
def test_shards_cover_all_members_once_evenly(count: int, most: int) -> None:
    plan = shards.plan(count, SMALL, most)
    assert [member for shard in plan for member in shard] == list(range(count))
    sizes = [len(shard) for shard in plan]
    assert max(sizes) <= max(most, -(-count // shards.MOST_SHARDS))
    assert max(sizes) - min(sizes) <= 1
    assert all(one.stop == other.start for one, other in itertools.pairwise(plan))


def test_large_images_make_smaller_shards() -> None:
    shape = (4096, 4096, 3)
    assert all(len(shard) == 1 for shard in shards.plan(5, shape, 1024))
    assert (
        max(len(shard) for shard in shards.plan(10_000, (512, 512, 3), 1024)) * 512 * 512 * 3
        <= shards.MOST_BYTES
    )


@pytest.mark.parametrize("shape", [SMALL, (224, 224, 3)])
def test_ten_million_images_do_not_make_a_folder_of_many_thousand_files(shape: tuple[int, int, int]) -> None:
    plan = shards.plan(10_000_000, shape, 1024)
    assert len(plan) <= 4096
    assert plan[-1].stop == 10_000_000


@pytest.mark.parametrize("count", [256, 300, 1000, 1023, 1024, 5000])
def test_images_that_would_fit_fewer_shards_keep_several_workers_busy(count: int) -> None:
    plan = shards.plan(count, SMALL, 1024)
    assert 1 < len(plan) <= shards.FEWEST_SHARDS
    assert min(map(len, plan)) >= shards.FEWEST_IMAGES
    # One more would be more than asked for, or hold too few.
    assert len(plan) == shards.FEWEST_SHARDS or count < (len(plan) + 1) * shards.FEWEST_IMAGES


def test_few_images_are_one_shard() -> None:
    assert len(shards.plan(shards.FEWEST_IMAGES * 2 - 1, SMALL, 1024)) == 1
