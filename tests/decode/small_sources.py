"""Sources of small pictures, and the stage run on them in a process of its own."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from darkroom.decode import stage
from darkroom.params import read_params


def png(seed: int) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 256, (12, 10), np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


def pack(members: dict[str, bytes], name: str = "source.zip") -> None:
    with zipfile.ZipFile(Path("data/raw") / name, "w") as archive:
        for path, data in members.items():
            archive.writestr(path, data)


def many(count: int) -> dict[str, bytes]:
    return {f"{'ab'[number % 2]}/{number:04d}.png": png(number) for number in range(count)}


def digest(folder: Path) -> str:
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return content.hexdigest()


PROGRAM = """
import json, sys
from pathlib import Path
from darkroom.decode import dask_and_ray, stage
from darkroom.params import read_params
params = read_params(Path(sys.argv[1]) / "params.yaml")
image = params.image.model_copy(update={"resolution": 300, "resize": "fit"})
asked = json.loads(sys.argv[2])
dask_and_ray.PATIENCE = asked.pop("patience", dask_and_ray.PATIENCE)
decode = params.decode.model_copy(update=asked)
labels = params.labels
print(stage.decode(labels, image, decode, Path("data/raw"), Path("data/inbox"), Path("data/images")))
"""


def decode_here(root: Path, **decode: Any) -> dict[str, Any]:
    """Run the stage in this process with some changes to the section decode; return its metrics."""
    params = read_params(root / "params.yaml")
    changed = params.decode.model_copy(update=decode)
    folders = Path("data/raw"), Path("data/inbox"), Path("data/images")
    return stage.decode(params.labels, params.image, changed, *folders)


def start(root: Path, **decode: Any) -> "subprocess.Popen[str]":
    """Begin the stage with some changes to the section decode; ``patience`` is that with a cluster."""
    command = [sys.executable, "-c", PROGRAM, str(root), json.dumps(decode)]
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
