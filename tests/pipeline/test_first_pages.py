"""Every command of README and the pages it leads to first: as test_docs.py, beside it on another worker."""

import pytest

from tests.pipeline.conftest import Repository
from tests.pipeline.reader import FIRST, follow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2000)]


def test_every_command_of_the_first_pages_does_what_it_says(repository: Repository) -> None:
    follow(FIRST, repository)
