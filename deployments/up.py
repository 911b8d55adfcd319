"""`reviews up`: a Prefect server on 127.0.0.1, the deployments, and a worker, as one command.

This process starts the others, shows what they say, starts them again if they end, and stops them all when it is
told to. Everything that Prefect keeps lies in `prefect/` of the home, so that two homes never meet.
"""

import ipaddress
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from data_contracts.errors import ReviewsError, UsageError
from deployments.deploy import POOL
from deployments.processes import MARK, stop_marked
from deployments.running import find_running, forget_running, write_running
from deployments.settings import PROJECT_ROOT, Settings
from tasks.locking import hold_folder

START_SECONDS = 120.0
"""How long the server may take to answer."""
LONGEST_PAUSE_SECONDS = 30.0
"""Between two starts of a process that keeps ending."""
STEADY_SECONDS = 60.0
"""A process that ran for so long is started again at once."""
LOOK_SECONDS = 0.5
LINES_SHOWN = 15
WORKER_LIMIT = 4
"""Runs at a time: one of each deployment, and one to spare."""
NOT_OURS = ("PREFECT_API_KEY", "PREFECT_PROFILE", "PREFECT_API_DATABASE_CONNECTION_URL")

PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"  # noqa: S105 (a variable's name)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Child:
    """A process under our care."""

    name: str
    command: tuple[str, ...]
    process: subprocess.Popen[str]
    started: float
    """On the monotonic clock, s."""
    pause: float
    """Before the next start, s."""
    first_lines: list[str]
    """What it said before `is_quiet` was cleared."""
    is_quiet: threading.Event
    """Cleared once what it says is shown: a server's greeting is of no use to people."""


def run_up(settings: Settings, say: Say) -> None:
    """Start everything and look after it until SIGTERM or Ctrl-C, then stop it all.

    Raises `ReviewsError` if it is up already, the port is taken, or the server or the deployments fail.
    """
    _require_password(settings, os.environ)
    settings.make_home()
    for folder in (settings.prefect_dir, settings.inbox_dir):
        folder.mkdir(parents=True, exist_ok=True)
    with hold_folder(settings.prefect_dir, lambda folder: _refuse_second(settings)), _catch_signals() as stop:
        if stopped := stop_marked(settings.home):
            say(f"Stopped {stopped} processes that an earlier `reviews up` left behind.")
        _require_port(settings)
        started_at = datetime.now(UTC)
        write_running(settings, is_ready=False, started_at=started_at)
        try:
            _run(settings, say, stop, started_at)
        finally:
            say("Stopping ...")
            stop_marked(settings.home)
            forget_running(settings)
            say("All stopped.")


