"""The same bytes on CPUs of other types, which QEMU emulates."""

import shutil
import sys

import pytest

QEMU = shutil.which("qemu-x86_64-static")
SMALL = {
    "train.epochs": 1,
    "train.steps_per_epoch": 2,
    "model.blocks": [[8], [8]],
    "split.train": 0.9,
    "split.validation": 0.05,
    "split.test": 0.05,
    "evaluate.training_images": 1,
    "evaluate.occlusion": 1,
}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(QEMU is None, reason="qemu-x86_64-static is not installed (Debian: qemu-user-static)")
@pytest.mark.parametrize(
    ("cpu", "stages"),
    [
        pytest.param("Haswell", ("train", "evaluate", "plot"), marks=pytest.mark.weekly),
        # Without AVX, which TensorFlow needs and the stages before it do not.
        ("Nehalem", ("fetch", "decode", "split")),
    ],
)
def test_another_cpu_makes_the_same_bytes(finished, cpu, stages):
    if "train" in stages:
        finished.change(SMALL)
        finished.repro()
    lock = finished.lock()
    for out in (out for stage in stages for out in lock[stage]["outs"]):
        path = finished.path(out["path"])
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(finished.path(".dvc/tmp"))
    for stage in stages:
        finished.run(str(QEMU), "-cpu", cpu, sys.executable, "-m", f"stages.{stage}")
    finished.dvc("commit", "--force", "--quiet")
    assert finished.lock() == lock
