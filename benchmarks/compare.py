"""`darkroom compare` takes less than 3 s for 10,000 test images, and imports no TensorFlow.

    python benchmarks/compare.py [--images 10000] [--rounds 5]

A repository with two commits, each with its predictions in DVC's cache; each line is the median of whole commands,
from the shell and back, which took turns: seconds on the wall, and of the processor.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SECONDS = 3
CLASSES = [f"class{number}" for number in range(10)]
FORMS: tuple[list[str], ...] = ([], ["--md"], ["--json"], ["--html"])

STAGES = """
stages:
  evaluate:
    cmd: python evaluate.py
    params: [seed]
    deps: [evaluate.py]
    outs: [data/predictions]
    metrics:
      - metrics/evaluate.json: {cache: false}
"""


def predictions(images: int, seed: int) -> str:
    """Return a table of predictions, nine of ten right."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % len(CLASSES)
    predicted = np.where(rng.random(images) < 0.9, labels, rng.integers(0, len(CLASSES), images))
    shares = rng.dirichlet(np.ones(len(CLASSES)), images)
    head = ",".join(["id", "label", "predicted", *(f"p_{name}" for name in CLASSES)])
    rows = (
        f"{CLASSES[label]}/{row:06d}.jpg,{CLASSES[label]},{CLASSES[said]},"
        + ",".join(f"{share:.6f}" for share in part)
        for row, (label, said, part) in enumerate(zip(labels, predicted, shares, strict=True))
    )
    return "\n".join([head, *rows]) + "\n"


def build(folder: Path, images: int) -> None:
    """Make a repository whose branches `main` and `other` were tested on the same images."""
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "evaluate.py").write_text("raise SystemExit('its outputs are committed as they are')\n")
    run(folder, "git", "init", "--quiet", "--initial-branch", "main")
    run(folder, "dvc", "init", "--quiet")
    for seed, branch in enumerate(("main", "other")):
        run(folder, "git", "checkout", "--quiet", "-B", branch)
        (folder / "params.yaml").write_text(f"seed: {seed}\n")
        for name, text in (
            ("data/predictions/test.csv", predictions(images, seed)),
            ("metrics/evaluate.json", '{"accuracy": 0.9}\n'),
        ):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)  # perhaps a link into the cache
            path.write_text(text)
        run(folder, "dvc", "commit", "--quiet", "--force")
        run(folder, "git", "add", "--all")
        run(folder, "git", "commit", "--quiet", "--message", f"Run with seed {seed}")


def run(folder: Path, *words: str) -> str:
    """Run a command there, and return what it printed."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        **{
            f"GIT_{who}_{what}": "x@example.com"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    return subprocess.run(
        words, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


def used() -> float:
    """Return the processor's seconds of all commands that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder, arguments.images)
        commands = {
            " ".join(["compare main other", *form]): ["compare", "main", "other", *form] for form in FORMS
        }
        commands |= {
            "compare (HEAD with the workspace)": ["compare"],
            "compare --help": ["compare", "--help"],
        }
        seconds: dict[str, list[tuple[float, float]]] = {what: [] for what in commands}
        for _ in range(arguments.rounds):
            for what, words in commands.items():
                wall, processor = time.perf_counter(), used()
                run(folder, "darkroom", *words)
                seconds[what].append((time.perf_counter() - wall, used() - processor))
        script = (
            "import sys; from darkroom.cli import app; app(standalone_mode=False);"
            "print('tensorflow' in sys.modules)"
        )
        imported = run(folder, sys.executable, "-c", script, "compare", "main", "other").splitlines()[-1]
    print(
        f"{arguments.images:,} test images; medians of {arguments.rounds}, seconds and processor's (aim {SECONDS})"
    )
    for what, values in seconds.items():
        wall, processor = (statistics.median(column) for column in zip(*values, strict=True))
        print(f"  {wall:6.2f}  {processor:6.2f}  darkroom {what}")
    print(f"TensorFlow imported: {imported}")


if __name__ == "__main__":
    main()
