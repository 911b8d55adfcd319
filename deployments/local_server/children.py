"""Starts the server and the worker of `reviews up`, passes on their output, and restarts them when they end."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO

from deployments.installation_paths import PROJECT_ROOT
from deployments.local_server.repeated_errors import count_repeated_errors

LONGEST_PAUSE_SECONDS = 30.0
"""The longest pause before a process that keeps ending is started again."""
STEADY_SECONDS = 60.0
"""A process that ran longer than this is restarted without a pause."""
STOP_SECONDS = 10.0
"""How long a process may take to end after its standard input has ended."""
KILL_SECONDS = 5.0
"""How long to wait for a killed process to disappear."""

Echo = Callable[[str], None]
"""Prints a line for the user."""


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
    first_lines: list[str]
    """The lines of its output before `is_quiet` was cleared."""
    is_quiet: threading.Event
    """While set, the output is kept in `first_lines` and not printed: users need no greeting of a server."""
    started: float = field(default_factory=time.monotonic)
    """When it was started, in s on the monotonic clock."""
    pause: float = 1
    """How long it must have run before a restart, in s."""


def start_child(
    program: Program, environment: Mapping[str, str], echo: Echo, *, is_quiet: bool = False
) -> Child:
    """Start a process whose output is printed with its name before each line.

    With `is_quiet`, the output is kept in `first_lines` until the child's event `is_quiet` is cleared.
    """
    first_lines: list[str] = []
    quiet = threading.Event()
    if is_quiet:
        quiet.set()

    pass_on = count_repeated_errors(lambda line: echo(f"{program.name:<6} | {line}"))

    def show(line: str) -> None:
        if quiet.is_set():
            first_lines.append(line)
        else:
            pass_on(line)

    process, reader = start_child_process(program, environment, show)
    return Child(program, process, reader, first_lines, quiet)


def start_child_process(
    program: Program, environment: Mapping[str, str], echo: Echo
) -> tuple[subprocess.Popen[str], threading.Thread]:
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
    reader = threading.Thread(target=_pass_on_output, args=(process.stdout, echo), daemon=True)
    reader.start()
    return process, reader


def keep_running(child: Child, environment: Mapping[str, str], echo: Echo) -> Child:
    """Return the child, or a new one in its place if it has ended and its pause is over.

    The pause doubles with each restart, up to `LONGEST_PAUSE_SECONDS`, while the process keeps ending.
    """
    status = child.process.poll()
    if status is None:
        return child
    ran = time.monotonic() - child.started
    pause = 1 if ran > STEADY_SECONDS else child.pause
    if ran < child.pause:
        return child
    echo(f"{child.program.name} ended with status {status} after {ran:.0f} s: restarting it.")
    again = start_child(child.program, environment, echo)
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


def _pass_on_output(lines: IO[str], echo: Echo) -> None:
    """Pass every line that is not blank to the callback, until the output ends."""
    with lines:
        for line in filter(str.strip, lines):
            echo(line.rstrip())
