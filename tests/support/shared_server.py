"""One Prefect server for all tests of a session that do not need one of their own, whichever process runs them."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployments.local_server.temporary_server import TemporaryServer, start_server
from tests.support.once import FOLDER

POLL_SECONDS = 0.1


@contextmanager
def share_server() -> Iterator[Mapping[str, str]]:
    """Yield the environment that names the server. The first process starts it, and stops it when no other uses it."""
    folder = Path(os.environ[FOLDER]) / "server"
    user = folder / "users" / str(os.getpid())
    user.parent.mkdir(parents=True, exist_ok=True)
    with _hold(folder):
        started = None if _address(folder).exists() else _start(folder)
        user.touch()
    try:
        yield json.loads(_address(folder).read_text())
    finally:
        user.unlink()
        if started is not None:
            _stop_after_all(started, folder)


def _address(folder: Path) -> Path:
    return folder / "environment.json"


def _start(folder: Path) -> TemporaryServer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(folder / "prefect"))
        server = start_server()
    server.wait_until_ready()
    _address(folder).write_text(json.dumps(server.environment))
    return server


def _stop_after_all(server: TemporaryServer, folder: Path) -> None:
    while not _leave(folder):
        time.sleep(POLL_SECONDS)
    server.stop()


def _leave(folder: Path) -> bool:
    """Remove the server's address unless a process uses it; return whether it was removed."""
    with _hold(folder):
        is_used = any((folder / "users").iterdir())
        if not is_used:
            _address(folder).unlink()
    return not is_used


@contextmanager
def _hold(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
