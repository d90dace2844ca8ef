"""A stage works in a child process, so that somebody is left to say that it was killed."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests.conftest import ROOT
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a stage works in the process itself"
)

STAGE = """
import sys
from stages import run

def train():
{work}

run(train)
"""


def start(folder, *work):
    script = STAGE.format(work="\n".join(f"    {line}" for line in work))
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_killed_stage_is_said(tmp_path, name):
    process = start(tmp_path, "import os, signal", f"os.kill(os.getpid(), signal.{name})")
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert said == (
        f"train: killed by {name}, most likely out of memory; lower train.batch_size in params.yaml or close "
        "other programs, and run again: nothing else is lost\n"
    )


@pytest.mark.parametrize(("work", "code"), [("pass", 0), ("sys.exit(3)", 3), ("raise ValueError", 1)])
def test_a_stage_ends_with_the_code_of_its_work(tmp_path, work, code):
    process = start(tmp_path, work)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, "ValueError" in said) == (code, work == "raise ValueError")


def at_work(process):
    """Return the process that does the work of a stage that prints a line when it has begun."""
    assert process.stdout.readline() == "begun\n"
    return psutil.Process(process.pid).children()[0]


def ended(process):
    """Return whether a process has ended, collected by its parent or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


WORK = ("import time", "print('begun', flush=True)", "time.sleep(600)")


def test_who_kills_a_stage_kills_its_work(tmp_path):
    process = start(tmp_path, *WORK)
    work = at_work(process)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: ended(work))


@pytest.mark.parametrize("name", ["SIGXCPU", "SIGUSR1"])
def test_a_signal_that_tells_nothing_of_memory_is_named_alone(tmp_path, name):
    process = start(tmp_path, "import os, signal", f"os.kill(os.getpid(), signal.{name})")
    said = process.communicate(timeout=60)[1]
    assert said == f"train: ended by {name}; the next run goes on from what is finished\n"


def test_ctrl_c_is_said_once(tmp_path):
    process = start(tmp_path, *WORK)
    at_work(process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60)[1] == (
        "train: interrupted; the next run goes on from what is finished\n"
    )
    assert process.returncode == 130


def test_being_told_to_end_is_passed_on(tmp_path):
    process = start(tmp_path, *WORK)
    work = at_work(process)
    process.terminate()
    said = process.communicate(timeout=60)[1]
    assert said == "train: ended by SIGTERM; the next run goes on from what is finished\n"
    assert process.returncode == 1
    assert not work.is_running()  # who passed it on has collected it
