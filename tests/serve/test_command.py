"""The command: what it prints, where it listens, what it writes (nothing), and how it ends."""

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import zipfile

import pytest
import requests


def run(*arguments, folder, program=("darkroom",), **environment):
    command = [shutil.which(program[0]), *program[1:], "serve", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )


def one_message(done):
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("darkroom: ")
    return line


def test_one_line_says_where_it_is(server, digits):
    address = r"http://127\.0\.0\.1:\d+"
    model = re.escape(str(digits.models / "model.keras"))
    assert re.fullmatch(rf"Darkroom serves {model} at {address} \(Ctrl-C stops it\)\n", server.line)
    assert requests.get(server.address, timeout=60).headers["content-type"] == "text/html; charset=utf-8"


def test_what_it_is_sent_is_never_written(server, digits):
    before = server.written()
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    # The kernel refuses every byte that would go into a file, also into one without a name.
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        large = b"hello" * 300_000
        answers = server.answers(("a.png", digits.pngs[0]), ("large.txt", large), ("b.png", digits.pngs[1]))
        files = {"files": digits.pngs[0]}
        drawn = requests.post(f"{server.address}/map", files=files, timeout=60)
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert [answer.get("reason") for answer in answers] == [None, "not an image", None]
    assert drawn.status_code == 200
    assert server.written() == before
    assert not [name for name in before if not name.startswith("home")]


def test_ctrl_c_ends_it_well_and_waits_for_nobody_who_never_ends(start, digits):
    server = start(digits.models, "--port", 0)
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as stalled:
        stalled.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
            b"Content-Type: multipart/form-data; boundary=a\r\n\r\n--a"
        )
        assert requests.get(f"{server.address}/health", timeout=60).ok
        assert server.stop() == (0, "Darkroom stopped\n")
    assert "Traceback" not in server.stderr()


def test_an_address_that_others_reach_is_served_with_a_warning(start, digits):
    server = start(digits.models, "--host", "0.0.0.0", "--port", 0)
    assert "http://0.0.0.0:" in server.line
    assert "darkroom: whoever can reach 0.0.0.0 can use this page; it asks for no password" in server.stderr()
    # Under which names they reach it cannot be known.
    port = server.address.rsplit(":")[-1]
    answer = requests.get(f"http://127.0.0.1:{port}/health", headers={"Host": "box.example"}, timeout=60)
    assert answer.ok


def test_a_port_in_use_is_one_message(digits, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = one_message(run(digits.models, "--port", port, folder=tmp_path))
    assert message == (
        f"darkroom: --port {port}: something else listens there; choose another, or 0 for any that is free"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "not an address"])
def test_an_address_that_is_not_ours_is_one_message(host, digits, tmp_path):
    message = one_message(run(digits.models, "--port", 0, "--host", host, folder=tmp_path))
    assert message.startswith(f"darkroom: --host {host}: ")
    assert message.endswith("the default is 127.0.0.1")


def test_no_model_is_one_message(tmp_path):
    message = one_message(run("--port", 0, folder=tmp_path))
    assert "models" in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "python_multipart"])
def test_a_missing_extra_is_one_message(package, tmp_path):
    # None in sys.modules is how Python itself marks a package that cannot be imported.
    code = f"import sys; sys.modules[{package!r}] = None; from darkroom.cli import app; app()"
    message = one_message(run(folder=tmp_path, program=(sys.executable, "-c", code)))
    assert message == f"darkroom: serve needs {package}, which is not installed; `make extra-serve`"


def test_help_imports_nothing_heavy():
    call = "app(['serve', '--help'], standalone_mode=False)"
    code = f"import sys; from darkroom.cli import app; {call}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "typer" in loaded
    assert not {"fastapi", "uvicorn", "cv2", "numpy", "keras", "tensorflow"} & set(loaded)


def test_the_wheel_holds_the_page(root, tmp_path):
    command = ["uv", "build", "--wheel", "--offline", "--no-build-isolation", "--out-dir", tmp_path, root]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"darkroom/serve/page.{kind}" for kind in ("html", "css", "js")} <= set(names)
