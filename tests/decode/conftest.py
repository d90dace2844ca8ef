"""What tests of decode on clusters, on storage and on tables share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.decode import clusters
from tests.decode.clusters import Pretended


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[None]:
    """Work in a folder that has those which the stage looks for."""
    with clusters.workspace(tmp_path):
        yield


@pytest.fixture
def scheduler() -> Iterator[str]:
    """Start a scheduler of Dask; its address."""
    with clusters.dask_scheduler() as address:
        yield address


@pytest.fixture
def pretended() -> Iterator[Pretended]:
    """Have the stage find a cluster that only pretends."""
    with clusters.pretended_cluster() as cluster:
        yield cluster
