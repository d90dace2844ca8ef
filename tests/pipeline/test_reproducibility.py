"""The same bytes from the same inputs: elsewhere, later, under another locale, and after any kill."""

import os
import random

import pytest

from tests.parameters import TRANSFER
from tests.pipeline.chaos import torment


@pytest.mark.slow
def test_other_folder_zone_locale_umask_hashes_and_workers_give_the_same_bytes(finished, tmp_path):
    """Only decode.workers changes in params.yaml, so dvc.lock may differ in that line alone."""
    lock = finished.path("dvc.lock").read_text()
    elsewhere = tmp_path / "another folder, with a space"
    finished.folder.rename(elsewhere)
    finished.folder = elsewhere
    finished.change({"decode.workers": 3})
    before = os.umask(0o077)
    try:
        finished.repro(
            "--force", TZ="Pacific/Kiritimati", LC_ALL="C", LANG="tr_TR.UTF-8", PYTHONHASHSEED="77"
        )
    finally:
        os.umask(before)
    assert finished.path("dvc.lock").read_text().replace("workers: 3", "workers: 2") == lock


@pytest.mark.slow
def test_killed_runs_end_in_the_bytes_of_a_run_left_in_peace(repository):
    repository.change({"train.epochs": 4})
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # pytest shows it where the test fails; chaos.py --seed repeats it
    assert torment(repository.folder, kills=6, seed=seed) == []


@pytest.mark.slow
@pytest.mark.weekly
def test_killed_while_features_are_computed_or_a_head_is_solved_it_ends_in_the_same_bytes(repository):
    repository.change(TRANSFER)
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    assert torment(repository.folder, kills=2, seed=seed, stages=["train"]) == []
