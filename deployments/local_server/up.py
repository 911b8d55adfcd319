"""`reviews up`: a Prefect server on 127.0.0.1, the deployments, and a worker, as one command.

This process starts the others, prints their output, restarts them if they end, and stops all of them on a signal. All
data of Prefect is in `prefect/` of the home, so two homes are independent of each other.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from data_contracts.errors import ReviewsError
from deployments.guarded_server import list_hosts, protect_server
from deployments.installation_paths import PROJECT_ROOT
from deployments.local_server.children import (
    LINES_KEPT,
    Child,
    Program,
    build_renewal,
    build_supervisor,
    name_lines,
    start_child,
    start_health_checks,
)
from deployments.local_server.running import delete_running, find_running, write_running
from deployments.local_server.server_process import describe_server, has_page, wait_for_server
from deployments.local_server.stopping import Stop, catch_signals, stop_all_but, stop_runs
from deployments.local_server.up_log import Echo, make_json_echo, make_safe_echo, name_log
from deployments.marked_processes import MARK, find_marked, kill_marked, list_run_processes, stop_processes
from deployments.password import client_file, ensure_password, password_file, write_client_file
from deployments.ports import open_ports
from deployments.settings import DEPLOYED_HOME, DEPLOYMENTS, WORKER, Settings
from tasks.support.locking import hold_folder
from tasks.support.wording import count, quote_word

LOOK_SECONDS = 0.5
ANSWER_SECONDS = 10.0
"""How long the server may take to answer one health check."""
WORKER_LIMIT = len(DEPLOYMENTS) + 1
"""The largest number of runs at a time: one of each deployment, and one in reserve."""
WORKER_COMMAND = (sys.executable, "-m", "deployments.worker", "start")
WORKER_OPTIONS = ("--type", "process", "--name", WORKER, "--limit", str(WORKER_LIMIT))
DATABASE_VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
KEEP_RUNS, KEEP_RUNS_SECONDS = "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD", f"{30 * 86_400}"
NOT_OURS = (
    "PREFECT_API_KEY",
    "PREFECT_PROFILE",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    DATABASE_VARIABLE,
    "REVIEWS_DATABASE_URL",
    "REVIEWS_DATABASE_URL_FILE",
    "PREFECT_SERVER_API_AUTH_STRING_FILE",
    "REVIEWS_SERVE_TOKEN",
    "REVIEWS_SERVE_TOKEN_FILE",
    DEPLOYED_HOME,
)
"""Variables of another server, or of this one alone, that the processes of `reviews up` must not inherit."""
_POLL_SECONDS = 2
"""Seconds between two requests of the worker for runs, and between two reads of a watched inbox."""

JSON_LOG = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER": "json",
    "PREFECT_LOGGING_FORMATTERS_JSON_CLASS": "tasks.support.json_log.JsonFormatter",
}
"""Variables by which Prefect prints its log as lines of JSON."""


def run_up(settings: Settings, echo: Echo, *, watch: bool = False) -> None:
    """Start the server, the deployments and the worker, supervise them until SIGTERM or Ctrl-C, then stop them.

    With `watch`, files in the inbox are scored as soon as they arrive. Raises `ReviewsError` if it is up already, the
    port is in use, or the server or the deployments fail.
    """
    # They raise an error for invalid settings before anything is started.
    list_hosts("REVIEWS_HOST", settings.host, settings.allowed_hosts)
    list_hosts("REVIEWS_METRICS_HOST", settings.metrics_host, settings.allowed_hosts)
    echo = make_safe_echo(echo, name_log(settings))
    if settings.log == "json":
        echo = make_json_echo(echo)
    settings.home.make()
    for folder in (settings.home.prefect, settings.home.inbox):
        folder.mkdir(parents=True, exist_ok=True)
    with hold_folder(settings.home.prefect, lambda folder: _refuse_second(settings)), catch_signals() as stop:
        if stopped := kill_marked(settings.home.folder):
            echo(f"Stopped what an earlier `reviews up` left behind: {count(stopped, 'process')}.")
        with open_ports(settings) as ports:
            up = partial(write_running, settings, started_at=datetime.now(UTC))
            up(is_ready=False)
            try:
                _run_until_stopped(_Start(settings, ports, echo, stop, watch), up)
            finally:
                echo("Stopping ...")
                with suppress(OSError):
                    up(is_ready=False)
                stop_processes(find_marked(settings.home.folder))
                delete_running(settings)
                echo("All stopped.")


def build_environment_of_up(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which `reviews up` starts everything: this home, its own server, and no telemetry."""
    kept = {name: value for name, value in environment.items() if name not in NOT_OURS}
    return {
        **kept,
        **(JSON_LOG if settings.log == "json" else {}),
        MARK: str(settings.home.folder),
        "REVIEWS_HOME": str(settings.home.folder),
        "REVIEWS_PORT": str(settings.port),
        "PREFECT_HOME": str(settings.home.prefect),
        "PREFECT_API_URL": settings.api_url,
        "PREFECT_UI_URL": settings.ui_url,
        "PREFECT_SERVER_UI_ENABLED": "true",  # a server that shows no page is restarted
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        KEEP_RUNS: kept.get(KEEP_RUNS, KEEP_RUNS_SECONDS),
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "deployments.event_order",
        "PREFECT_SERVER_LOGGING_LEVEL": kept.get("PREFECT_SERVER_LOGGING_LEVEL", "WARNING"),
        "PREFECT_WORKER_QUERY_SECONDS": f"{_POLL_SECONDS}",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_CLI_COLORS": "false",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }


def describe_up(settings: Settings, watch: bool) -> str:
    """Describe the address, the password file, the inbox, and the next commands."""
    when = "at once" if watch else "every 15 minutes"
    return "\n".join(
        [
            f"Up: {settings.ui_url}",
            f"  pages  ask for the password in {password_file(settings)}",
            f"  inbox  {settings.home.inbox} (new files are scored {when})",
            *([f"  site   {settings.site_url} (pages for people, and reports)"] if settings.site_url else []),
            *([f"  metrics  {settings.metrics_url}"] if settings.metrics_url else []),
            *([f"  store  {settings.store}/inbox (every 15 minutes)"] if settings.store else []),
            "Next, in another terminal:",
            f"  . {quote_word(str(client_file(settings)))}",
            f"  prefect deployment run score-reviews/{settings.add_name('score-reviews')} --watch",
            f"  reviews --home {quote_word(str(settings.home.folder))} status",
            f"  reviews --home {quote_word(str(settings.home.folder))} down",
        ]
    )


@dataclass(frozen=True)
class _Start:
    """What `reviews up` works with."""

    settings: Settings
    ports: Mapping[str, socket.socket]
    echo: Echo
    stop: Stop
    watch: bool


def _run_until_stopped(start: _Start, write_state: Callable[..., None]) -> None:
    """Do the work of `reviews up`, from its first start of a process to its orderly end."""
    settings, echo, stop = start.settings, start.echo, start.stop
    protection = protect_server(settings.ui_url, ensure_password(settings))
    write_client_file(settings)
    environment = build_environment_of_up(settings, os.environ) | protection
    children = _start_all(start, environment)
    if closed := settings.home.close():
        echo(closed)
    if not stop.asked.is_set():
        write_state(is_ready=True)
        echo(describe_up(settings, start.watch))
    if start.watch:
        _watch_inbox(start, environment)
    stopped = threading.Event()
    last_answer = start_health_checks(lambda: has_page(settings.ui_url, ANSWER_SECONDS), stopped)
    renew = build_renewal(children, lambda: not list_run_processes(settings.home.folder), echo)
    supervise = build_supervisor(children, last_answer, renew, environment, echo)
    while not stop.asked.wait(LOOK_SECONDS):
        supervise()

    def echo_to_down(text: str) -> None:
        echo(text)
        with suppress(OSError):
            write_state(is_ready=True, doing=text)

    del children[1:]  # while it stops, only the server is restarted
    os.environ.update(environment)  # Prefect's client, which is loaded next, reads it
    stop_runs(settings, echo_to_down, stop.at_once, supervise)
    stopped.set()
    stop_all_but(children[0], settings)


def _start_all(start: _Start, environment: Mapping[str, str]) -> list[Child]:
    """Start the server, deploy, and start the other processes; skip the remaining steps once a stop is asked for."""
    settings, echo, stop = start.settings, start.echo, start.stop.asked

    def run(program: Program) -> Child:
        return start_child(program, environment, name_lines(program, echo))

    echo(f"Starting Prefect's server on {settings.ui_url} ...")
    own = {DATABASE_VARIABLE: settings.database_url} if settings.database_url else {}
    hosts = list_hosts("REVIEWS_HOST", settings.host, settings.allowed_hosts)
    server = run(describe_server(start.ports["server"], hosts, own=own))
    wait_for_server(server, settings.api_url, "then `reviews up` again.", stop)
    if not stop.is_set():
        echo("Creating the deployments ...")
        _deploy_for_up(environment, echo)
    if stop.is_set():
        return [server]
    worker = Program("worker", (*WORKER_COMMAND, "--pool", settings.pool, *WORKER_OPTIONS))
    served = {name: each.fileno() for name, each in start.ports.items() if name != "server"}
    others = [
        Program(name, (sys.executable, "-m", f"deployments.{name}", str(number)), inherited=(number,))
        for name, number in served.items()
    ]
    return [server, *map(run, (worker, *others))]


def _deploy_for_up(environment: Mapping[str, str], echo: Echo) -> None:
    """Create the deployments of `reviews up`, in a process of its own."""
    # In a session of its own, since Ctrl-C is for this process: the other one would answer it by a traceback.
    done = subprocess.run(
        [sys.executable, "-m", "deployments.deploy"],
        cwd=PROJECT_ROOT,
        env=dict(environment),
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-LINES_KEPT:])
        raise ReviewsError(tail or "The deployments could not be created.")
    if done.stdout.strip():
        echo(done.stdout.strip())


def _watch_inbox(start: _Start, environment: Mapping[str, str]) -> None:
    """Watch the inbox in a thread until a stop is asked for: a slow server must not block this one."""
    os.environ.update(environment)  # Prefect's client, which is loaded next, reads it
    os.environ.pop(MARK)
    from deployments.local_server.inbox_watcher import check_repeatedly, is_scoring, make_inbox_check
    from tasks.stages.events import emit_inbox_changed

    home = start.settings.home
    is_busy = partial(is_scoring, start.settings.add_name("score-reviews"))
    check = make_inbox_check(home.inbox, is_busy, partial(emit_inbox_changed, home))
    arguments = (check, _POLL_SECONDS, start.stop.asked, start.echo)
    threading.Thread(target=check_repeatedly, args=arguments, daemon=True).start()


def _refuse_second(settings: Settings) -> None:
    """Raise `ReviewsError` since `reviews up` runs for this home already, with its address."""
    running = find_running(settings)
    where = f": {running.ui_url} (process {running.pid})" if running else ""
    raise ReviewsError(
        f"It is up already for {settings.home.folder}{where}. "
        f"Next: `reviews --home {quote_word(str(settings.home.folder))} status`, or `down`."
    )
