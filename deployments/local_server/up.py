"""`reviews up`: a Prefect server on 127.0.0.1, the deployments, and a worker, as one command.

This process starts the others, shows what they say, starts them again if they end, and stops them all when it is
told to. Everything that Prefect keeps lies in `prefect/` of the home, so that two homes never meet.
"""

import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from data_contracts.errors import ReviewsError
from deployments.guarded_server import list_hosts, protect_server
from deployments.local_server.children import Child, Program, Say, start_child
from deployments.local_server.health import ANSWER_SECONDS, keep_asking, look_after
from deployments.local_server.running import find_running, forget_running, write_running
from deployments.local_server.server import (
    LINES_SHOWN,
    is_answering,
    open_port,
    start_server,
    wait_for_server,
)
from deployments.local_server.stopping import Stop, catch_signals, drain, stop_all_but
from deployments.local_server.up_log import keep_saying, name_log
from deployments.password import client_file, ensure_password, password_file, write_client_file
from deployments.processes import MARK, kill_marked, stop_marked
from deployments.settings import PROJECT_ROOT, Settings
from deployments.work_pool import POOL
from tasks.support.locking import hold_folder

LOOK_SECONDS = 0.5
WORKER_LIMIT = 4
"""Runs at a time: one of each deployment, and one to spare."""
WORKER_COMMAND = (sys.executable, "-m", "prefect", "worker", "start")
WORKER_OPTIONS = ("--pool", POOL, "--type", "process", "--name", "reviews-up", "--limit", str(WORKER_LIMIT))
NOT_OURS = ("PREFECT_API_KEY", "PREFECT_PROFILE", "PREFECT_API_DATABASE_CONNECTION_URL")


def run_up(settings: Settings, say: Say) -> None:
    """Start everything and look after it until SIGTERM or Ctrl-C, then stop it all.

    Raises `ReviewsError` if it is up already, the port is taken, or the server or the deployments fail.
    """
    list_hosts(settings)  # before anything is made: they may make no sense
    say = keep_saying(say, name_log(settings))
    settings.home.make()
    for folder in (settings.home.prefect, settings.home.inbox):
        folder.mkdir(parents=True, exist_ok=True)
    with hold_folder(settings.home.prefect, lambda folder: _refuse_second(settings)), catch_signals() as stop:
        if stopped := kill_marked(settings.home.folder):
            say(f"Stopped {stopped} processes that an earlier `reviews up` left behind.")
        with open_port(settings.host, settings.port) as listening:
            started_at = datetime.now(UTC)
            write_running(settings, is_ready=False, started_at=started_at)
            try:
                _run(settings, listening, say, stop, started_at)
            finally:
                say("Stopping ...")
                stop_marked(settings.home.folder)
                forget_running(settings)
                say("All stopped.")


def build_environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of our processes: this home, its own server, nothing that leaves this machine."""
    kept = {name: value for name, value in environment.items() if name not in NOT_OURS}
    return {
        **kept,
        MARK: str(settings.home.folder),
        "REVIEWS_HOME": str(settings.home.folder),
        "REVIEWS_PORT": str(settings.port),
        "PREFECT_HOME": str(settings.home.prefect),
        "PREFECT_API_URL": settings.api_url,
        "PREFECT_UI_URL": settings.ui_url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": f"{settings.keep_runs_days * 86_400:.0f}",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "deployments.event_order",
        "PREFECT_SERVER_LOGGING_LEVEL": kept.get("PREFECT_SERVER_LOGGING_LEVEL", "WARNING"),
        "PREFECT_WORKER_QUERY_SECONDS": f"{settings.poll_seconds:g}",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_CLI_COLORS": "false",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }


def describe_up(settings: Settings) -> str:
    """Say where everything is and what to do next."""
    looked_at = "at once" if settings.watch_inbox else "every 15 minutes"
    return "\n".join(
        [
            f"Up: {settings.ui_url}",
            f"  pages  ask for the password in {password_file(settings)}",
            f"  inbox  {settings.home.inbox} (what arrives is scored {looked_at})",
            "Next, in another terminal:",
            f"  . {shlex.quote(str(client_file(settings)))}",
            "  prefect deployment run score-reviews/score-reviews --watch",
            f"  reviews --home {settings.home.folder} status",
            f"  reviews --home {settings.home.folder} down",
        ]
    )


def _run(settings: Settings, listening: socket.socket, say: Say, stop: Stop, started_at: datetime) -> None:
    protection = protect_server(settings.ui_url, ensure_password(settings))
    write_client_file(settings)
    environment = build_environment(settings, os.environ) | protection
    children = _start_all(settings, listening, environment, say, stop.asked)
    if not stop.asked.is_set():
        write_running(settings, is_ready=True, started_at=started_at)
        say(describe_up(settings))
    _watch(settings, environment, stop.asked, say)
    over = threading.Event()
    answered = keep_asking(lambda: is_answering(settings.api_url, ANSWER_SECONDS), over)
    look = look_after(children, answered, environment, say)
    while not stop.asked.wait(LOOK_SECONDS):
        look()

    def say_to_down(text: str) -> None:
        say(text)
        with suppress(OSError):
            write_running(settings, is_ready=True, started_at=started_at, doing=text)

    del children[1:]  # at a stop the server alone is started again
    drain(settings, environment, say_to_down, stop.at_once, look)
    over.set()
    stop_all_but(children[0], settings)


def _start_all(
    settings: Settings,
    listening: socket.socket,
    environment: Mapping[str, str],
    say: Say,
    stop: threading.Event,
) -> list[Child]:
    """Start the server, make the deployments and start the worker; no more of it once `stop` is set."""
    say(f"Starting Prefect's server on {settings.ui_url} ...")
    server = start_server(listening, list_hosts(settings), environment, say)
    wait_for_server(server, settings.api_url, "then `reviews up` again.", stop)
    server.is_quiet.clear()
    if not stop.is_set():
        say("Making the deployments ...")
        _deploy(environment, say)
    if stop.is_set():
        return [server]
    worker = Program("worker", (*WORKER_COMMAND, *WORKER_OPTIONS))
    return [server, start_child(worker, environment, say)]


def _deploy(environment: Mapping[str, str], say: Say) -> None:
    command = [sys.executable, "-m", "deployments.deploy"]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-LINES_SHOWN:])
        raise ReviewsError(tail or "The deployments could not be made.")
    if done.stdout.strip():
        say(done.stdout.strip())


def _watch(settings: Settings, environment: Mapping[str, str], stop: threading.Event, say: Say) -> None:
    """Let a thread look at the inbox until `stop`, if the settings say so: the server may keep it waiting."""
    if not settings.watch_inbox:
        return
    os.environ.update(environment)  # for Prefect's client, which is loaded next
    os.environ.pop(MARK)
    from deployments.local_server.watcher import is_scoring, keep_looking, watch_inbox
    from tasks.stages.events import emit_inbox_changed

    look = watch_inbox(settings.home.inbox, is_scoring, emit_inbox_changed)
    arguments = (look, settings.poll_seconds, stop, say)
    threading.Thread(target=keep_looking, args=arguments, daemon=True).start()


def _refuse_second(settings: Settings) -> None:
    running = find_running(settings)
    where = f": {running.ui_url} (process {running.pid})" if running else ""
    raise ReviewsError(
        f"It is up already for {settings.home.folder}{where}. "
        f"Next: `reviews --home {settings.home.folder} status`, or `down`."
    )
