"""Shares one Prefect server among all test processes of a session, for tests that do not need their own."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deployments.local_server.server_process import EPHEMERAL, run_server
from tests.support.once import FOLDER
from tests.support.prefect_database import copy_prefect_database

POLL_SECONDS = 0.1


@contextmanager
def share_server() -> Iterator[Mapping[str, str]]:
    """Yield the environment that names the server. The first process starts it, and stops it when no other uses it."""
    folder = Path(os.environ[FOLDER]) / "server"
    address, user = _address(folder), folder / "users" / str(os.getpid())
    user.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as started:
        with _hold(folder):
            if not address.exists():
                copy_prefect_database(folder / "prefect")
                own = {"PREFECT_HOME": str(folder / "prefect")}
                server = started.enter_context(run_server({**os.environ, **EPHEMERAL, **own}))
                started.callback(_wait_for_all, folder)
                address.write_text(json.dumps(server.environment))
            user.touch()
        try:
            yield json.loads(address.read_text())
        finally:
            user.unlink()


def _address(folder: Path) -> Path:
    return folder / "environment.json"


def _wait_for_all(folder: Path) -> None:
    while not _leave(folder):
        time.sleep(POLL_SECONDS)


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
