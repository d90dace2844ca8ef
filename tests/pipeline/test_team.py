"""What a team does with images of its own, by real dvc and git: no file is ever lost, and no stage runs for nothing."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.pipeline.conftest import Repository
from tests.pipeline.test_experiments import SMALL, finish

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

TINY = SMALL | {"source.kind": "local", "train.batch_size": 8, "split.near_duplicates": None}


def draw(folder: Path, classes: tuple[str, ...] = ("cat", "dog"), each: int = 12) -> None:
    """Draw small grayscale pictures into a folder a class, no two alike."""
    generator = np.random.default_rng(len(classes))
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(each):
            picture = generator.integers(0, 120, (20, 20), np.uint8)
            cv2.circle(picture, (10, 10), 3 + 4 * number, 255, -1)
            cv2.imwrite(str(folder / name / f"{index}.png"), picture)


def content(folder: Path) -> dict[str, bytes]:
    """Return every file below ``folder`` with its content, through whatever links; none where it is not there."""
    paths = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class Team:
    """A project with a remote, and what its members look at after each command.

    Training is the same whatever links a file has: only the team whose files are symbolic links trains, the pipeline of
    the others ends with the split.
    """

    def __init__(self, repository: Repository, store: Path, trains: bool) -> None:
        self.mine = repository
        self.trains = trains
        self.store = store
        self.expected: dict[str, dict[str, bytes]] = {}

    def expect(self, *names: str) -> None:
        """From now on these folders of data/ are to hold what they hold now."""
        self.expected = self.expected | {name: content(self.mine.path(f"data/{name}")) for name in names}
        assert all(self.expected.values())

    def check(self, repository: Repository | None = None) -> None:
        """Compare every folder, name by name and byte by byte."""
        for name, files in self.expected.items():
            found = content((repository or self.mine).path(f"data/{name}"))
            assert found == files, f"data/{name}: {sorted(set(files) ^ set(found)) or 'other content'}"

    def dvc(self, *words: str) -> str:
        """Run dvc, and see that nothing was lost."""
        said = self.mine.dvc(*words).stdout
        self.check()
        return said

    def commit(self, message: str) -> None:
        self.mine.git("add", "--all")
        self.mine.git("commit", "--quiet", "--message", message)


def end_with_split(pipeline: Path) -> None:
    stages = YAML(typ="safe").load(pipeline.read_text())["stages"]
    with pipeline.open("w") as file:
        YAML().dump({"stages": {name: stages[name] for name in ("fetch", "decode", "split")}}, file)


@pytest.fixture(params=["copy", pytest.param("hardlink", marks=pytest.mark.weekly), "symlink"])
def team(clone: Callable[[Path], Repository], tmp_path: Path, request: pytest.FixtureRequest) -> Team:
    """Return a project whose cache links files in one of the three ways, with photos of its own in data/inbox."""
    team = Team(clone(tmp_path / "project"), tmp_path / "store", trains=request.param == "symlink")
    # What the project's own lock names lies in no cache of this team.
    team.mine.path("dvc.lock").unlink()
    if not team.trains:
        end_with_split(team.mine.path("dvc.yaml"))
    team.mine.dvc("config", "cache.type", request.param)
    team.mine.dvc("remote", "add", "--default", "store", str(team.store))
    draw(team.mine.path("data/inbox/pets"))
    team.mine.change(TINY | {"source.path": "pets"})
    team.expect("inbox/pets")
    return team


def test_photos_survive_all_that_a_team_does(team: Team, tmp_path: Path) -> None:
    mine = team.mine
    team.dvc("add", "data/inbox/pets")
    assert mine.git("status", "--porcelain", "data/inbox").split() == ["??", "data/inbox/pets.dvc"]
    assert mine.repro()[:3] == ["fetch", "decode", "split"]
    assert mine.metrics("decode")["used"] == 24
    team.commit("Add pets")
    team.check()
    for words in (["checkout"], ["checkout", "--relink"], ["status"], ["push"]):
        team.dvc(*words)
    assert mine.repro() == []
    experiments(team)
    another(team, tmp_path / "colleague")
    branches(team)
    rearranged(team)


def experiments(team: Team) -> None:
    """Run experiments in the workspace, in checkouts of their own and from the queue; apply one."""
    mine = team.mine
    team.dvc("exp", "run", "--name", "here", "-S", "split.seed=2")
    mine.git("checkout", "--quiet", "--force", ".")
    team.dvc("checkout")
    team.dvc("exp", "run", "--temp", "--name", "apart", "-S", "split.seed=3")
    team.dvc("exp", "run", "--queue", "--name", "queued", "-S", "split.seed=4")
    team.dvc("queue", "start")
    finish(mine)
    team.check()
    assert {"here", "apart", "queued"} <= set(mine.dvc("exp", "list", "--name-only").stdout.split())
    team.dvc("exp", "apply", "queued")
    assert mine.params()["split"]["seed"] == 4
    mine.git("checkout", "--quiet", "--force", ".")
    team.dvc("checkout")
    if team.trains:
        mine.run("darkroom", "replicate", "--seeds", "2")
        team.check()


def another(team: Team, folder: Path) -> None:
    """Let a colleague clone and pull, who then has nothing to run."""
    team.mine.git("clone", "--quiet", str(team.mine.folder), str(folder))
    colleague = Repository(folder)
    colleague.dvc("remote", "add", "--force", "--default", "store", str(team.store))
    colleague.dvc("pull")
    team.check(colleague)
    assert colleague.repro() == []


def branches(team: Team) -> None:
    """Go to a branch with one more photo, and back."""
    mine = team.mine
    before = dict(team.expected)
    mine.git("checkout", "--quiet", "-b", "more")
    # With links into the cache a file is not edited in place; a new one is added beside them.
    extra = cv2.imencode(".png", np.full((20, 20), 77, np.uint8))[1]
    mine.path("data/inbox/pets/cat/new.png").write_bytes(bytes(extra))
    team.expect("inbox/pets")
    team.dvc("add", "data/inbox/pets")
    assert mine.repro()[:3] == ["fetch", "decode", "split"]
    assert mine.metrics("decode")["files"] == 25
    team.commit("One more cat")
    team.dvc("push")
    mine.git("checkout", "--quiet", "main")
    mine.dvc("checkout")
    team.expected = before
    team.check()
    assert mine.repro() == []
    mine.git("checkout", "--quiet", "more")
    mine.dvc("checkout")
    assert "cat/new.png" in content(mine.path("data/inbox/pets"))
    team.expect("inbox/pets")
    # Only this branch's data stays in the cache; the remote still has the rest.
    team.dvc("gc", "--workspace", "--force")
    mine.git("checkout", "--quiet", "main")
    mine.dvc("pull")
    team.expected = before
    team.check()


def rearranged(team: Team) -> None:
    """Rename the folder, then take it from DVC's hands."""
    mine = team.mine
    mine.dvc("move", "data/inbox/pets", "data/inbox/animals")
    team.expected = {"inbox/animals": team.expected["inbox/pets"]}
    team.check()
    mine.change({"source.path": "animals"})
    assert mine.repro("fetch") == ["fetch"]
    team.commit("Rename")
    team.dvc("checkout")
    team.dvc("remove", "data/inbox/animals.dvc")
    team.check()
    assert not mine.path("data/inbox/animals.dvc").exists()
    assert mine.repro("fetch") == ["fetch"]


