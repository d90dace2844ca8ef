"""Run a stage and note which files it opens, which folders it lists and which environment variables it asks for."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HOOK = """
import json, os, sys

OUT = os.open(os.environ.pop("TRACE_TO"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
HERE = os.getcwd()

def note(kind, what):
    os.write(OUT, (json.dumps([kind, what]) + "\\n").encode())

def hook(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0] or ".", (str, bytes)):
        path = os.path.join(HERE, os.fsdecode(arguments[0] or "."))
        if os.path.lexists(path):  # else: to be made, or a name inside a folder that is given as a handle
            note("file", path)

class Traced(type(os.environ)):
    def asked(self, name):
        frame = sys._getframe(2)
        while frame and frame.f_code.co_filename.startswith("<frozen"):  # get and setdefault, which ask in turn
            frame = frame.f_back
        if frame and frame.f_code.co_filename.startswith((HERE + "/src/", HERE + "/stages/")):
            note("variable", name)

    def __getitem__(self, name):
        self.asked(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        self.asked(name)
        return super().__contains__(name)

os.environ.__class__ = Traced
sys.addaudithook(hook)
"""


def by_python(repository: Any, command: list[str], folder: Path) -> tuple[set[Path], set[str]]:
    """Return the paths that Python opened or listed and that were there before, and the variables asked for.

    What libraries in C open by themselves, such as TensorFlow and HDF5, Python does not see.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK)
    log = folder / "log"
    repository.run(*command, PYTHONPATH=str(folder), TRACE_TO=str(log))
    notes = [json.loads(line) for line in log.read_text().splitlines()]
    files = {Path(what) for kind, what in notes if kind == "file"}
    return files, {what for kind, what in notes if kind == "variable"}


def by_kernel(repository: Any, command: list[str], folder: Path) -> set[Path]:
    """Return the paths that the process and its children opened, by whatever library, as strace tells."""
    folder.mkdir()
    log = folder / "log"
    repository.run(
        *["strace", "--seccomp-bpf", "-f", "-y", "-qq", "-e", "trace=open,openat,openat2", "-o", str(log)],
        *command,
    )
    return {
        Path(path) for path in re.findall(r"\) = \d+<(.*)>$", log.read_text(errors="replace"), re.MULTILINE)
    }


def kernel_tells() -> bool:
    """Return whether strace is installed and allowed to trace."""
    if shutil.which("strace") is None:
        return False
    command = ["strace", "--seccomp-bpf", "-f", "-qq", "-o", "/dev/null", sys.executable, "-c", ""]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
