"""Kill a running pipeline at random moments, run it again, and see that it ends in the bytes of a run left in peace.

``python tests/pipeline/chaos.py --kills 30`` does so on the bundled digits and prints its seed; ``--seed`` repeats one.
Kills fall on all stages in turn; every second one takes the whole process group, as a power cut would, the others the
stage alone, so that dvc lives to see it fail.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

STAGES = ("fetch", "decode", "split", "train", "evaluate", "plot")
DVC = [sys.executable, "-m", "dvc"]
ENV = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONUNBUFFERED": "1",
}


class Run:
    """One `dvc repro` under way, in a process group of its own, and the moment each of its stages began."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [*DVC, "repro"],
            cwd=folder,
            env=ENV,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""
        self.began: dict[str, float] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if match := re.match(r"Running stage '(\w+)'", line):
                self.began[match[1]] = time.monotonic()

    def wait(self) -> int:
        code = self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def wait_for(self, stage: str) -> bool:
        """Wait until ``stage`` runs; return False where the run ended without it."""
        while stage not in self.began:
            if self.process.poll() is not None:
                return False
            time.sleep(0.01)
        return True

    def kill(self, *, everything: bool) -> None:
        """Kill the whole group, or the stage alone."""
        if everything:
            os.killpg(self.process.pid, signal.SIGKILL)
            return
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if any(part.startswith("stages.") for part in child.cmdline()):
                    child.kill()
            except psutil.NoSuchProcess:
                pass


def stage_seconds(run: Run) -> dict[str, float]:
    """Let ``run`` end in peace and return how long each stage took."""
    if run.wait():
        raise SystemExit(run.output)
    ends = [*list(run.began.values())[1:], time.monotonic()]
    return {stage: end - run.began[stage] for stage, end in zip(run.began, ends, strict=True)}


def forget_everything(folder: Path) -> None:
    """Remove what runs left behind: outputs, DVC's cache and the state kept for resuming."""
    for name in ("data/raw", "data/images", "data/split", "data/predictions", "models", "plots", "metrics"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("cache", "tmp"):
        shutil.rmtree(folder / ".dvc" / name, ignore_errors=True)
    (folder / "dvc.lock").unlink(missing_ok=True)


def torment(folder: Path, kills: int, seed: int, stages: Sequence[str] = STAGES) -> list[str]:
    """Kill runs in ``folder`` ``kills`` times, in ``stages`` in turn; return what differed from the undisturbed run."""
    draw = random.Random(seed)
    forget_everything(folder)
    seconds = stage_seconds(Run(folder))
    expected = (folder / "dvc.lock").read_bytes()
    wrong: list[str] = []
    for number in range(kills):
        stage = stages[number % len(stages)]
        if stage == stages[0]:
            forget_everything(folder)
        moment = draw.uniform(0, seconds[stage])
        everything = number % 2 == 0
        run = Run(folder)
        if run.wait_for(stage):
            time.sleep(moment)
            run.kill(everything=everything)
        run.wait()
        print(
            f"kill {number + 1}: {stage} after {moment:.2f} s, {'group' if everything else 'stage'}",
            flush=True,
        )
        if stage == stages[-1] or number == kills - 1:
            last = Run(folder)
            if last.wait():
                wrong.append(f"kill {number + 1}: the run after it failed\n{last.output}")
            elif (folder / "dvc.lock").read_bytes() != expected:
                wrong.append(f"kill {number + 1}: another dvc.lock than the undisturbed run's")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        subprocess.run(["git", "clone", "--quiet", str(root), str(folder)], check=True)
        wrong = torment(folder, arguments.kills, arguments.seed)
    print("\n".join(wrong) or f"{arguments.kills} kills, the same dvc.lock after each round")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
