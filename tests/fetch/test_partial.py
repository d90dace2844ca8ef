"""Downloads that were killed, had no room or met another run go on where they stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from darkroom import UserError
from darkroom.fetch import partial
from darkroom.fetch.http_transfer import Patience
from tests.fetch.conftest import ZIP, Answerer, Download, File, Site, make_zip, only, starts
from tests.waiting import wait_until

CHILD = """
import sys
from pathlib import Path
from darkroom.fetch.http import fetch_http
from darkroom.fetch.http_transfer import Patience
url, folder, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
(folder / "raw").mkdir(exist_ok=True)
fetch_http([(url, "")], 10**10, folder / "raw", folder / "partials", Patience((0.01,), 5, 30))
"""


def child(url: str, folder: Path, limit: int = 0) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(folder), str(limit)], stderr=subprocess.PIPE, text=True
    )


def test_a_killed_download_goes_on_where_it_stopped(site: Site, download: Download, tmp_path: Path) -> None:
    content = make_zip(3_000_000)
    whole = File(content)

    def answer(answerer: Answerer) -> None:
        if len(site.requests) == 1:
            answerer.send(200, content[:2_000_000], len(content), ETag='"one"')
            site.closing.wait(60)
        else:
            whole(answerer)

    site.answers["/x.zip"] = answer
    url = site.url("/x.zip")

    def kept() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "partials").rglob("part"))

    with child(url, tmp_path) as process:
        wait_until(lambda: kept() > 1_500_000)
        process.send_signal(signal.SIGKILL)
    before = kept()
    assert not list((tmp_path / "raw").iterdir())
    assert only(download(url)) == content
    assert starts(site) == [None, f"bytes={before}-"]


def test_a_finished_file_is_not_fetched_again_when_a_later_one_failed(site: Site, download: Download) -> None:
    site.answers |= {"/a.zip": File(ZIP), "/b.zip": lambda answerer: answerer.send(404)}
    urls = [site.url("/a.zip"), site.url("/b.zip")]
    with pytest.raises(UserError, match="404"):
        download(*urls)
    site.answers["/b.zip"] = File(ZIP)
    site.requests.clear()
    assert len(download(*urls)) == 2
    assert [request.path for request in site.requests] == ["/b.zip"]


def test_a_damaged_note_makes_the_download_start_afresh(
    site: Site, download: Download, tmp_path: Path
) -> None:
    site.answers["/x.zip"] = File(ZIP, cuts=[100_000] * 4)
    with pytest.raises(UserError):
        download(site.url("/x.zip"), patience=Patience((), 5, 5))
    [note] = (tmp_path / "partials").rglob("note.json")
    assert json.loads(note.read_text())["validator"] == '"one"'
    note.write_text("{")
    site.answers["/x.zip"] = File(ZIP)
    site.requests.clear()
    assert only(download(site.url("/x.zip"))) == ZIP
    assert starts(site) == [None]


def test_a_disk_that_takes_no_more_is_said_and_the_rest_comes_later(
    site: Site, download: Download, tmp_path: Path
) -> None:
    content = make_zip(3_000_000)
    site.answers["/x.zip"] = File(content)
    with child(site.url("/x.zip"), tmp_path, limit=1_000_000) as process:
        said = process.communicate()[1]
    assert f"{tmp_path}/partials: cannot write: " in said
    assert "goes on where it stopped" in said
    assert "UserError" in said.splitlines()[-1]
    assert only(download(site.url("/x.zip"))) == content
    assert starts(site) == [None, "bytes=1000000-"]


def test_a_file_larger_than_the_disk_is_refused_before_it_comes(site: Site, download: Download) -> None:
    site.answers["/x.zip"] = lambda answerer: answerer.send(200, ZIP, 10**17)
    with pytest.raises(
        UserError, match=r"100,000,000,000,000,000 bytes are still to come, but the disk .* free some"
    ):
        download(site.url("/x.zip"), max_bytes=10**18)


def test_what_is_here_already_needs_no_more_room(site: Site, download: Download, tmp_path: Path) -> None:
    with partial.claimed(tmp_path / "partials", site.url("/x.zip"), "") as place:
        part = partial.Partial(place)
        part.restart('"one"')
        part.path.write_bytes(ZIP[:1000])
    site.answers["/x.zip"] = lambda answerer: answerer.send(
        206, ZIP[1000:], ETag='"one"', Content_Range=f"bytes 1000-{10**17 - 1}/{10**17}"
    )
    with pytest.raises(UserError, match="99,999,999,999,999,000 bytes are still to come"):
        download(site.url("/x.zip"), max_bytes=10**18)


def test_two_runs_at_once_take_turns(site: Site, tmp_path: Path) -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def answer(answerer: Answerer) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.3)
        File(ZIP)(answerer)
        with lock:
            under_way -= 1

    site.answers["/x.zip"] = answer
    with child(site.url("/x.zip"), tmp_path) as one, child(site.url("/x.zip"), tmp_path) as other:
        said = one.communicate()[1] + other.communicate()[1]
    assert (one.returncode, other.returncode) == (0, 0), said
    assert "waiting for it" in said
    assert most == 1
    assert (tmp_path / "raw" / "x.zip").read_bytes() == ZIP


def test_leaves_no_trace_of_a_finished_download_but_its_lock(
    site: Site, download: Download, tmp_path: Path
) -> None:
    site.answers["/x.zip"] = File(ZIP)
    download(site.url("/x.zip"))
    assert {path.suffix for path in (tmp_path / "partials").rglob("*")} == {".lock"}


def test_a_run_killed_after_the_last_byte_fetches_nothing_twice(
    site: Site, download: Download, tmp_path: Path
) -> None:
    """Neither where the length is known, nor where only the server can tell that nothing is left."""
    for total in (len(ZIP), None):
        site.answers["/x.zip"] = File(ZIP)
        site.requests.clear()
        with partial.claimed(tmp_path / "partials", site.url("/x.zip"), "") as place:
            part = partial.Partial(place)
            part.restart('"one"', total)
            part.path.write_bytes(ZIP)
        assert only(download(site.url("/x.zip"))) == ZIP
        assert starts(site) == ([] if total else [f"bytes={len(ZIP)}-"])


def test_what_nobody_asked_for_in_a_month_is_removed(site: Site, download: Download, tmp_path: Path) -> None:
    day = 24 * 3600
    for name, age in (("recent", 29 * day), ("forgotten", 30.5 * day)):
        with partial.claimed(tmp_path / "partials", name) as place:
            partial.Partial(place)
        os.utime(place, (time.time() - age,) * 2)
    site.answers["/x.zip"] = File(ZIP)
    download(site.url("/x.zip"))
    assert len(list((tmp_path / "partials").glob("*/part"))) == 1


def test_a_stage_that_outlived_its_run_leaves_the_next_ones_folder_alone(
    site: Site, download: Download, tmp_path: Path
) -> None:
    def answer(answerer: Answerer) -> None:
        shutil.rmtree(tmp_path / "raw")
        (tmp_path / "raw").mkdir()
        File(ZIP)(answerer)

    site.answers["/x.zip"] = answer
    with pytest.raises(UserError, match="another run has started it over"):
        download(site.url("/x.zip"))
    assert not list((tmp_path / "raw").iterdir())


def test_a_folder_on_another_disk_gets_a_copy(
    site: Site, download: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=shared_memory) as other:
        (tmp_path / "raw").rmdir()
        (tmp_path / "raw").symlink_to(other)
        site.answers["/x.zip"] = File(ZIP)
        assert only(download(site.url("/x.zip"))) == ZIP
        assert [path.name for path in Path(other).iterdir()] == ["x.zip"]


def test_a_connection_that_breaks_off_again_and_again_but_gets_on_is_not_given_up(
    site: Site, download: Download
) -> None:
    content = make_zip(9_000_000)
    site.answers["/x.zip"] = File(content, cuts=[1 << 19] + [1 << 20] * 7)
    assert only(download(site.url("/x.zip"), patience=Patience((0.01,), 5, 5))) == content
    assert len(site.requests) == 9


@pytest.mark.parametrize(("ranges", "cuts"), [(False, [5_000_000, 3_000_000]), (True, [(1 << 20) // 3])])
def test_a_connection_that_breaks_off_here_and_there_and_hardly_gets_on_is(
    ranges: bool, cuts: list[int], site: Site, download: Download
) -> None:
    site.answers["/x.zip"] = File(make_zip(9_000_000), ranges=ranges, cuts=cuts * 50)
    with pytest.raises(UserError, match=r"broke off.*gave up after 3 attempts"):
        download(site.url("/x.zip"), patience=Patience((0.01, 0.01), 5, 5))
