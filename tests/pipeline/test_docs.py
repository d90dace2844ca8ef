"""Every command of README and docs is run as it is written, in order, in a fresh clone, on images of one's own."""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests
from ruamel.yaml import YAML

from tests.pipeline.conftest import Repository
from tests.pipeline.test_experiments import finish

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]
TOOLS = (
    "curl",
    "darkroom",
    "dvc",
    "find",
    "for",
    "git",
    "make",
    "md5sum",
    "pip",
    "python",
    "rm",
    "source",
    "uv",
)

ELSEWHERE = {
    "make test": "this very run",
    "make check": ".ci/run",
    "make test-slow": ".ci/run",
    "make verify": "tests/pipeline/test_verify.py",
    "darkroom verify --recipe ox": "tests/pipeline/test_verify.py",
    "python tests/pipeline/chaos.py --kills 30": "tests/pipeline/test_adversity.py, with fewer kills",
}
"""Commands that other tests run, and where."""

MEASURED = re.compile(r"make (bench|results)|python benchmarks/(\w+)\.py.*")
"""What measures speed for minutes or hours on an idle machine: such programs must be there and compile."""


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
            if command.split(" ")[0] in TOOLS and " " in command and "…" not in command:
                yield command


def yaml_of(page: str) -> Iterator[dict[str, Any]]:
    """Yield the YAML examples of a page."""
    for block in re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
        yield YAML(typ="safe").load(block)


def photos(folder: Path, classes: int, each: int, side: int = 120) -> None:
    """Draw colour pictures: of each class discs or bars of a hue of its own, no two alike."""
    generator = np.random.default_rng(7)
    for number in range(classes):
        (folder / f"class{number}").mkdir(parents=True)
        for index in range(each):
            picture = generator.integers(0, 90, (side, side, 3), np.uint8)
            colour = tuple(int(level) for level in np.roll([230, 60, 90], number))
            at = tuple(int(place) for place in generator.integers(30, side - 30, 2))
            cv2.circle(picture, at, int(generator.integers(10, 28)), colour, -1 if number % 2 else 6)
            cv2.imwrite(str(folder / f"class{number}" / f"{index}.jpg"), picture)


class Reader:
    """Somebody who types what stands there."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.done: set[str] = set()
        self.names: dict[str, str] = {}

    def read(self, page: str) -> None:
        """Type every command of a page that was not typed yet."""
        for command in commands(page):
            if command in self.done or command in ELSEWHERE or MEASURED.fullmatch(command):
                continue
            self.done.add(command)
            self.type(command)

    def type(self, command: str) -> None:
        """Run one command, with real names for NAME and the like."""
        for word, name in self.names.items():
            command = re.sub(rf"\b{word}\b", name, command)
        if command.startswith("darkroom serve"):
            self.serve(command)
            return
        self.repository.run("bash", "-c", command)
        if command.startswith("dvc queue start"):
            finish(self.repository)

    def serve(self, command: str) -> None:
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
        finally:
            started.send_signal(signal.SIGINT)
            assert started.wait(60) in (0, 130)
