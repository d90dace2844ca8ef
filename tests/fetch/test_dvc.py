"""A real `dvc repro` killed in mid-download: the next one goes on, and ends in the same dvc.lock."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fetch.conftest import Answerer, File, Site, make_zip
from tests.project import Project
from tests.waiting import wait_until

CONTENT = make_zip(6_000_000)


@pytest.fixture
def project(tmp_path: Path, root: Path, site: Site) -> Path:
    """Return a project of its own whose images come from the server, as x.zip."""
    project = tmp_path / "project"
    for name in ("stages", "src"):
        shutil.copytree(root / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "dvc.yaml", project)
    (project / "data" / "inbox").mkdir(parents=True)
    params = (root / "params.yaml").read_text()
    changes = {"kind: bundled ": "kind: http ", "urls: []\n": f"urls: ['{site.url('/x.zip')}']\n"}
    for old, new in changes.items():
        assert params.count(old) == 1
        params = params.replace(old, new)
    (project / "params.yaml").write_text(params)
    dvc(project, "init", "--no-scm", "--quiet").wait()
    return project


def dvc(project: Path, *command: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *command],
        cwd=project,
        env=Project(project).env,
        start_new_session=True,
    )


def kept(project: Path) -> int:
    return sum(path.stat().st_size for path in (project / ".dvc" / "tmp" / "darkroom").rglob("part"))


@pytest.mark.parametrize("whom", ["group", "dvc alone"])
def test_a_killed_repro_goes_on_where_it_stopped(whom: str, project: Path, site: Site) -> None:
    site.answers["/x.zip"] = File(CONTENT)
    assert dvc(project, "repro", "fetch").wait() == 0
    undisturbed = (project / "dvc.lock").read_bytes()
    for name in ("dvc.lock", ".dvc/cache", ".dvc/tmp", "data/raw"):
        path = project / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    site.requests.clear()

    def answer(answerer: Answerer) -> None:
        if len(site.requests) == 1:
            answerer.send(200, CONTENT[:4_000_000], len(CONTENT), ETag='"one"')
            site.closing.wait(3 if whom == "dvc alone" else 60)
        else:
            File(CONTENT)(answerer)

    site.answers["/x.zip"] = answer
    first = dvc(project, "repro", "fetch")
    wait_until(lambda: kept(project) >= 3_900_000)
    if whom == "group":
        os.killpg(first.pid, signal.SIGKILL)
    else:  # its stage lives on, and downloads beside the next
        first.kill()
    first.wait()
    assert dvc(project, "repro", "fetch").wait() == 0
    assert (project / "dvc.lock").read_bytes() == undisturbed
    assert (project / "data" / "raw" / "x.zip").read_bytes() == CONTENT
    starts = [request.headers.get("Range") for request in site.requests]
    assert starts[1] is not None
    assert int(starts[1].removeprefix("bytes=").removesuffix("-")) > 3_900_000
    assert kept(project) == 0
