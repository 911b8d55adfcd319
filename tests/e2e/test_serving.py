"""Tests of `reviews serve` as a process: it answers, follows the champion, and ends in order."""

import json
import os
import signal
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from data_contracts.storage.home import Home
from tasks.warehouse.publishing import publish
from tests.support.command import Call, start_command
from tests.support.promoting import promote_model
from tests.support.scoring_runs import CSV, copy_scored_home
from tests.support.small_home import write_small_bundle

PATIENCE_SECONDS = 60


def wait_for_answer(port: int, model_id: str | None = None) -> dict[str, Any]:
    """Wait until the server is healthy and, if a model is named, answers by it; return what it says of itself."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                health: dict[str, Any] = json.load(answer)
            if model_id in (None, health["model_id"]):
                return health
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.process
def test_it_answers_follows_the_champion_and_ends_at_a_signal(tmp_path: Path) -> None:
    home = copy_scored_home(Home(tmp_path / "home"), {"a.csv": CSV})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    arguments = ("--home", str(home.folder), "serve", "--port", str(port))
    command = start_command(Call(arguments, dict(os.environ), tmp_path))
    before = wait_for_answer(port)["model_id"]
    folder = write_small_bundle(home, 1)
    promote_model(home.warehouse, folder.name, "for a test")
    publish(home)
    assert wait_for_answer(port, folder.name)["status"] == "ok"
    assert command.process.pid is not None
    os.kill(command.process.pid, signal.SIGTERM)
    finished = command.wait()
    assert finished.status == 0
    assert f"{before} answers on http://127.0.0.1:{port}" in finished.out
    assert f"{folder.name} answers from now on: for a test" in finished.err
