"""Tests that a command's temporary Prefect server ends with the command, however it ends."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from data_contracts.storage.home import Home
from tests.e2e.conftest import run_reviews, start_reviews
from tests.support.command import Command
from tests.support.small_home import copy_scoring_home

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]

SERVER = "deployments.guarded_server"


def find_server(parent: psutil.Process) -> psutil.Process | None:
    for child in parent.children():
        if SERVER in child.cmdline():
            return child
    return None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a promoted model, without reports."""
    monkeypatch.setenv("REVIEWS_REPORTS", "false")
    return copy_scoring_home(Home(tmp_path / "home")).folder


@pytest.fixture
def scoring(home: Path, tmp_path: Path) -> Iterator[Command]:
    """A `reviews score` that has just started its server."""
    file = tmp_path / "new.csv"
    file.write_text("review\n" + "".join(f"a good film, number {n}\n" for n in range(20)), "utf-8")
    command = start_reviews(home, "score", file)
    yield command
    command.process.kill()
    command.process.join()


def await_server(command: Command) -> psutil.Process:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert command.process.exitcode is None, "the command ended before"
        if server := find_server(psutil.Process(command.process.pid)):
            return server
        time.sleep(0.05)
    raise AssertionError("no server was started")


def test_it_ends_when_its_command_is_killed(scoring: Command) -> None:
    server = await_server(scoring)
    scoring.process.kill()
    assert scoring.wait().status == -signal.SIGKILL
    server.wait(timeout=30)
    assert not server.is_running()


def test_it_ends_with_its_command(scoring: Command) -> None:
    server = await_server(scoring)
    assert scoring.wait().status == 0
    assert not server.is_running()


def test_ctrl_c_is_for_the_command_alone(scoring: Command) -> None:
    server = await_server(scoring)
    own = scoring.process.pid
    assert own is not None
    assert os.getsid(server.pid) != os.getsid(own)
    os.kill(own, signal.SIGINT)
    assert scoring.wait().status == 130
    server.wait(timeout=30)


def test_a_server_that_cannot_start_says_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "PREFECT_API_DATABASE_CONNECTION_URL", "sqlite+aiosqlite:////no/such/folder/prefect.db"
    )
    found = run_reviews(home, "score")
    assert found.status == 1
    assert "server ended with status" in found.err
    assert "unable to open database file" in found.err


def test_a_configured_server_is_used_instead(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    found = run_reviews(home, "score")
    assert found.status == 1
    assert "Prefect's server does not answer" in found.err
