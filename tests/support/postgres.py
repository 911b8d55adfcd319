"""A PostgreSQL server of our own, which can be killed and started again."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.stores import find_free_ports

START_SECONDS = 60


@dataclass
class PostgresServer:
    """A server on 127.0.0.1, whose user `postgres` needs no password."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    """Settings such as `fsync=off`."""
    user: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of its only database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Create its data, as the user `postgres` if we are root, which it refuses."""
        self.folder.mkdir(mode=0o700)
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self.user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        command: list[str | Path] = [
            "initdb",
            "--pgdata",
            self.folder,
            "--username",
            "postgres",
            "--auth",
            "trust",
        ]
        command += ["--encoding", "UTF8", "--no-sync"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.user)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command: list[str | Path] = ["postgres", "-D", self.folder, "-p", str(self.port), "-k", self.folder]
        for option in ("listen_addresses=127.0.0.1", *self.options):
            command += ["-c", option]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.user
        )
        ends = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > ends:
                raise TimeoutError("PostgreSQL does not answer")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            time.sleep(0.05)  # its children end by themselves
            (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop it at once, without waiting for clients."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        """Return whether it takes connections."""
        import psycopg

        with suppress(psycopg.OperationalError), psycopg.connect(self.url, connect_timeout=2):
            return True
        return False


@contextmanager
def run_postgres(folder: Path, port: int, *options: str) -> Iterator[PostgresServer]:
    """Run a server, whose data is in the new folder `folder`, while the block runs."""
    server = PostgresServer(folder, port, options)
    server.create()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def run_postgres_or_skip() -> Iterator[PostgresServer]:
    """Run a server that syncs nothing; skip the test, saying so, where PostgreSQL is not installed."""
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("no PostgreSQL here: initdb and postgres are not installed")
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        Path(made).chmod(0o755)
        [port] = find_free_ports(1)
        with run_postgres(Path(made) / "data", port, "fsync=off", "shared_buffers=16MB") as server:
            yield server
