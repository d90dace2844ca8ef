"""A stage is a function of what dvc.yaml names: no other file of the project, and nothing of the environment."""

import json

import pytest

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
