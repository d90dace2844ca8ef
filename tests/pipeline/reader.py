"""Somebody who types every command of README and docs as it is written, in order, on images of their own.

A word in capitals stands for a name of one's own: here things are really called NAME, OTHER and BRANCH.
"""

import hashlib
import re
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import requests

from tests.pipeline.conftest import Repository
from tests.pipeline.test_experiments import finish

ROOT = Path(__file__).parents[2]
FIRST = ["README.md", "docs/experimenting.md", "docs/plots.md", "docs/using.md"]
"""The pages of one reader, in this order."""
OTHERS = [
    "CONTRIBUTING.md",
    *(page for path in sorted((ROOT / "docs").glob("*.md")) if (page := f"docs/{path.name}") not in FIRST),
]
"""The pages of another, who has not read the first ones."""
PAGES = [*FIRST, *OTHERS]

PROGRAMS = {
    "curl",
    "darkroom",
    "dvc",
    "find",
    "for",
    "git",
    "make",
    "md5sum",
    "pip",
    "printf",
    "python",
    "rm",
    "source",
    "uv",
}

ELSEWHERE = {
    "make repro": ".ci/run, before the tests",
    "make repro PYTHON=python3.12": "tests/test_installing.py",
    "source .venv/bin/activate": ".ci/run, before the tests",
    "make test": "this very run",
    "make check": ".ci/run",
    "make test-slow": "this very run",
    "make test-weekly": ".github/workflows/weekly.yaml",
    "make extra-torch": "tests/test_installing.py: in what is pinned; what they install are hundreds of megabytes",
    "make extra-jax": "the same",
    "make extra-heif": "the same",
    "make extra-parquet": "the same; .ci/run installs it for tests/decode/test_tables.py",
    "make extra-lite": "the same",
    "make extra-serve": "the same",
    "make extra-dask": "the same; .ci/run installs it for tests/decode/test_dask_and_ray.py",
    "dvc exp run -S decode.backend=dask -S decode.workers=2": "tests/decode/test_dask_and_ray.py",
    "dvc exp run -S train.backend=jax -S train.processes=2": "tests/pipeline/test_processes.py",
    "make extra-ssh": "the same; .ci/run installs it for tests/pipeline/test_sharing.py",
    "make extra-s3": "the same",
    "make .venv/.ready": "tests/test_installing.py",
    **dict.fromkeys(
        [
            "dvc install",
            "printf '#!/bin/sh\\nexec dvc pull\\n' > .git/hooks/post-merge && chmod +x .git/hooks/post-merge",
            "git checkout --theirs data/inbox/pets.dvc dvc.lock metrics",
            "git checkout --merge data/inbox/pets.dvc",
            'git commit --all --message "Merge"',
            "dvc get ADDRESS models -o their_models",
            "dvc import ADDRESS data/inbox/pets -o data/inbox/animals",
            "dvc cache dir --local /srv/cache",
            "dvc gc --all-commits --all-experiments --not-in-remote",
            "dvc gc --all-commits --all-experiments --cloud",
        ],
        "tests/pipeline/test_sharing.py, by two people",
    ),
    "dvc config cache.type hardlink": "tests/pipeline/test_team.py",
    "darkroom crossvalidate --folds 5": "tests/replicate/test_crossvalidate.py",
    "darkroom compare main+5-folds@ OTHER@": "tests/compare/test_replicates.py",
    "darkroom audit": "tests/audit/test_command.py",
    **dict.fromkeys(
        ["darkroom card", "darkroom card --license apache-2.0 --name digits -o digits.md"],
        "tests/pipeline/test_card.py",
    ),
    "make verify": "tests/pipeline/test_verify.py",
    "darkroom verify --recipe ox": "tests/pipeline/test_verify.py",
    "python tests/pipeline/chaos.py --kills 30": "tests/pipeline/test_adversity.py, with fewer kills",
    "python -m darkroom.plots_page .dvc/plots/page.html": "tests/plot/test_plots_page.py",
}
"""Commands that are run in another place, and in which."""

MEASURED = re.compile(r"make (?:bench|results|mutants ROOM=split)|python (benchmarks/\w+\.py).*")
"""What measures for minutes or hours on an idle machine: here such a program is only asked for its help."""

