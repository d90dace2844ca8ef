"""The run of three classes that the tests of plot make, and a record of it."""

import pytest

from darkroom.card.run_record import Record
from tests.plot.conftest import make_inputs, results  # noqa: F401  (fixtures)


@pytest.fixture
def record() -> Record:
    """Return what dvc.lock and git might say of the run."""
    params = {"source": {"kind": "bundled"}, "split": {"seed": 7}}
    return Record(params, "0123456789abcdef.dir", "c0ffee", "digits", (("augment.zoom", "[0.9, 1.1]"),))
