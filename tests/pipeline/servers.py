"""Servers that keep a team's remote, started on this machine, and a line to them that can be cut."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.ports import LOOPBACK, free_port, listens
from tests.waiting import wait_until


@contextmanager
def served(command: list[str], port: int, log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a server in a group of its own until the block ends; it is killed with all that it has started."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        wait_until(lambda: listens(port) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Line:
    """A port that passes everything on to a server, until as many bytes have gone through as are allowed.

    After that the line is dead: what is connected is cut off and nobody gets through any more, or, where it
    ``stalls``, nothing moves and nobody is told.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        self.dead = threading.Event()
        self.mend()
        threading.Thread(target=self._accept, daemon=True).start()

    def break_after(self, allowed: int, *, stalls: bool = False) -> None:
        """Break when so many bytes more have gone through, both ways together."""
        with self._lock:
            self._left, self._stalls = allowed, stalls

    def mend(self) -> None:
        """Cut off who is connected and let everything through again."""
        with self._lock:
            self._left, self._stalls = sys.maxsize, False
            self.dead.clear()
        self._hang_up()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.dead.is_set() and not self._stalls:
                client.close()
                continue
            try:
                server = socket.create_connection((LOOPBACK, self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets += [client, server]
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        while True:
            try:
                data = source.recv(1 << 14)
            except OSError:
                data = b""
            with self._lock:
                self._left -= len(data)
                broken, stalls = self._left < 0, self._stalls
            if broken:
                self.dead.set()
                if not stalls:
                    self._hang_up()
                return
            try:
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
            except OSError:
                return


class SshServer:
    """OpenSSH's own server, run by who runs the tests, on a free port, with keys made for it."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
        if program is None or shutil.which("ssh-keygen") is None:
            pytest.skip("no SSH server here (apt-get install openssh-server)")
        self.folder = folder
        self.port = free_port()
        self._program = program
        for name in ("host", "key", "foreign"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)],
                check=True,
            )
        self.key, self.foreign_key = folder / "key", folder / "foreign"

    @contextmanager
    def running(self, *settings: str) -> Iterator[None]:
        """Run it; ``settings`` are lines of its configuration."""
        lines = [
            f"ListenAddress {LOOPBACK}",
            f"Port {self.port}",
            f"HostKey {self.folder / 'host'}",
            f"AuthorizedKeysFile {self.folder / 'key.pub'}",
            "StrictModes no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            f"PidFile {self.folder / 'pid'}",
            "Subsystem sftp internal-sftp",
            *settings,
        ]
        (self.folder / "config").write_text("\n".join(lines) + "\n")
        with separated():
            command = [self._program, "-D", "-e", "-f", str(self.folder / "config")]
            with served(command, self.port, self.folder / "log", {}):
                yield


@contextmanager
def separated() -> Iterator[None]:
    """Provide the empty folder in which sshd, where root runs it, keeps apart who is not logged in yet."""
    folder = Path("/run/sshd")
    made = os.geteuid() == 0 and not folder.exists()
    if made:
        folder.mkdir(mode=0o755)
    try:
        yield
    finally:
        if made:
            with suppress(OSError):
                folder.rmdir()


class S3Server:
    """moto's S3, with a bucket ``team`` for who has the key; it looks at signatures, and keeps all in memory."""

    def __init__(self, folder: Path) -> None:
        pytest.importorskip("dvc_s3")
        pytest.importorskip("moto.server")
        self.folder = folder
        self.port = free_port()
        self.settings = {"endpointurl": f"http://{LOOPBACK}:{self.port}", "region": "us-east-1"}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it, and make the bucket and its user."""
        import boto3

        command = [str(Path(sys.executable).parent / "moto_server"), "-H", LOOPBACK, "-p", str(self.port)]
        # The first so many requests need no signature: those that make the user.
        unsigned = {"INITIAL_NO_AUTH_ACTION_COUNT": "3"}
        with served(command, self.port, self.folder / "log", unsigned):
            where = {"endpoint_url": self.settings["endpointurl"], "region_name": self.settings["region"]}
            iam = boto3.client("iam", aws_access_key_id="none", aws_secret_access_key="none", **where)
            iam.create_user(UserName="ada")
            may = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
            iam.put_user_policy(UserName="ada", PolicyName="all", PolicyDocument=policy)
            key = iam.create_access_key(UserName="ada")["AccessKey"]
            keys = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
            s3 = boto3.client("s3", **{f"aws_{name}": value for name, value in keys.items()}, **where)
            s3.create_bucket(Bucket="team")
            self.settings |= keys
            yield