FORGET = "git checkout --quiet params.yaml"
KEEP = "git commit --quiet --all --message Applied"
BEFORE = {
    "dvc params diff": [FORGET],  # the examples are of the network of follow_readme
    "dvc queue start": ["dvc exp run --queue --name NAME", "dvc exp run --queue --name OTHER -S seed=1"],
    "darkroom recipe use flowers": [KEEP],
    "darkroom recipe use flowers --inbox my_flowers": [FORGET],
    "darkroom init my_photos": [FORGET],
    "darkroom recipe use transfer": [FORGET],
    "darkroom recipe use transfer --training-only": [FORGET],
    "darkroom recipe use transfer --inbox my_flowers": [FORGET],
    "darkroom recipe use transfer-tuned --inbox my_cells": [FORGET],
    "darkroom recipe use fast --inbox my_flowers": [FORGET],
    "darkroom recipe use fast-small --inbox my_cells": [FORGET],
    "darkroom predict photos/": [FORGET],
    "darkroom predict data/raw/digits.zip > digits.csv": [
        "dvc exp run -S source.kind=bundled -S image.color=grayscale"
    ],
    "find photos -newer out.csv -type f -print0 | darkroom predict -": ["touch photos/class0/0.jpg"],
    "dvc metrics diff --targets stress/stress.json": ["git add stress/stress.json stress/stress.csv", KEEP],
    "darkroom compare main other": ["git branch other"],
    "dvc repro train": [FORGET],
    "dvc exp diff NAME OTHER": [
        "dvc exp run --name OTHER",
        "dvc exp run --name NAME -S seed=1",
    ],
    "darkroom compare main NAME": ["dvc exp run --name NAME -S seed=1"],
    "git pull && dvc pull": [
        "git init --quiet --bare --initial-branch main ../origin.git",
        "git remote add origin ../origin.git",
        "git push --quiet --set-upstream origin main",
    ],
    "dvc add data/inbox/pets": ["cp x.png data/inbox/pets/class0/new.png"],
    "dvc exp push origin NAME": ["dvc exp remove --all-commits", "dvc exp run --name NAME -S seed=1"],
    "git checkout COMMIT^ -- data/inbox/pets.dvc": [
        "dvc remove data/inbox/pets.dvc",
        "git rm --quiet --cached --ignore-unmatch data/inbox/pets.dvc",
        "git commit --quiet --all --message 'Lose the photos'",
    ],
}
"""What a reader has done before a command, where the page does not say it in commands."""


def commands(page: str) -> Iterator[str]:
    """Yield the commands of a page in the order of its text: of console blocks, and those named in a sentence."""
    text = (ROOT / page).read_text()
    for block, span in re.findall(
        r"```console\n(.*?)```|```.*?```|`([^`\n]+(?:\n[^`\n]+)?)`", text, re.DOTALL
    ):
        lines = block.splitlines() if block else [" ".join(span.split())]
        if any(line.startswith("$ ") for line in lines):  # what it prints stands below each command
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        for line in lines:
            command = re.sub(r"(^|\s)#.*", "", line).strip()
            words = command.split(" ")
            # Two words in a sentence, as `dvc gc`, name a command rather than to tell how it is typed.
            if (
                words[0] in PROGRAMS
                and (block or len(words) > 2 or words[0] == "make")
                and "…" not in command
            ):
                yield command


def pictures(folder: Path, classes: int = 3, each: int = 16, side: int = 120) -> None:
    """Draw colour pictures: of each class discs or rings of a hue of its own, no two alike."""
    generator = np.random.default_rng(7)
    for number in range(classes):
        (folder / f"class{number}").mkdir(parents=True)
        for index in range(each):
            picture = generator.integers(0, 90, (side, side, 3), np.uint8)
            colour = [int(level) for level in np.roll([230, 60, 90], number)]
            at = [int(place) for place in generator.integers(30, side - 30, 2)]
            cv2.circle(picture, at, int(generator.integers(10, 28)), colour, -1 if number % 2 else 6)
            cv2.imwrite(str(folder / f"class{number}" / f"{index}.jpg"), picture)


