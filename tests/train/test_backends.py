import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

TRAIN = """
import json, sys
from pathlib import Path
from darkroom.params import AugmentParams, ModelParams, TrainParams
from darkroom.train.config import Config
from darkroom.train.stage import train
sections, images, split, out = json.loads(sys.argv[1]), *map(Path, sys.argv[2:])
model, augment, params = (m.model_validate(sections[n]) for n, m in
    (("model", ModelParams), ("augment", AugmentParams), ("train", TrainParams)))
train(Config(0, model, augment, params), images, split, out / "weights", out, out / "history.csv")
"""

PREDICT = """
import sys, keras, numpy as np
from darkroom.images import Images
from pathlib import Path
images = Images(Path(sys.argv[2]))
model = keras.models.load_model(sys.argv[1], compile=False)
np.save(sys.argv[3], model.predict(images.take(range(len(images))), verbose=0))
"""


def run(script, *arguments, backend):
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | {"KERAS_BACKEND": backend},
        cwd=arguments[-1].parent,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("network", ["cnn", "resnet"])
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_model_trained_on_one_backend_predicts_the_same_on_another(
    tmp_path, sections, data, backend, network
):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    params = sections(
        model={"network": network, "blocks": [[4], [8]], "dense": [8], "batch_norm": True},
        train={"backend": backend, "epochs": 2, "batch_size": 16},
    )
    content = {name: getattr(params, name).model_dump() for name in ("model", "augment", "train")}
    images, split = data(3)
    run(TRAIN, json.dumps(content), images, split, tmp_path / "models", backend=backend)
    for name in (backend, "tensorflow"):
        run(PREDICT, tmp_path / "models" / "model.keras", images, tmp_path / f"{name}.npy", backend=name)
    np.testing.assert_allclose(
        np.load(tmp_path / f"{backend}.npy"), np.load(tmp_path / "tensorflow.npy"), atol=1e-4
    )


USED_BEFORE = """
import sys
import tensorflow as tf
from darkroom import UserError, backends
tf.constant(1) + 1
try:
    backends.start("tensorflow", "cpu", int(sys.argv[1]), True, "avx2", "test")
except UserError as error:
    sys.exit(str(error))
"""


def test_tensorflow_used_before_in_the_process_is_one_message():
    done = subprocess.run(
        [sys.executable, "-c", USED_BEFORE, "3"], text=True, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert "threads can no longer be set to 3" in done.stderr.splitlines()[-1]


FAULTS = """
import ctypes, resource, threading
from darkroom import backends
backends.keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def steps():
    for _ in range(20):
        blocks = [ctypes.c_void_p(libc.malloc(8 << 20)) for _ in range(4)]
        for block in blocks:
            ctypes.memset(block, 1, 8 << 20)
        for block in blocks:
            libc.free(block)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
thread = threading.Thread(target=steps)  # as the backends compute: a thread's heap is not the process's
thread.start()
thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_a_step_gets_the_memory_of_the_step_before():
    """The kernel clears every page that it hands out: without this, each step has all of its tensors cleared."""

    def page_faults(**variables):
        process = [sys.executable, "-c", FAULTS]
        return int(subprocess.check_output(process, env=os.environ | variables, text=True))

    assert page_faults() < page_faults(MALLOC_TRIM_THRESHOLD_="131072") / 5, (
        "or what the user set is not heard"
    )
