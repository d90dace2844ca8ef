"""Every command of README and docs is run as it is written, in order, in a fresh clone, on images of one's own."""

import pytest

from tests.pipeline.conftest import Repository
from tests.pipeline.reader import BEFORE, ELSEWHERE, OTHERS, PAGES, commands, follow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2000)]


def test_every_command_of_the_other_pages_does_what_it_says(repository: Repository) -> None:
    follow(OTHERS, repository)


def test_no_page_is_without_its_commands() -> None:
    assert sum(len(list(commands(page))) for page in PAGES) > 100
    assert set(ELSEWHERE) | set(BEFORE) <= {command for page in PAGES for command in commands(page)}
