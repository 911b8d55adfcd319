"""Starts the processes of `reviews up`, passes on their output, and restarts what ends, hangs, or runs old code."""

import os
import signal
import subprocess
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from deployments.installation_paths import PROJECT_ROOT
from deployments.local_server.up_log import Echo, leave_out_repeats

LONGEST_PAUSE_SECONDS = 30.0
"""The longest pause before a process that keeps ending is started again."""
STEADY_SECONDS = 60.0
"""A process that ran longer than this is restarted without a pause."""
STOP_SECONDS = 10.0
"""How long a process may take to end after its standard input has ended."""
KILL_SECONDS = 5.0
"""How long to wait for a killed process to disappear."""
LINES_KEPT = 15
"""The last lines of its output that an error message has."""
ASK_SECONDS = 10.0
"""The pause between two health checks."""
HUNG_SECONDS = 120.0
"""A server counts as hung if its last answer and its start are longer ago than this."""
RENEW_SECONDS = 30.0
"""The pause between two looks at what is installed: an installation has ended if two see the same."""
CHANGED = (
    "The installed packages changed: what `reviews up` has started is restarted, the worker once no run is active. "
    "`reviews up` itself goes on with its earlier code until you restart it."
)


@dataclass(frozen=True)
class Program:
    """A command to run as a process, and what it shares with this process."""

    name: str
    command: tuple[str, ...]
    inherited: tuple[int, ...] = ()
    """Descriptors of open files of this process that it inherits."""
    own: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables of its environment that no other process gets."""
    ends_with_us: bool = False
    """Whether its standard input is a pipe from this process: its end tells the program to end."""


@dataclass(frozen=True)
class Child:
    """A running process that this process supervises."""

    program: Program
    process: subprocess.Popen[str]
    reader: threading.Thread
    """Reads the output of the process until it ends."""
    last_lines: deque[str]
    """The last lines of its output."""
    started: float = field(default_factory=time.monotonic)
    """When it was started, in s on the monotonic clock."""
    pause: float = 1
    """How long it must have run before a restart, in s."""


def start_child(program: Program, environment: Mapping[str, str], echo: Echo) -> Child:
    """Start a process in a session of its own, and a thread that passes each line of its output to the callback.

    Ctrl-C in the terminal does not reach the process. The callback must not fail: the thread would stop reading, and
    the process would block on its next output.
    """
    process = subprocess.Popen(
        program.command,
        cwd=PROJECT_ROOT,
        env={**environment, **program.own},
        stdin=subprocess.PIPE if program.ends_with_us else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=program.inherited,
        start_new_session=True,
    )
    last_lines: deque[str] = deque(maxlen=LINES_KEPT)
    arguments = (process.stdout, last_lines, leave_out_repeats(echo))
    reader = threading.Thread(target=_pass_on_output, args=arguments, daemon=True)
    reader.start()
    return Child(program, process, reader, last_lines)


def name_lines(program: Program, echo: Echo) -> Echo:
    """Wrap a callback so that the name of a program is before each line."""
    return lambda line: echo(f"{program.name:<6} | {line}")


def _pass_on_output(lines: IO[str], last_lines: deque[str], echo: Echo) -> None:
    """Keep every line that is not blank, and pass it to the callback, until the output ends."""
    with lines:
        for line in filter(str.strip, lines):
            last_lines.append(line.rstrip())
            echo(line.rstrip())


def keep_running(child: Child, environment: Mapping[str, str], echo: Echo) -> Child:
    """Return the child, or a new one in its place if it has ended and its pause is over.

    The pause doubles with each restart, up to `LONGEST_PAUSE_SECONDS`, while the process keeps ending.
    """
    status = child.process.poll()
    ran = time.monotonic() - child.started
    if status is None or ran < child.pause:
        return child
    echo(f"{child.program.name} ended with status {status} after {ran:.0f} s: restarting it.")
    again = start_child(child.program, environment, name_lines(child.program, echo))
    pause = 1 if ran > STEADY_SECONDS else child.pause
    return replace(again, pause=min(2 * pause, LONGEST_PAUSE_SECONDS))


def stop_child(child: Child) -> None:
    """Close the standard input of a process that ends with it, and kill the process if it takes too long."""
    with suppress(OSError):
        if child.process.stdin is not None:
            child.process.stdin.close()
    try:
        child.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        kill_child(child)


def kill_child(child: Child) -> None:
    """Kill a process and its process group with SIGKILL, which also ends a process that hangs."""
    with suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        child.process.wait(KILL_SECONDS)


def start_health_checks(is_answering: Callable[[], bool], stop: threading.Event) -> Callable[[], float]:
    """Start a thread that checks the server until `stop`; return a function that returns the time of its last answer.

    It is a thread so that a server that hangs blocks nothing else. Times are in s on the monotonic clock. The start of
    the thread counts as an answer.
    """
    last = time.monotonic()

    def check() -> None:
        nonlocal last
        while not stop.wait(ASK_SECONDS):
            with suppress(Exception):  # an error counts as no answer
                if is_answering():
                    last = time.monotonic()

    threading.Thread(target=check, daemon=True).start()
    return lambda: last


def build_supervisor(
    children: list[Child],
    answered: Callable[[], float],
    renew: Callable[[], None],
    environment: Mapping[str, str],
    echo: Echo,
) -> Callable[[], None]:
    """Return a function to call repeatedly: it restarts children that have ended, and kills the server if it hangs.

    `children` has the server first; a restarted child replaces the ended one in this list. `answered` returns the time
    of the server's last answer, `renew` ends children whose code was replaced.
    """

    def supervise() -> None:
        server = children[0]
        is_silent = time.monotonic() - max(answered(), server.started) > HUNG_SECONDS
        if is_silent and server.process.poll() is None:
            echo(f"server gave no answer for {HUNG_SECONDS:g} s: killing it.")
            kill_child(server)
        renew()
        children[:] = [keep_running(child, environment, echo) for child in children]

    return supervise


def build_renewal(
    children: list[Child],
    is_idle: Callable[[], bool],
    echo: Echo,
    read_installed: Callable[[], object] | None = None,
    pause_seconds: float = RENEW_SECONDS,
) -> Callable[[], None]:
    """Return a function to call repeatedly: once the installed packages have changed, it ends the children.

    The worker is ended once `is_idle`, since its runs would end with it.
    """
    read_installed = read_installed or list_installed
    known = seen = read_installed()
    looked = time.monotonic()
    outdated: list[Child] = []

    def renew() -> None:
        nonlocal known, seen, looked
        if time.monotonic() - looked < pause_seconds:
            return
        looked, before, seen = time.monotonic(), seen, read_installed()
        if seen and seen == before and seen != known:
            known, outdated[:] = seen, children
            echo(CHANGED)
        for child in outdated:
            if child.process.poll() is None and (child.program.name != "worker" or is_idle()):
                child.process.terminate()

    return renew


def list_installed() -> frozenset[tuple[str, int]]:
    """Return the installed packages with their versions, and when each was installed; none while they are replaced."""
    with suppress(OSError):
        folders = Path(sysconfig.get_path("purelib")).glob("*.dist-info")
        return frozenset((each.name, each.stat().st_mtime_ns) for each in folders)
    return frozenset()
