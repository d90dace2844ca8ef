"""A short run of the archive fuzzer; `python tests/decode/fuzz_archives.py --inputs 10000` is the long one."""

import importlib.util
from pathlib import Path

spec = importlib.util.spec_from_file_location("fuzz_archives", Path(__file__).with_name("fuzz_archives.py"))
fuzz_archives = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz_archives)


def test_mutated_archives_end_as_members_refused_files_or_a_message():
    counts = fuzz_archives.fuzz(inputs=300, seed=1)
    assert counts.total() == 300
    assert set(counts) == {"members", "members and losses", "message"}


def test_sound_archives_are_read_whole(tmp_path):
    for number, data in enumerate(fuzz_archives.seeds()):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        assert fuzz_archives.ending(data, folder) == "members"
