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
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from data_contracts.errors import ReviewsError
from deployments.guarded_server import list_hosts, protect_server
from deployments.local_server.children import Child, Say, start_child
from deployments.local_server.health import ANSWER_SECONDS, keep_asking, look_after
from deployments.local_server.running import find_running, forget_running, write_running
from deployments.local_server.stopping import Stop, catch_signals, drain, stop_all_but
from deployments.local_server.up_log import keep_saying, name_log
from deployments.password import client_file, ensure_password, password_file, write_client_file
from deployments.processes import MARK, kill_marked, stop_marked
from deployments.settings import PROJECT_ROOT, Settings
from deployments.work_pool import POOL
from tasks.support.locking import hold_folder

START_SECONDS = 120.0
"""How long the server may take to answer."""
LOOK_SECONDS = 0.5
LINES_SHOWN = 15
WORKER_LIMIT = 4
"""Runs at a time: one of each deployment, and one to spare."""
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
        _require_port(settings)
        started_at = datetime.now(UTC)
        write_running(settings, is_ready=False, started_at=started_at)
        try:
            _run(settings, say, stop, started_at)
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


def _run(settings: Settings, say: Say, stop: Stop, started_at: datetime) -> None:
    protection = protect_server(settings.ui_url, ensure_password(settings))
    write_client_file(settings)
    environment = build_environment(settings, os.environ) | protection
    children = _start_all(settings, environment, say, stop.asked)
    if not stop.asked.is_set():
        write_running(settings, is_ready=True, started_at=started_at)
        say(describe_up(settings))
    _watch(settings, environment, stop.asked, say)
    over = threading.Event()
    answered = keep_asking(lambda: is_answering(settings, ANSWER_SECONDS), over)
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
    settings: Settings, environment: Mapping[str, str], say: Say, stop: threading.Event
) -> list[Child]:
    """Start the server, make the deployments and start the worker; no more of it once `stop` is set."""
    server = (sys.executable, "-m", "deployments.guarded_server")
    prefect = (sys.executable, "-m", "prefect")
    worker = (*prefect, "worker", "start", "--pool", POOL, "--type", "process", "--name", "reviews-up")
    say(f"Starting Prefect's server on {settings.ui_url} ...")
    children = [start_child("server", server, environment, say, is_quiet=True)]
    _wait_for_server(settings, children[0], stop)
    children[0].is_quiet.clear()
    if not stop.is_set():
        say("Making the deployments ...")
        _deploy(environment, say)
    if not stop.is_set():
        children.append(start_child("worker", (*worker, "--limit", str(WORKER_LIMIT)), environment, say))
    return children


def _wait_for_server(settings: Settings, server: Child, stop: threading.Event) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not stop.wait(0.2):
        if server.process.poll() is not None:
            said = "\n".join(server.first_lines[-LINES_SHOWN:])
            raise ReviewsError(
                f"Prefect's server ended with status {server.process.returncode} before it answered. It said:\n"
                f"{said}\nNext: mend that, then `reviews up` again."
            )
        if is_answering(settings):
            return
        if time.monotonic() > deadline:
            raise ReviewsError(
                f"Prefect's server did not answer on {settings.api_url} within {START_SECONDS:g} s. "
                "Next: see what else the machine does, then `reviews up` again."
            )


def is_answering(settings: Settings, seconds: float = 2) -> bool:
    """Tell whether a Prefect server answers where this home's should, within `seconds`."""
    try:
        with urllib.request.urlopen(f"{settings.api_url}/health", timeout=seconds) as answer:  # noqa: S310 (our own)
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


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
    from deployments.local_server.watcher import is_scoring, keep_looking, tell_change, watch_inbox

    look = watch_inbox(settings.home.inbox, is_scoring, tell_change)
    arguments = (look, settings.poll_seconds, stop, say)
    threading.Thread(target=keep_looking, args=arguments, daemon=True).start()


def _refuse_second(settings: Settings) -> None:
    running = find_running(settings)
    where = f": {running.ui_url} (process {running.pid})" if running else ""
    raise ReviewsError(
        f"It is up already for {settings.home.folder}{where}. Next: `reviews --home {settings.home} status`, or `down`."
    )


def _require_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ReviewsError(
                f"Port {settings.port} of {settings.host} can't be used ({error.strerror}): another program has it. "
                "Next: stop that one, or choose another port: `reviews up --port 4201`, or REVIEWS_PORT."
            ) from error
