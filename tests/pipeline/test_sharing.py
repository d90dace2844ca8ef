"""A team's remote, in a folder, on a real SSH server and in S3: what docs/sharing.md says, typed by two people."""

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.pipeline.conftest import Repository
from tests.pipeline.servers import Line, S3Server, SshServer
from tests.pipeline.test_team import TINY, content, draw, end_with_split
from tests.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SIX = ["fetch", "decode", "split", "train", "evaluate", "plot"]
HOOK = "#!/bin/sh\nexec dvc pull\n"
MERGE = [
    "git checkout --theirs data/inbox/pets.dvc dvc.lock metrics",
    "dvc fetch data/inbox/pets.dvc",
    "git checkout --merge data/inbox/pets.dvc",
    "dvc checkout data/inbox/pets.dvc",
]
"""What docs/sharing.md tells those to do whose photos were added to by two."""


class Remote:
    """Where a team's files lie: its address, and what each of them keeps to themselves."""

    def __init__(self, url: str, settings: Mapping[str, object]) -> None:
        self.url, self.settings = url, settings

    def add(self, repository: Repository, verify: str = "true") -> None:
        """Name it in .dvc/config, as the first of a team does."""
        lines = [
            "[core]",
            "    remote = store",
            "['remote \"store\"']",
            f"    url = {self.url}",
            f"    verify = {verify}",
        ]
        repository.path(".dvc/config").write_text("\n".join(lines) + "\n")

    def unlock(self, repository: Repository) -> None:
        """Put keys where git does not see them, as everybody does."""
        settings = {"url": self.url, **self.settings}
        lines = ["['remote \"store\"']", *(f"    {name} = {value}" for name, value in settings.items())]
        repository.path(".dvc/config.local").write_text("\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the keys and settings of who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("AWS_", "SSH_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def ssh(tmp_path: Path) -> SshServer:
    pytest.importorskip("dvc_ssh")
    (tmp_path / "ssh").mkdir()
    return SshServer(tmp_path / "ssh")


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    (tmp_path / "s3").mkdir()
    server = S3Server(tmp_path / "s3")
    with server.running():
        yield server


@pytest.fixture(params=["folder", pytest.param("ssh", marks=pytest.mark.weekly), "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Remote]:
    """Return a remote of each kind."""
    store = tmp_path / "store"
    if request.param == "folder":
        yield Remote(str(store), {})
    elif request.param == "ssh":
        server = request.getfixturevalue("ssh")
        with server.running():
            yield Remote(f"ssh://{LOOPBACK}:{server.port}{store}", {"keyfile": server.key})
    else:
        yield Remote("s3://team/store", request.getfixturevalue("s3").settings)


@pytest.fixture(scope="module")
def finished_pets(
    clone: Callable[[Path], Repository], tmp_path_factory: pytest.TempPathFactory
) -> Repository:
    """Return a project that has run on photos of its own."""
    repository = clone(tmp_path_factory.mktemp("pets") / "project")
    # What the project's own lock names lies in no cache of this team.
    repository.path("dvc.lock").unlink()
    draw(repository.path("data/inbox/pets"))
    repository.change(TINY | {"source.path": "pets"})
    repository.dvc("add", "data/inbox/pets")
    assert repository.repro() == SIX
    commit(repository, "Run on pets")
    return repository


@pytest.fixture
def mine(finished_pets: Repository, tmp_path: Path) -> Repository:
    """Return a copy of that project, with a git remote to push to."""
    shutil.copytree(finished_pets.folder, tmp_path / "mine", symlinks=True)
    repository = Repository(tmp_path / "mine")
    repository.git("init", "--quiet", "--bare", "--initial-branch", "main", str(tmp_path / "origin.git"))
    repository.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    return repository


@pytest.fixture
def short(mine: Repository) -> Repository:
    """Return that copy with a pipeline that ends with the split: training is the same whoever shares what."""
    end_with_split(mine.path("dvc.yaml"))
    for name in ("data/predictions", "models", "plots"):
        shutil.rmtree(mine.path(name))
    mine.repro()
    commit(mine, "End with split")
    return mine


def commit(repository: Repository, message: str) -> None:
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", message)


def publish(repository: Repository) -> None:
    repository.git("push", "--quiet", "--set-upstream", "origin", "main")
    repository.dvc("push")


def share(repository: Repository, remote: Remote) -> None:
    """Add the remote and publish everything."""
    remote.add(repository)
    remote.unlock(repository)
    commit(repository, "Add a remote")
    publish(repository)


def joined(repository: Repository, remote: Remote, name: str) -> Repository:
    """Return a colleague's fresh clone, keys in place, nothing pulled."""
    folder = repository.folder.parent / name
    repository.git("clone", "--quiet", str(repository.folder.parent / "origin.git"), str(folder))
    colleague = Repository(folder)
    remote.unlock(colleague)
    return colleague


def picture(path: Path, seed: int, side: int = 20) -> None:
    """Draw noise, which no format makes smaller."""
    noise = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), noise)


def everything(repository: Repository) -> dict[str, bytes]:
    """Return every file that DVC keeps."""
    names = ("data", "models", "plots")
    return {f"{name}/{path}": data for name in names for path, data in content(repository.path(name)).items()}


def test_a_colleague_has_nothing_to_run_and_gives_photos_back(mine: Repository, remote: Remote) -> None:
    share(mine, remote)
    colleague = joined(mine, remote, "colleague")
    colleague.dvc("pull")
    assert everything(colleague) == everything(mine)
    assert colleague.repro() == []
    assert colleague.git("status", "--porcelain") == ""
    # A commit from before the remote, whose keys stand in .dvc/config.local, can be read.
    assert "failed to load" not in colleague.dvc("metrics", "diff", "HEAD~1").stderr
    picture(colleague.path("data/inbox/pets/cat/new.png"), 1)
    colleague.dvc("add", "data/inbox/pets")
    assert colleague.repro("split") == ["fetch", "decode", "split"]
    commit(colleague, "Add a cat")
    publish(colleague)
    mine.git("pull", "--quiet")
    mine.dvc("pull")
    assert everything(mine) == everything(colleague)
    assert mine.repro("split") == []


def broken(folder: Path) -> list[str]:
    """Return the objects below a folder that are not what their names say."""
    objects = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".tmp")]
    return [
        path.name
        for path in objects
        if path.parent.name + path.name.removesuffix(".dir") != hashlib.md5(path.read_bytes()).hexdigest()
    ]


