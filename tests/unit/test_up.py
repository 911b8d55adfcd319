"""Tests of the parts of `reviews up` that need no server: environment, port, marks, the published state."""

import json
import os
import signal
import socket
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from data_contracts.errors import ReviewsError, UsageError
from data_contracts.storage.home import Home
from deployments.local_server import detached
from deployments.local_server.running import find_running, require_running, write_running
from deployments.local_server.stopping import bring_down
from deployments.local_server.up import DATABASE_VARIABLE, build_environment_of_up, run_up
from deployments.marked_processes import find_marked, stop_processes
from deployments.ports import open_ports
from deployments.settings import Settings
from flows.command import servers
from flows.command.cli import main
from tasks.findings.finding import Finding
from tasks.findings.recorded import note_findings
from tasks.support.locking import hold_folder
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish
from tests.support.marked import start_marked

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(Home(tmp_path / "home"), port=1)


def test_our_processes_get_this_home_and_nothing_that_leads_elsewhere(settings: Settings) -> None:
    environment = build_environment_of_up(
        settings, {"PREFECT_API_KEY": "secret", "PREFECT_API_URL": "https://cloud"}
    )
    assert "secret" not in environment.values()
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:1/api"
    assert environment["REVIEWS_HOME"] == str(settings.home.folder)
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_only_the_server_gets_the_address_of_its_database_and_secrets_come_by_one_way(
    settings: Settings,
) -> None:
    environment = build_environment_of_up(
        replace(settings, database_url="postgresql+asyncpg://reviews:secret@db/prefect"),
        {
            "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "60",
            "REVIEWS_DATABASE_URL": "postgresql://reviews:secret@db/prefect",
            "REVIEWS_DATABASE_URL_FILE": "/run/secrets/database",
            "PREFECT_SERVER_API_AUTH_STRING_FILE": "/run/secrets/password",
            DATABASE_VARIABLE: "sqlite:///other",
        },
    )
    assert DATABASE_VARIABLE not in environment
    assert environment["PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"] == "60"
    assert not any("secret" in value for value in environment.values())


def test_one_port_for_pages_and_metrics_is_a_wrong_setting(settings: Settings) -> None:
    both = replace(settings, port=9108, metrics_port=9108)
    with pytest.raises(UsageError, match="the same port, 9108"), open_ports(both):
        pass


def test_a_taken_port_is_named_with_what_to_do(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ReviewsError, match=rf"Port {port} .* another program uses it.*REVIEWS_PORT"):
            run_up(replace(settings, port=port), lambda line: None)


def test_what_runs_is_found_only_while_it_holds_the_home(settings: Settings) -> None:
    settings.home.prefect.mkdir(parents=True)
    with hold_folder(settings.home.prefect):
        write_running(settings, is_ready=True, started_at=datetime.now(UTC))
        found = find_running(settings)
    assert found is not None
    assert (found.pid, found.api_url, found.is_ready) == (os.getpid(), "http://127.0.0.1:1/api", True)
    assert find_running(settings) is None


@pytest.mark.process
def test_status_after_a_killed_up_names_what_it_left_and_how_to_stop_it(settings: Settings) -> None:
    left = start_marked(settings.home.folder, STUBBORN)
    try:
        with pytest.raises(ReviewsError, match=rf"processes {left.pid}\).*reviews --home .* down"):
            require_running(settings)
    finally:
        left.kill()
        left.wait()


@pytest.mark.process
def test_marked_processes_are_stopped_even_if_they_will_not_and_others_are_left(tmp_path: Path) -> None:
    mine, other = start_marked(tmp_path / "mine", STUBBORN), start_marked(tmp_path / "other", STUBBORN)
    assert find_marked(tmp_path / "mine") == [psutil.Process(mine.pid)]
    stop_processes(find_marked(tmp_path / "mine"), grace_seconds=0.2)
    assert not psutil.pid_exists(mine.pid)
    mine.wait(5)
    assert other.poll() is None
    other.kill()
    other.wait(5)


def test_status_as_json_says_that_nothing_is_up_with_the_same_exit_status(settings: Settings) -> None:
    done = CliRunner().invoke(main, ["--home", str(settings.home.folder), "status", "--format", "json"])
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert (said["is_up"], said["message"][:5]) == (False, "Down:")
    assert "up --detach" in said["message"]
    assert bring_down(settings, print) == "It was not up."


def test_the_status_does_not_wait_for_a_commit_and_shows_what_was_published(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "COMMIT_SECONDS", 0.01)
    home = settings.home
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute(
            "INSERT INTO promotions VALUES (1, 'promote', 'model-a', '', NULL, now(), NULL, NULL)"
        )
        connection.execute(
            "INSERT INTO promises VALUES (1, 'model-a', NULL, now(), 0.9, 'archive', 10, 9, 0, NULL, 0, 0, now())"
        )
    publish(home)
    with open_warehouse(home.warehouse, write=True):
        done = CliRunner().invoke(main, ["--home", str(home.folder), "status"])
    assert done.stdout.startswith("  champion  model-a promised 90.0% right")
    assert "  a run is committing, or another program has the database open: " in done.stdout


def test_the_status_names_open_findings_with_commands_that_can_be_copied(settings: Settings) -> None:
    late = Finding("late_source", "shop", "shop: the last files came 3 days ago", "reviews sql sources")
    note_findings(settings.home.warehouse, [late], lambda row: True, None)
    command = ["--home", str(settings.home.folder), "status"]
    said = CliRunner().invoke(main, command).stdout
    assert f"  delivery    {late.what}. Next: reviews --home {settings.home.folder} sql sources\n" in said
    found = json.loads(CliRunner().invoke(main, [*command, "--format", "json"]).stdout)
    assert [each["subject"] for each in found["findings"]] == ["shop"]


SLOW_TO_STOP = "trap 'sleep 0.1; exit 7' TERM; echo ready; while :; do sleep 0.01; done"


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_any_signal_while_a_detached_one_starts_ends_it_and_a_second_one_leaves_nothing_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start(settings: Settings, watch: bool) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["sh", "-c", SLOW_TO_STOP], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as said:
            said.readline()
        started.append(process)
        signal.raise_signal(number)
        return process

    monkeypatch.setattr(detached, "_start_process", start)
    before = signal.signal(number, signal.SIG_DFL)  # SIGHUP may be ignored, as `nohup` asks
    try:
        with pytest.raises(KeyboardInterrupt):
            detached.start_detached(settings, lambda line: signal.raise_signal(number))
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert [process.returncode for process in started] == [7]