def test_archive_table_and_weights_survive_too(team: Team, tmp_path: Path) -> None:
    mine = team.mine
    end_with_split(mine.path("dvc.yaml"))
    with zipfile.ZipFile(mine.path("data/inbox/pets.zip"), "w") as archive:
        for name, data in content(mine.path("data/inbox/pets")).items():
            archive.writestr(name.replace("/", "-"), data)
    rows = [f"{name.replace('/', '-')},{name[:3]}" for name in content(mine.path("data/inbox/pets"))]
    mine.path("data/inbox/labels.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    shutil.rmtree(mine.path("data/inbox/pets"))
    mine.change({"source.path": "pets.zip", "labels.kind": "csv", "labels.file": "labels.csv"})
    mine.path("data/weights/own.weights.h5").write_bytes(b"stands for trained weights")
    team.expected = {}
    team.expect("inbox", "weights")
    for name in ("data/inbox/pets.zip", "data/inbox/labels.csv", "data/weights/own.weights.h5"):
        mine.dvc("add", name)
    team.expect("inbox", "weights")
    assert mine.repro() == ["fetch", "decode", "split"]
    assert mine.metrics("decode") | {"used": 24, "classes": 2} == mine.metrics("decode")
    team.commit("Add an archive, a table and weights")
    team.dvc("checkout")
    team.dvc("push")
    assert mine.repro() == []
    team.dvc("exp", "run", "--temp", "--name", "apart", "-S", "split.seed=3")
    another(team, tmp_path / "colleague")


def test_folder_that_an_old_dvcignore_lost_comes_back_from_the_cache(team: Team) -> None:
    """What docs/reproducibility.md tells those to do whose .dvcignore still hides data/inbox/*.dvc."""
    mine = team.mine
    end_with_split(mine.path("dvc.yaml"))
    now = mine.path(".dvcignore").read_text()
    mine.path(".dvcignore").write_text(f"{now}/data/inbox/.gitignore\n/data/inbox/*.dvc\n")
    mine.dvc("add", "data/inbox/pets")
    mine.repro()
    team.commit("Add pets")
    mine.dvc("checkout")
    assert content(mine.path("data/inbox/pets")) == {}, "DVC no longer removes what it does not see"
    mine.path(".dvcignore").write_text(now)
    team.dvc("checkout", "data/inbox/pets.dvc")
    # Without the .dvc file: it stands in the history.
    team.commit("Mend .dvcignore")
    mine.git("rm", "--quiet", "data/inbox/pets.dvc")
    team.commit("Lose the .dvc file too")
    shutil.rmtree(mine.path("data/inbox/pets"))
    lost = mine.git("log", "--diff-filter=D", "-1", "--format=%H", "--", "data/inbox/pets.dvc").strip()
    mine.git("checkout", f"{lost}^", "--", "data/inbox/pets.dvc")
    team.dvc("checkout", "data/inbox/pets.dvc")
