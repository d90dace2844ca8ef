"""How long `dvc repro` takes: the default run from nothing, each stage of it, and a run with nothing to do.

Run it on an otherwise idle machine: ``python benchmarks/pipeline.py [--repeat N]``. A no-op is compared, in turns,
with that of a bare DVC pipeline of six stages that copy one small file.
"""

import argparse
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DVC = [sys.executable, "-m", "dvc"]
ENV = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONUNBUFFERED": "1",
}


def clone(folder: Path) -> Path:
    """Clone the project's HEAD, nothing run in it."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def bare(folder: Path) -> Path:
    """Make a DVC pipeline of six stages that do nothing worth mentioning, and run it once."""
    folder.mkdir()
    silent = os.environ | {"DVC_NO_ANALYTICS": "1"}  # or `dvc init` reports, before it can be told not to
    for command in (["git", "init", "--quiet"], [*DVC, "init", "--quiet"]):
        subprocess.run(command, cwd=folder, env=silent, check=True)
    subprocess.run([*DVC, "config", "core.analytics", "false"], cwd=folder, check=True)
    (folder / "0.txt").write_text("start\n")
    stages = "".join(
        f"  s{n}:\n    cmd: cp {n}.txt {n + 1}.txt\n    deps: [{n}.txt]\n    outs: [{n + 1}.txt]\n"
        for n in range(6)
    )
    (folder / "dvc.yaml").write_text(f"stages:\n{stages}")
    subprocess.run([*DVC, "repro", "--quiet"], cwd=folder, check=True, env=ENV)
    return folder


def stage_seconds(folder: Path) -> dict[str, float]:
    """Run everything from nothing; return the seconds of each stage and of the whole."""
    start = time.time()
    marks = list(stage_starts(folder, "--force").items())
    seconds = {name: end - begun for (name, begun), (_, end) in itertools.pairwise(marks)}
    return seconds | {"all": marks[-1][1] - start}


def stage_starts(folder: Path, *options: str) -> dict[str, float]:
    """Run `dvc repro` and return when each stage began, and ``end``: seconds since 1970, as files have them."""
    began = {}
    said = []
    with subprocess.Popen(
        [*DVC, "repro", *options],
        cwd=folder,
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if match := re.match(r"Running stage '(\w+)'", line):
                began[match[1]] = time.time()
    if process.returncode:
        raise SystemExit("".join(said))
    return began | {"end": time.time()}


def seconds(folder: Path) -> float:
    """Return the seconds of one `dvc repro` with nothing to do."""
    start = time.perf_counter()
    subprocess.run([*DVC, "repro", "--quiet"], cwd=folder, check=True, env=ENV)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each kind (default 3)")
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = clone(Path(name) / "darkroom"), bare(Path(name) / "bare")
        runs = [stage_seconds(ours) for _ in range(repeat)]
        print(f"default `dvc repro` from nothing, median of {repeat}:")
        for stage in runs[0]:
            print(f"  {stage:<10}{statistics.median(run[stage] for run in runs):6.1f} s")
        data = statistics.median(run["fetch"] + run["decode"] + run["split"] for run in runs)
        print(f"  fetch + decode + split {data:.1f} s")
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(3 * repeat)]
        own, bare_one = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(
            f"no-op `dvc repro`, median of {len(pairs)} in turns: darkroom {own:.2f} s, bare {bare_one:.2f} s,"
        )
        print(f"  difference {own - bare_one:+.2f} s")


if __name__ == "__main__":
    main()
