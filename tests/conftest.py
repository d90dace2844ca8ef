"""Fixtures that every room's tests share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom import backends
from darkroom.params import read_params

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files whose tests may take longest, so that no worker is left alone with one at the end."""

    def limit(item: pytest.Item) -> float:
        marker = item.get_closest_marker("timeout")
        return float(marker.args[0]) if marker else 0.0

    items.sort(key=limit, reverse=True)


@pytest.fixture(scope="session", autouse=True)
def heed_ctrl_c() -> Iterator[None]:
    """Let what tests start be interrupted.

    A process that a shell starts in the background ignores SIGINT, and so do its children.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's own folder."""
    return ROOT


@pytest.fixture(scope="session")
def real_images() -> Path:
    """Return the folder of real photos, cells and drawings; skip where it is absent."""
    folder = Path(os.environ.get("DARKROOM_REAL_IMAGES", ROOT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.csv").is_file():
        pytest.skip(f"no real images in {folder} (set DARKROOM_REAL_IMAGES to a folder that holds them)")
    return folder


@pytest.fixture(scope="session")
def tensorflow_started(root: Path) -> None:
    """Start TensorFlow as params.yaml has it: for tests that build networks in their own process.

    Its threads are set once a process, so all of them need it, whichever comes first.
    """
    train = read_params(root / "params.yaml").train
    backends.start("tensorflow", "cpu", train.threads, True, train.instruction_set, "tests")