class Photographer:
    """Somebody with large photos, no pipeline, and a line to the server that breaks."""

    def __init__(self, folder: Path, photos: int) -> None:
        folder.mkdir()
        self.mine = Repository(folder)
        self.mine.git("init", "--quiet")
        self.mine.dvc("init", "--quiet")
        for number in range(photos):
            picture(folder / "photos" / f"{number}.png", number, side=1200)
        self.mine.dvc("add", "--quiet", "photos")

    @property
    def bytes(self) -> int:
        return sum(len(data) for data in content(self.mine.path("photos")).values())

    def elsewhere(self, name: str) -> Repository:
        """Return a copy in which nothing is pulled yet."""
        other = Repository(self.mine.folder.parent / name)
        ignored = shutil.ignore_patterns("cache", "tmp", "photos")
        shutil.copytree(self.mine.folder, other.folder, ignore=ignored)
        return other


def cut(repository: Repository, line: Line, word: str, allowed: int, kills: bool) -> None:
    """Type `dvc push` or `dvc pull`, and break the line, or kill DVC, in the middle; then mend the line."""
    line.break_after(allowed, stalls=kills)
    command = ["dvc", word]
    with subprocess.Popen(
        command,
        cwd=repository.folder,
        env=repository.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            assert line.dead.wait(60)
            if kills:
                os.killpg(process.pid, signal.SIGKILL)
            assert process.wait(120) != 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    line.mend()


@pytest.fixture
def line() -> Iterator[Callable[[int], Line]]:
    """Return a function that lays a line to a port."""
    with ExitStack() as stack:

        def lay(port: int) -> Line:
            made = Line(port)
            stack.callback(made.close)
            return made

        yield lay


def cut_and_complete(
    person: Photographer, remote: Remote, line: Line, allowed: int, kills: bool, store: Path | None = None
) -> None:
    """Cut a push and a pull: typed again, each ends well, and nothing broken lies in the ``store`` or the cache."""
    remote.add(person.mine)
    remote.unlock(person.mine)
    cut(person.mine, line, "push", allowed, kills)
    assert store is None or broken(store) == []
    person.mine.dvc("push")
    assert store is None or broken(store) == []
    other = person.elsewhere("other")
    cut(other, line, "pull", allowed, kills)
    assert not other.path("photos").exists()
    other.dvc("pull")
    assert content(other.path("photos")) == content(person.mine.path("photos"))
    assert broken(other.path(".dvc/cache/files")) == []


# Of two photos DVC moves one after the other, of more than two several at once.
@pytest.mark.weekly
@pytest.mark.parametrize(("photos", "kills"), [(2, False), (6, True)], ids=["line cut", "client killed"])
def test_a_transfer_over_ssh_that_was_cut_is_completed_by_the_same_command(
    tmp_path: Path, ssh: SshServer, line: Callable[[int], Line], photos: int, kills: bool
) -> None:
    person = Photographer(tmp_path / "mine", photos)
    store = tmp_path / "store"
    with ssh.running():
        way = line(ssh.port)
        remote = Remote(f"ssh://{LOOPBACK}:{way.port}{store}", {"keyfile": ssh.key})
        cut_and_complete(person, remote, way, person.bytes * 3 // 4, kills, store)


@pytest.mark.weekly
def test_a_client_of_s3_that_was_killed_completes_with_the_same_command(
    tmp_path: Path, s3: S3Server, line: Callable[[int], Line]
) -> None:
    person = Photographer(tmp_path / "mine", 6)
    way = line(s3.port)
    remote = Remote("s3://team/store", s3.settings | {"endpointurl": f"http://{LOOPBACK}:{way.port}"})
    cut_and_complete(person, remote, way, person.bytes // 2, kills=True)


def test_without_verify_half_a_photo_passes_for_a_whole_one(
    tmp_path: Path, ssh: SshServer, line: Callable[[int], Line]
) -> None:
    """Why docs/sharing.md has every team set it."""
    person = Photographer(tmp_path / "mine", 2)
    with ssh.running():
        way = line(ssh.port)
        remote = Remote(f"ssh://{LOOPBACK}:{way.port}{tmp_path / 'store'}", {"keyfile": ssh.key})
        remote.add(person.mine, verify="false")
        remote.unlock(person.mine)
        person.mine.dvc("push")
        other = person.elsewhere("other")
        cut(other, way, "pull", person.bytes * 3 // 4, kills=False)
        other.dvc("pull")
        half = content(other.path("photos")) != content(person.mine.path("photos"))
        assert half, "DVC no longer keeps what came of a broken transfer: docs/sharing.md may say so"
        assert "up to date" in other.dvc("status").stdout


def said(repository: Repository, word: str) -> str:
    """Return the one message with which `dvc push` or `dvc pull` ends, having left everything as it was."""
    before = everything(repository)
    done = repository.dvc(word, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert everything(repository) == before
    return done.stderr


@pytest.fixture
def stranger(tmp_path: Path) -> Callable[[Remote], Repository]:
    """Return a function that returns somebody with photos who names a remote that does not work."""
    person = Photographer(tmp_path / "stranger", 1)

    def turn_to(remote: Remote) -> Repository:
        remote.add(person.mine)
        remote.unlock(person.mine)
        return person.mine

    return turn_to


def test_an_ssh_server_that_refuses_is_told_in_a_line(
    tmp_path: Path, ssh: SshServer, stranger: Callable[[Remote], Repository]
) -> None:
    store = tmp_path / "store"

    def push(key: Path, port: int = ssh.port) -> str:
        return said(stranger(Remote(f"ssh://{LOOPBACK}:{port}{store}", {"keyfile": key})), "push")

    assert f"Connect call failed ('{LOOPBACK}'" in push(ssh.key, free_port())
    with ssh.running():
        assert "Permission denied for user" in push(ssh.foreign_key)
        assert "No such file or directory" in push(tmp_path / "absent")
    with ssh.running("ForceCommand internal-sftp -R"):
        assert "Permission denied" in push(ssh.key)
    assert not store.exists()


def test_an_s3_that_refuses_is_told_in_a_line(s3: S3Server, stranger: Callable[[Remote], Repository]) -> None:
    assert "The specified bucket does not exist" in said(stranger(Remote("s3://absent", s3.settings)), "push")
    wrong = s3.settings | {"secret_access_key": "wrong"}
    assert "Forbidden" in said(stranger(Remote("s3://team/store", wrong)), "push")
    where = {name: s3.settings[name] for name in ("endpointurl", "region")}
    assert "Unable to locate credentials" in said(stranger(Remote("s3://team/store", where)), "push")


def test_what_nobody_pushed_is_told_and_takes_nothing_away(short: Repository, tmp_path: Path) -> None:
    remote = Remote(str(tmp_path / "store"), {})
    remote.add(short)
    commit(short, "Add a remote")
    short.git("push", "--quiet", "--set-upstream", "origin", "main")
    colleague = joined(short, remote, "colleague")
    assert "neither locally nor on remote" in said(colleague, "pull")


def two(short: Repository, tmp_path: Path) -> tuple[Repository, Repository]:
    """Return two clones with a photo more each: the other's is published, mine is committed."""
    remote = Remote(str(tmp_path / "store"), {})
    share(short, remote)
    other = joined(short, remote, "other")
    other.dvc("pull")
    for repository, name, seed in ((other, "theirs", 1), (short, "mine", 2)):
        picture(repository.path(f"data/inbox/pets/cat/{name}.png"), seed)
        repository.dvc("add", "data/inbox/pets")
        assert repository.repro() == ["fetch", "decode", "split"]
        commit(repository, f"Add {name}")
    publish(other)
    return short, other


def cats(repository: Repository) -> set[str]:
    return {path.stem for path in repository.path("data/inbox/pets/cat").iterdir()}


def test_photos_that_two_added_are_united(short: Repository, tmp_path: Path) -> None:
    mine, other = two(short, tmp_path)
    mine.dvc("install")
    done = mine.run("git", "pull", "--no-rebase", check=False)
    assert "Merge conflict in dvc.lock" in done.stdout
    for command in MERGE:
        mine.run(*command.split())
    assert {"mine", "theirs"} <= cats(mine)
    assert mine.repro() == ["fetch", "decode", "split"]
    assert mine.metrics("decode")["used"] == 26
    mine.git("commit", "--quiet", "--all", "--message", "Merge")
    # The hook has DVC push.
    mine.git("push", "--quiet")
    other.git("pull", "--quiet")
    other.dvc("pull")
    assert everything(other) == everything(mine)
    assert other.repro() == []


def test_git_pull_brings_photos_where_the_hooks_are_set(short: Repository, tmp_path: Path) -> None:
    mine, _ = two(short, tmp_path)
    mine.git("reset", "--quiet", "--hard", "HEAD~1")
    mine.dvc("checkout", "--quiet")
    mine.dvc("install")
    hook = mine.path(".git/hooks/post-merge")
    hook.write_text(HOOK)
    hook.chmod(0o755)
    mine.git("pull", "--quiet")
    assert "theirs" in cats(mine)
    assert mine.repro() == []
    mine.git("checkout", "--quiet", "HEAD~1")
    assert "theirs" not in cats(mine)


def test_without_them_dvc_pull_has_to_come_before_dvc_repro(short: Repository, tmp_path: Path) -> None:
    """What docs/sharing.md warns of, and its ways back."""
    mine, _ = two(short, tmp_path)
    mine.git("reset", "--quiet", "--hard", "HEAD~1")
    mine.dvc("checkout", "--quiet")
    mine.git("pull", "--quiet")
    mine.repro()
    changed = mine.git("status", "--porcelain", "data/inbox").split()
    assert changed == ["M", "data/inbox/pets.dvc"], (
        "DVC no longer takes a folder for newer than its .dvc file"
    )
    mine.git("checkout", "data/inbox/pets.dvc")
    mine.dvc("pull", "data/inbox/pets.dvc")
    assert "theirs" in cats(mine)


def test_photos_not_added_yet_are_never_taken_by_a_pull(short: Repository, tmp_path: Path) -> None:
    mine, _ = two(short, tmp_path)
    mine.git("reset", "--quiet", "--hard", "HEAD~1")
    mine.dvc("checkout", "--quiet")
    picture(mine.path("data/inbox/pets/cat/late.png"), 3)
    mine.git("pull", "--quiet")
    assert "Can't remove the following unsaved files" in said(mine, "pull")
    mine.path("data/inbox/pets").rename(tmp_path / "aside")
    mine.dvc("pull")
    mine.run("cp", "-rn", f"{tmp_path / 'aside'}/.", "data/inbox/pets/")
    assert {"late", "theirs"} <= cats(mine)
    mine.dvc("add", "data/inbox/pets")
    assert mine.repro() == ["fetch", "decode", "split"]
    assert mine.metrics("decode")["used"] == 26


@pytest.mark.weekly
def test_a_machine_pulls_only_what_it_needs(mine: Repository, tmp_path: Path) -> None:
    remote = Remote(str(tmp_path / "store"), {})
    share(mine, remote)
    predicts, trains, plots = (joined(mine, remote, name) for name in ("predicts", "trains", "plots"))
    predicts.dvc("pull", "models")
    assert content(predicts.path("models")) == content(mine.path("models"))
    assert not predicts.path("data/images").exists()
    assert predicts.run("darkroom", "predict", str(mine.path("data/inbox/pets"))).stdout.count("\n") == 25
    trains.change({"seed": 1})
    assert trains.repro("--pull", "--downstream", "train") == ["train", "evaluate", "plot"]
    assert not trains.path("data/raw").exists()
    assert not trains.path("data/inbox/pets").exists()
    plots.change({"plot.samples": 2})
    plots.dvc("pull", "--recursive", "data/inbox")
    assert plots.repro("--pull", "--allow-missing") == ["plot"]
    assert not plots.path("data/raw").exists()


def test_an_experiment_goes_to_a_colleague(mine: Repository, tmp_path: Path) -> None:
    remote = Remote(str(tmp_path / "store"), {})
    share(mine, remote)
    mine.dvc("exp", "run", "--temp", "--name", "brighter", "-S", "plot.samples=2", "-S", "seed=1")
    mine.dvc("exp", "push", "origin", "brighter")
    colleague = joined(mine, remote, "colleague")
    colleague.dvc("exp", "pull", "origin", "brighter")
    text = colleague.run("darkroom", "compare", "main", "brighter").stdout
    assert "seed" in text
    colleague.dvc("exp", "apply", "brighter")
    colleague.dvc("pull")
    assert colleague.params()["seed"] == 1
    assert colleague.repro() == []


@pytest.mark.weekly
def test_get_import_gc_and_a_shared_cache(short: Repository, tmp_path: Path) -> None:
    remote = Remote(str(tmp_path / "store"), {})
    share(short, remote)
    address = str(tmp_path / "origin.git")
    first = content(short.path("data/inbox/pets"))

    other = joined(short, remote, "other")
    other.dvc("cache", "dir", "--local", str(short.path(".dvc/cache")))
    other.dvc("get", address, "data/split", "-o", "their_split")
    assert content(other.path("their_split")) == content(short.path("data/split"))
    other.dvc("import", address, "data/inbox/pets", "-o", "data/inbox/animals")
    assert content(other.path("data/inbox/animals")) == first
    # In a shared cache nothing is fetched, and runs made elsewhere are found.
    assert "fetched" not in other.dvc("pull").stdout
    short.change({"split.seed": 5})
    assert short.repro() == ["split"]
    other.path("data/inbox/animals.dvc").unlink()
    shutil.rmtree(other.path("data/inbox/animals"))
    other.change({"split.seed": 5})
    assert "'split' is cached" in other.dvc("repro").stdout

    picture(short.path("data/inbox/pets/cat/new.png"), 1)
    short.dvc("add", "data/inbox/pets")
    short.repro()
    commit(short, "Add a cat")
    kept = "--all-commits", "--all-experiments"
    # Before it is pushed, what only this cache has stays; then all of it may go, and comes back.
    short.dvc("gc", *kept, "--not-in-remote", "--force")
    publish(short)
    short.dvc("gc", *kept, "--not-in-remote", "--force")
    shutil.rmtree(short.path("data/inbox/pets"))
    short.dvc("pull")
    assert set(content(short.path("data/inbox/pets"))) == {*first, "cat/new.png"}
    short.dvc("gc", *kept, "--cloud", "--force")
    short.git("checkout", "--quiet", "HEAD~1")
    short.dvc("pull")
    assert content(short.path("data/inbox/pets")) == first
    short.dvc("gc", "--workspace", "--cloud", "--force")
    short.git("checkout", "--quiet", "main")
    assert "neither locally nor on remote" in short.dvc("pull", check=False).stderr
    # The folder of the commit before has left the workspace, not the cache.
    short.git("checkout", "--quiet", "HEAD~1")
    short.dvc("checkout")
    assert content(short.path("data/inbox/pets")) == first
