"""A stage is a function of what dvc.yaml names: no other file of the project, and nothing of the environment."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.pipeline import tracing

HOSTILE = {
    "COLUMNS": "20",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "KERAS_BACKEND": "jax",
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "2",
    "LC_ALL": "tr_TR.UTF-8",
    "MPLBACKEND": "svg",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX",
    "OMP_NUM_THREADS": "1",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Nehalem",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_CPU_DISABLE": "AVX2,AVX512_SKX",
    "OPENCV_FOR_THREADS_NUM": "1",
    "OPENCV_IO_MAX_IMAGE_PIXELS": "4",
    "PYTHONHASHSEED": "77",
    "PYTHONOPTIMIZE": "2",
    "PYTHONUTF8": "0",
    "TF_CUDNN_DETERMINISTIC": "0",
    "TF_DETERMINISTIC_OPS": "0",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    "TZ": "Pacific/Kiritimati",
    "XLA_FLAGS": "--xla_cpu_enable_fast_math=true",
}
"""Settings of the libraries under the stages; most of them changed outputs before they were set or removed."""

MATPLOTLIBRC = """
font.size: 31
lines.linewidth: 9
savefig.dpi: 33
axes.grid: True
figure.facecolor: black
"""


@pytest.mark.slow
@pytest.mark.weekly
def test_no_setting_of_the_libraries_in_the_environment_or_at_home_changes_a_byte(finished, tmp_path):
    # What these settings could change must be in use for the test to mean anything: normalization by BLAS, bfloat16 ...
    finished.change(
        {
            "normalize.method": "zca",
            "train.precision": "bfloat16",
            "model.batch_norm": True,
            "model.blocks": [[16], [16]],
        }
    )
    finished.repro()
    lock = finished.path("dvc.lock").read_text()
    home = tmp_path / "home"
    keras = {"floatx": "float16", "epsilon": 0.001, "backend": "torch", "image_data_format": "channels_first"}
    for name, content in {
        ".keras/keras.json": json.dumps(keras),
        ".config/matplotlib/matplotlibrc": MATPLOTLIBRC,
        "matplotlibrc": MATPLOTLIBRC,
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)
    finished.path("matplotlibrc").write_text(MATPLOTLIBRC)
    rc = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "MATPLOTLIBRC": str(home)}
    assert len(finished.repro("--force", **HOSTILE, **rc)) == 6
    assert finished.path("dvc.lock").read_text() == lock


def declared(root: Path, stage: str) -> tuple[list[str], list[str]]:
    """Return what dvc.yaml names for a stage: what it reads, and what it writes."""
    entry = YAML(typ="safe").load((root / "dvc.yaml").read_text())["stages"][stage]
    writes = [
        *entry.get("outs", []),
        *(next(iter(o)) for kind in ("metrics", "plots") for o in entry.get(kind, [])),
    ]
    return ["params.yaml", *entry["deps"]], writes


def undeclared(repository: Any, opened: set[Path], stage: str) -> set[str]:
    """Return the paths inside the project that ``stage`` opened and dvc.yaml does not name for it."""
    reads, writes = declared(repository.folder, stage)
    # What killed runs left, by content; and the temporary name of a file that is written whole, beside its own.
    allowed = [*reads, *writes, ".dvc/tmp/darkroom"]
    beginnings = tuple(f"{Path(out).parent}/.{Path(out).name}." for out in writes)
    strange = set()
    for path in opened:
        name = Path(os.path.relpath(os.path.normpath(path), repository.folder))
        if name.parent.name == "__pycache__":
            name = name.parent.parent / f"{name.name.split('.')[0]}.py"
        elif name.name == "__pycache__":
            name = name.parent
        outside = name.parts[:1] == ("..",)
        if outside or str(name) in LOOKED_INTO or str(name).startswith(beginnings):
            continue
        if not any(str(part) in allowed for part in (name, *name.parents)):
            strange.add(str(name))
    return strange


LOOKED_INTO = {".", "src", "src/darkroom", "stages"}
"""Folders in which Python looks for modules; what it then imports is a file of its own."""

STAGES = ["fetch", "decode", "split", "train", "evaluate", "plot"]
OWN_VARIABLES = {"DVC_ROOT", "DVC_STAGE", "TF_CPP_MIN_LOG_LEVEL", "DARKROOM_PROCESS"}
"""Where the state of killed runs lies, whether dvc is there to go on with it, how much TensorFlow says, and which of
several processes this is.
"""


@pytest.mark.slow
def test_no_stage_reads_a_file_or_a_variable_that_is_not_named_for_it(finished, tmp_path):
    strange = {}
    for stage in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}"]
        opened, variables = tracing.by_python(finished, command, tmp_path / stage)
        read = {finished.path(name) for name in ("params.yaml", f"stages/{stage}.py")}
        assert read <= opened | {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in opened}
        strange[stage] = undeclared(finished, opened, stage), variables - OWN_VARIABLES
    assert strange == {stage: (set(), set()) for stage in STAGES}


@pytest.mark.slow
@pytest.mark.skipif(not tracing.kernel_tells(), reason="strace is not installed, or not allowed to trace")
def test_no_library_in_c_opens_a_file_of_the_project_that_is_not_named_for_the_stage(finished, tmp_path):
    strange = {}
    for stage in STAGES:
        opened = tracing.by_kernel(finished, [sys.executable, "-m", f"stages.{stage}"], tmp_path / stage)
        assert finished.path("params.yaml") in opened
        strange[stage] = undeclared(finished, opened, stage)
    assert strange == {stage: set() for stage in STAGES}


@pytest.mark.skipif(not tracing.kernel_tells(), reason="strace is not installed, or not allowed to trace")
def test_both_tracers_see_what_is_not_declared(repository, tmp_path):
    code = "import os; open('README.md'); os.listdir('recipes')"
    seen = {"README.md", "recipes"}
    opened, _ = tracing.by_python(repository, [sys.executable, "-c", code], tmp_path / "python")
    assert undeclared(repository, opened, "fetch") >= seen
    opened = tracing.by_kernel(repository, [sys.executable, "-c", code], tmp_path / "kernel")
    assert undeclared(repository, opened, "fetch") >= seen
