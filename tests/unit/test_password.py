"""Tests that the server's password is made once, readable only by its owner, and passed to shells and our commands."""

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_contracts.storage.home import Home
from deployments.local_server import status
from deployments.local_server.running import Running, write_running
from deployments.password import client_file, ensure_password, find_password, password_file, write_client_file
from deployments.settings import Settings
from flows.command import servers
from flows.command.startup import prepare_prefect
from tasks.support.locking import hold_folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(Home(tmp_path / "it's a home"), port=4299)
    settings.home.prefect.mkdir(parents=True)
    return settings


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Set the umask to 0, so that files get all requested permissions."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_made_at_random_and_used_again(settings: Settings, tmp_path: Path) -> None:
    first = ensure_password(settings)
    assert len(first) > 40
    assert ensure_password(settings) == find_password(settings) == first
    other = Settings(Home(tmp_path / "other"))
    other.home.prefect.mkdir(parents=True)
    assert ensure_password(other) != first


@pytest.mark.usefixtures("no_umask")
def test_others_can_read_it_at_no_moment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()

    def look(number: int) -> None:
        state = os.fstat(number)
        seen.add(oct(state.st_mode & 0o777) if stat.S_ISREG(state.st_mode) else "folder")

    monkeypatch.setattr(os, "fsync", look)
    ensure_password(settings)
    write_client_file(settings)
    assert seen == {"0o600", "folder"}
    assert (mode(password_file(settings)), mode(client_file(settings))) == (0o600, 0o600)
    assert sorted(path.name for path in settings.home.prefect.iterdir()) == ["client.env", "password"]


def test_one_that_others_could_read_is_not_used_again(settings: Settings) -> None:
    first = ensure_password(settings)
    password_file(settings).chmod(0o640)
    assert ensure_password(settings) != first
    assert mode(password_file(settings)) == 0o600


def test_the_one_of_the_settings_is_kept_for_our_commands(settings: Settings) -> None:
    ensure_password(settings)
    assert ensure_password(replace(settings, password="me:mine")) == "me:mine"
    assert find_password(settings) == "me:mine"


@pytest.mark.process
def test_a_shell_reads_the_address_and_the_password_whatever_the_home_is_called(settings: Settings) -> None:
    password = ensure_password(settings)
    write_client_file(settings)
    assert password not in client_file(settings).read_text()
    script = '. "$0"; printf "%s %s" "$PREFECT_API_URL" "$PREFECT_API_AUTH_STRING"'
    done = subprocess.run(
        ["sh", "-ec", script, str(client_file(settings))], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"http://127.0.0.1:4299/api {password}"


@pytest.fixture
def running(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A home whose `reviews up` runs, with its own environment; returns the password."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    monkeypatch.setattr(os, "environ", {**kept, "REVIEWS_HOME": str(settings.home.folder)})
    interrupt = signal.getsignal(signal.SIGINT)
    with hold_folder(settings.home.prefect):
        write_running(settings, is_ready=True, started_at=datetime.now(UTC))
        yield ensure_password(settings)
    signal.signal(signal.SIGINT, interrupt)


def test_our_commands_use_it_by_themselves(running: str) -> None:
    prepare_prefect(may_start=False)
    assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:4299/api"
    assert os.environ["PREFECT_API_AUTH_STRING"] == running


def test_a_server_of_another_name_is_not_told_it(running: str) -> None:
    os.environ["PREFECT_API_URL"] = "https://elsewhere.test/api"
    os.environ["PREFECT_SERVER_API_AUTH_STRING"] = running
    prepare_prefect(may_start=False)
    assert "PREFECT_API_AUTH_STRING" not in os.environ


def test_the_status_is_asked_of_it_whatever_other_server_is_named(
    settings: Settings, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.environ |= {"PREFECT_API_URL": "https://elsewhere.test/api", "PREFECT_API_KEY": "secret"}
    asked = []

    def read(running: Running, settings: Settings) -> dict[str, Any]:
        asked.append({name: value for name, value in os.environ.items() if name.startswith("PREFECT_API")})
        return {}

    monkeypatch.setattr(status, "read_status", read)
    servers._look_at_server(settings)
    assert asked == [{"PREFECT_API_URL": "http://127.0.0.1:4299/api", "PREFECT_API_AUTH_STRING": running}]
