"""Decode by way of storage, on workers that do not see the project's folder: the same bytes, and nothing left over."""

import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from darkroom.decode import storage
from tests.decode import clusters
from tests.decode.clusters import SHARD, dask_worker, decoded, finished_shards, kill, refused
from tests.decode.small_sources import decode_here, digest, many, pack, png, start
from tests.pipeline.servers import S3Server
from tests.ports import free_port
from tests.waiting import wait_until

IMAGES = 3000


pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """Run a server of S3, whose keys this process and what it starts have."""
    server = S3Server(tmp_path)
    with server.running():
        for name, value in {
            "AWS_ACCESS_KEY_ID": server.settings["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": server.settings["secret_access_key"],
            "AWS_ENDPOINT_URL": server.settings["endpointurl"],
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield server


def sources_of_every_kind() -> None:
    """Fill data/raw: archives stored and packed, in archives, loose; some damaged."""
    pictures = many(60)
    with zipfile.ZipFile("data/raw/packed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in pictures.items():
            archive.writestr(name, data)
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as nested:
            nested.writestr("a/nested.png", png(1000))
        archive.writestr("b/inner.zip", inner.getvalue())
    pack({**many(20), "a/empty.png": b"", "b/broken.png": png(7)[:40]}, "stored.zip")
    damaged = bytearray(Path("data/raw/stored.zip").read_bytes())
    damaged[0:2] = b"XX"  # the first local header
    Path("data/raw/stored.zip").write_bytes(damaged)
    for name, mode in (("cut.tar", "w"), ("packed.tar.gz", "w:gz")):
        with tarfile.open(f"data/raw/{name}", mode) as tar:
            for member, data in many(12).items():
                entry = tarfile.TarInfo(member)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    whole = Path("data/raw/cut.tar").read_bytes()
    Path("data/raw/cut.tar").write_bytes(whole[: 1024 * 10 + 600])
    Path("data/raw/loose.png").write_bytes(png(2000))


def test_every_kind_of_source_gives_the_bytes_that_it_gives_without(root: Path, tmp_path: Path) -> None:
    sources_of_every_kind()
    expected = decode_here(root, backend="threading", shard_images=16)
    assert expected["rejected"] > 3
    assert expected["used"] > 90
    bytes_expected = digest(Path("data/images"))
    shutil.rmtree("data/images")
    with clusters.pretended_cluster():
        asked = {"backend": "dask", "storage": str(tmp_path / "store"), "shard_images": 16}
        assert decode_here(root, **asked) == expected
    assert digest(Path("data/images")) == bytes_expected
    kept = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert {path.parent.name for path in kept} == {"sources"}


def test_a_source_that_lies_there_is_not_sent_again_and_half_of_one_is(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(many(300))
    with clusters.pretended_cluster():
        for told in (1, 0, 1):
            decode_here(root, backend="ray", storage=str(tmp_path / "store"))
            assert capsys.readouterr().out.count("source.zip goes to") == told
            (source,) = (tmp_path / "store" / "sources").iterdir()
            if not told:
                source.write_bytes(source.read_bytes()[:100])


@pytest.mark.parametrize(
    ("spans", "length", "joined"),
    [
        ([(0, 10), (10, 20)], 100, [(0, 20)]),
        ([(90_000, 90_010), (0, 10)], 100_000, [(0, 10), (90_000, 90_010)]),
        ([(0, 10), (5, 8), (60_000, 60_010)], 100_000, [(0, 60_010)]),
        ([(0, 10), (5, 200)], 100, [(0, 100)]),
        ([(200, 300)], 100, []),
        ([(50, 50)], 100, []),
    ],
)
def test_what_is_near_is_fetched_at_once_and_nothing_beyond_the_end(
    spans: list[tuple[int, int]], length: int, joined: list[tuple[int, int]]
) -> None:
    assert storage._joined(spans, length) == joined


@pytest.mark.slow
def test_workers_that_see_nothing_of_the_project_decode_over_s3(root: Path, s3: S3Server) -> None:
    if subprocess.run(["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("not allowed to hide folders from a process (unshare --mount)")
    pack(many(IMAGES))
    expected = decoded(root, backend="threading")
    shutil.rmtree("data/images")
    with ExitStack() as stack:
        scheduler = stack.enter_context(clusters.dask_scheduler())
        hidden = ("data", ".dvc")
        workers = [stack.enter_context(dask_worker(scheduler, hidden)) for _ in range(3)]
        said = refused(root, backend="dask", address=scheduler)
        assert "does not see" in said
        assert "decode.storage" in said
        asked = {"backend": "dask", "address": scheduler, "storage": "s3://team/decode"}
        run = start(root, shard_images=SHARD, **asked)
        wait_until(lambda: finished_shards() >= 5 or run.poll() is not None)
        assert finished_shards() < IMAGES // SHARD
        kill(workers[0])
        _, error = run.communicate(timeout=300)
        assert run.returncode == 0, error
    assert digest(Path("data/images")) == expected


@pytest.mark.slow
def test_a_storage_that_cannot_be_used_is_told(
    root: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(many(300))
    with clusters.dask_scheduler() as scheduler, dask_worker(scheduler):
        asked = {"backend": "dask", "address": scheduler}
        for address in ("s3://tema/decode", "nowhere://x", "/proc/no"):
            said = refused(root, storage=address, **asked)
            assert f"decode.storage: {address} cannot be used: " in said
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        assert "decode.storage: s3://team/decode cannot be used: " in refused(
            root, storage="s3://team/decode", **asked
        )
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
        assert "decode.storage: s3://team/decode cannot be used: " in refused(
            root, storage="s3://team/decode", **asked
        )