def build_environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of our processes: this home, its own server, nothing that leaves this machine."""
    kept = {name: value for name, value in environment.items() if name not in NOT_OURS}
    password = kept.get(PASSWORD)
    return {
        **kept,
        **({"PREFECT_API_AUTH_STRING": password} if password else {}),
        MARK: str(settings.home),
        "REVIEWS_HOME": str(settings.home),
        "PREFECT_HOME": str(settings.prefect_dir),
        "PREFECT_API_URL": settings.api_url,
        "PREFECT_UI_URL": settings.ui_url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": f"{settings.keep_runs_days * 86_400:.0f}",
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
            f"  inbox  {settings.inbox_dir} (what arrives is scored {looked_at})",
            "Next, in another terminal:",
            f"  export PREFECT_API_URL={settings.api_url}",
            "  prefect deployment run score-reviews/score-reviews --watch",
            f"  reviews --home {settings.home} status",
            f"  reviews --home {settings.home} down",
        ]
    )


def _run(settings: Settings, say: Say, stop: threading.Event, started_at: datetime) -> None:
    environment = build_environment(settings, os.environ)
    prefect = (sys.executable, "-m", "prefect")
    server = (*prefect, "server", "start", "--host", settings.host, "--port", str(settings.port))
    worker = (*prefect, "worker", "start", "--pool", POOL, "--type", "process", "--name", "reviews-up")
    say(f"Starting Prefect's server on {settings.ui_url} ...")
    children = [_start("server", server, environment, say, is_quiet=True)]
    _wait_for_server(settings, children[0], stop)
    children[0].is_quiet.clear()
    if not stop.is_set():
        say("Making the deployments ...")
        _deploy(environment, say)
    if not stop.is_set():
        children.append(_start("worker", (*worker, "--limit", str(WORKER_LIMIT)), environment, say))
        write_running(settings, is_ready=True, started_at=started_at)
        say(describe_up(settings))
    look = _watch(settings, environment)
    while not stop.wait(LOOK_SECONDS):
        children = [_keep_running(child, environment, say) for child in children]
        look()


def _start(
    name: str, command: tuple[str, ...], environment: Mapping[str, str], say: Say, *, is_quiet: bool = False
) -> Child:
    """Start a process out of reach of the terminal's Ctrl-C, which is for us, and show what it says."""
    process = subprocess.Popen(
        command,
        cwd=PROJECT_ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    child = Child(name, command, process, time.monotonic(), 1, [], threading.Event())
    if is_quiet:
        child.is_quiet.set()
    if process.stdout is not None:
        threading.Thread(target=_show, args=(child, process.stdout, say), daemon=True).start()
    return child


def _show(child: Child, lines: IO[str], say: Say) -> None:
    for line in filter(str.strip, lines):
        if child.is_quiet.is_set():
            child.first_lines.append(line.rstrip())
        else:
            say(f"{child.name:<6} | {line.rstrip()}")


def _keep_running(child: Child, environment: Mapping[str, str], say: Say) -> Child:
    """Start a process that has ended again, after a pause that grows while it keeps ending."""
    status = child.process.poll()
    if status is None:
        return child
    ran = time.monotonic() - child.started
    pause = 1 if ran > STEADY_SECONDS else child.pause
    if ran < child.pause:
        return child
    say(f"{child.name} ended with status {status} after {ran:.0f} s: starting it again.")
    again = _start(child.name, child.command, environment, say)
    return replace(again, pause=min(2 * pause, LONGEST_PAUSE_SECONDS))


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


def is_answering(settings: Settings) -> bool:
    """Tell whether a Prefect server answers where this home's should."""
    try:
        with urllib.request.urlopen(f"{settings.api_url}/health", timeout=2) as answer:  # noqa: S310 (our own)
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


def _watch(settings: Settings, environment: Mapping[str, str]) -> Callable[[], None]:
    """Give the function that looks at the inbox, no more often than the settings say; one that does nothing if off."""
    if not settings.watch_inbox:
        return lambda: None
    os.environ.update(environment)  # for Prefect's client, which is loaded next
    os.environ.pop(MARK)
    from deployments.watcher import is_scoring, tell_change, watch_inbox

    look, next_look = watch_inbox(settings.inbox_dir, is_scoring, tell_change), 0.0

    def look_in_time() -> None:
        nonlocal next_look
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + settings.poll_seconds
            look()

    return look_in_time


def _refuse_second(settings: Settings) -> None:
    running = find_running(settings)
    where = f": {running.ui_url} (process {running.pid})" if running else ""
    raise ReviewsError(
        f"It is up already for {settings.home}{where}. Next: `reviews --home {settings.home} status`, or `down`."
    )


def _require_password(settings: Settings, environment: Mapping[str, str]) -> None:
    """Refuse to serve other machines without a password: whoever reaches Prefect's API can run what they like."""
    try:
        is_own = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        raise UsageError(
            f"REVIEWS_HOST must be an address such as 127.0.0.1 or 0.0.0.0, not {settings.host!r}."
        ) from None
    if not (is_own or environment.get(PASSWORD)):
        raise UsageError(
            f"REVIEWS_HOST={settings.host} lets other machines in, and Prefect's API has no password. Next: set "
            f"{PASSWORD}=user:password as well, or leave REVIEWS_HOST out."
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


@contextmanager
def _catch_signals() -> Iterator[threading.Event]:
    """Give the event that SIGTERM, SIGHUP and Ctrl-C set while the block runs."""
    stop = threading.Event()
    caught = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {each: signal.signal(each, lambda number, frame: stop.set()) for each in caught}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def name_log(settings: Settings) -> Path:
    """Name the file that a detached `reviews up` writes to."""
    return settings.prefect_dir / "up.log"
