"""`darkroom doctor`: what this machine and this project have, what would go wrong with them, and how to fix it."""

import importlib.metadata
import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

from darkroom import UserError, backends, files, how_to_install
from darkroom.fetch import local
from darkroom.params import Params, read_params

PACKAGES = ("dvc", "tensorflow", "keras", "opencv-python-headless")

# Of docs/scale.md, measured: what decode holds for an image and a worker, and training beside its network; bytes.
_AN_IMAGE, _A_WORKER, _TRAINING = 1_400, 370_000_000, 3_000_000_000

_FEATURES = ("avx", "avx2", "avx512f", "avx512_bf16", "amx_bf16")


class Finding(NamedTuple):
    """One thing that was looked at; ``fails``: a run will end with an error, ``warning``: it may disappoint."""

    level: Literal["ok", "warning", "fails"]
    text: str


Findings = Iterator[Finding]


def examine(project: Path) -> list[Finding]:
    """Return what was found; ``project`` is the working folder. Nothing heavy is imported."""
    found = [*_python(), *_packages(project), *_processor(), *_dvc(project)]
    try:
        params = read_params(project / "params.yaml")
    except UserError as error:
        return [*found, *(Finding("fails", line) for line in str(error).splitlines())]
    return [*found, *_backends(params), *_room(params, project)]


def _python() -> Findings:
    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info < (3, 14)
    yield Finding(
        "ok" if fits else "fails", f"Python {version}" + ("" if fits else "; expected 3.11 to 3.13")
    )
    first = shutil.which("python")
    if first is None or Path(first).parent.resolve() != Path(sys.executable).parent.resolve():
        yield Finding(
            "fails",
            f"the stages would run {first or 'no python'} and not {sys.executable}: `source .venv/bin/activate`",
        )


def _packages(project: Path) -> Findings:
    lock = project / "requirements.txt"
    pins = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", lock.read_text("utf-8"))) if lock.is_file() else {}
    for name in PACKAGES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("fails", f"{name} is not installed: `make .venv/.ready`")
            continue
        pinned = pins.get(name, version)
        other = (
            "" if version == pinned else f"; requirements.txt pins {pinned}, which alone gives the same bytes"
        )
        yield Finding("warning" if other else "ok", f"{name} {version}{other}")


def _processor() -> Findings:
    known = backends.cpu_flags()
    if not known:  # none of Linux on x86
        return
    flags = [name for name in _FEATURES if name in known]
    if "avx" not in flags:
        yield Finding("fails", "this processor has no AVX, which TensorFlow needs: use another machine")
    elif "avx2" in flags:
        yield Finding("ok", f"processor: {' '.join(flags)}")
    else:
        why = "training rounds otherwise than on newer ones (docs/reproducibility.md)"
        yield Finding("warning", f"processor: {' '.join(flags)} and no avx2: {why}")


def _dvc(project: Path) -> Findings:
    from dvc.exceptions import DvcException
    from dvc.fs import generic
    from dvc.repo import Repo

    try:
        with Repo(str(project)) as repo:
            remote = repo.config["core"].get("remote")
            types = repo.config["cache"].get("type") or ["reflink", "copy"]
            cache = repo.cache.local
            links = ["reflink", "hardlink", "symlink"]
            there = Path(cache.path).is_dir()
            links = generic.test_links(links, cache.fs, cache.path, repo.fs, repo.root_dir) if there else []
    except DvcException as error:
        yield Finding("fails", f"DVC: {error}; run this in a clone of the project")
        return
    yield Finding("ok", f"DVC remote: {remote or 'none: nothing is kept but here (docs/sharing.md)'}")
    if there:
        text = f"DVC cache: {', '.join(types)} wanted, {', '.join(links)} possible"
        twice = "files lie twice on the disk; `dvc config cache.type hardlink` (docs/sharing.md)"
        linked = next((kind in links for kind in types if kind in (*links, "copy")), False)
        yield Finding("ok", text) if linked else Finding("warning", f"{text}: {twice}")


def _backends(params: Params) -> Findings:
    wanted = {"train.backend": params.train.backend, "decode.backend": params.decode.backend}
    for key, name in wanted.items():
        if name in ("torch", "jax", "dask", "ray") and importlib.util.find_spec(name) is None:
            yield Finding("fails", f"params.yaml: {key}: {name} is not installed: {how_to_install(name)}")


def _room(params: Params, project: Path) -> Findings:
    """Yield whether memory and disk are enough, by an estimate."""
    try:
        images, source, whose = _source(params, project)
    except UserError as error:
        yield Finding("fails", f"params.yaml: source.path: {error}")
        return
    height, width = params.image.height_and_width
    shards = images * height * width * (1 if params.image.color == "grayscale" else 3)
    needs = {
        "memory": max(_AN_IMAGE * images + _A_WORKER * params.decode.workers, _TRAINING),
        "disk": 2 * (source + shards),
    }
    has = {
        "memory": psutil.virtual_memory().total,
        "disk": shutil.disk_usage(project).free,
    }
    for what, need in needs.items():
        text = f"{what}: some {need / 1e9:.1f} GB of {has[what] / 1e9:.1f}, estimated for {images:,} images {whose}"
        enough = need <= has[what]
        yield Finding("ok" if enough else "warning", text + ("" if enough else "; lower image.resolution"))


def _source(params: Params, project: Path) -> tuple[int, int, str]:
    """Return how many images the source has, its bytes, and where that is from: a folder, else the last run."""
    if params.source.kind == "local":
        paths = [params.source.path] if isinstance(params.source.path, str) else params.source.path or []
        found = [local.find(path, project / "data/inbox") for path in paths]
        if all(path.is_dir() for path in found):
            named = [one for path in found for one in local.named_files(path, path.parent, [])]
            return len(named), sum(path.stat().st_size for _, path in named), "of source.path"
    decoded, fetched = (project / "metrics" / f"{stage}.json" for stage in ("decode", "fetch"))
    if not (decoded.is_file() and fetched.is_file()):
        return 0, 0, "(nothing was run yet)"
    return int(files.read_json(decoded)["files"]), int(files.read_json(fetched)["bytes"]), "of the last run"