def furnish(repository: Repository) -> None:
    """Put the reader's own files where the pages name them."""
    inbox = repository.path("data/inbox")
    for name in ("my_photos", "my_flowers", "my_cells", "pets", "NAME"):
        pictures(inbox / name)
    photos = repository.path("photos")
    pictures(photos, each=2)
    first = photos / "class0" / "0.jpg"
    for name in ("photo.jpg", "x.png", "one.png", "two.png", "two.jpg"):
        cv2.imwrite(str(repository.path(name)), cv2.imread(str(first)))
    for name in ("more.zip", "test1.zip", "photos.zip"):
        with zipfile.ZipFile(repository.path(name), "w") as archive:
            for number, path in enumerate(sorted(photos.rglob("*.jpg")), 1):
                archive.write(path, f"test/{number}.jpg")
    repository.run("tar", "-C", "data/inbox", "-czf", "data/inbox/my_photos.tgz", "my_photos")
    repository.path("data/weights/NAME").write_bytes(b"weights of one's own")


def follow_readme(repository: Repository) -> None:
    """Train a short run on images of one's own, and commit."""
    own = {"source.kind": "local", "source.path": "my_photos", "image.color": "rgb"}
    short = {"image.resolution": 32, "model.blocks": [[8]], "model.dense": [8], "train.epochs": 1}
    repository.change({**own, **short, "train.batch_size": 8, "evaluate.occlusion": 0, "plot.samples": 4})
    repository.dvc("add", "data/inbox/my_photos", "data/inbox/my_flowers", "data/inbox/my_cells")
    repository.dvc("add", "data/inbox/pets")
    repository.git("add", "--all", "data", "params.yaml")
    repository.dvc("repro")
    repository.git("add", "--update")
    repository.git("commit", "--quiet", "--message", "Run on images of my own")
    shutil.copytree(repository.path("models"), repository.path("old"))


class Reader:
    """Somebody who types what stands there."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.typed: set[str] = set()

    def read(self, page: str) -> None:
        """Type every command of a page that was not typed yet."""
        for command in commands(page):
            measured = MEASURED.fullmatch(command)
            if command in self.typed or command in ELSEWHERE:
                continue
            self.typed.add(command)
            if measured:
                self.run(f"python {measured[1]} --help" if measured[1] else f"{command} --dry-run")
                continue
            for before in BEFORE.get(command, []):
                self.run(before)
            self.type(command)

    def type(self, command: str) -> None:
        """Run one command."""
        # Two seeds are a group like five, for less than half the time; what a grid queues test_dvc_commands.py sees.
        command = re.sub(r"--seeds [3-9]\b", "--seeds 2", command)
        command = re.sub(r"(--queue -S [\w.]+=[\w.]+),[\w.,]+", r"\1", command)
        if "COMMIT" in command:
            lost = self.run("git log --diff-filter=D --format=%h -- data/inbox/pets.dvc").split()
            command = command.replace("COMMIT", lost[0])
        if command.startswith("md5sum"):
            command = f"cd models && {command}"
        if command.startswith("darkroom serve"):
            self.serve(command)
        elif command.startswith("curl"):
            self.serve("darkroom serve", command)
        else:
            self.run(command)
        if command.startswith("dvc queue start"):
            finish(self.repository)

    def run(self, command: str) -> str:
        """Run one line as a shell does."""
        return self.repository.run("bash", "-c", command).stdout

    def serve(self, command: str, request: str = "") -> None:
        """Start the page, ask it, and end it as its documentation says."""
        started = subprocess.Popen(
            command.split(),
            cwd=self.repository.folder,
            env=self.repository.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert started.stdout is not None
            address = re.search(r"http://[\w.:]+", started.stdout.readline())
            assert address
            assert requests.get(f"{address[0]}/health", timeout=60).json() == {"status": "ok"}
            if request:
                assert '"label"' in self.run(f"{request} --silent --fail")
        finally:
            started.send_signal(signal.SIGINT)
            assert started.wait(60) in (0, 130)
            started.stdout.close()


def follow(pages: list[str], repository: Repository) -> None:
    """Type every command of ``pages`` in a fresh clone: each ends well, and no photo of one's own is lost."""
    furnish(repository)
    follow_readme(repository)
    before = own(repository)
    reader = Reader(repository)
    for page in pages:
        reader.read(page)
    assert own(repository) == before


def own(repository: Repository) -> dict[str, str]:
    """Return the sha256 of each photo of the reader's, but for NAME, which a page has taken out of DVC's care."""
    inbox = repository.path("data/inbox")
    return {
        path.relative_to(inbox).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(inbox.rglob("*.jpg"))
        if path.relative_to(inbox).parts[0] != "NAME"
    }
