"""The server and the worker of `reviews up`: started, their output passed on, and started again when they end."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO

from deployments.settings import PROJECT_ROOT

LONGEST_PAUSE_SECONDS = 30.0
"""Between two starts of a process that keeps ending."""
STEADY_SECONDS = 60.0
"""A process that ran for so long is started again at once."""
STOP_SECONDS = 10.0
"""How long a process may take to end after its pipe has."""
KILL_SECONDS = 5.0
"""How long a killed process may stay in the system."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Program:
    """What a process runs, and what it shares with us."""

    name: str
    command: tuple[str, ...]
    inherited: tuple[int, ...] = ()
    """The descriptors of our open files that it gets."""
    ends_with_us: bool = False
    """Whether its standard input is a pipe that ends when we do, which is how it knows."""


@dataclass(frozen=True)
class Child:
    """A process under our care."""

    program: Program
    process: subprocess.Popen[str]
    reader: threading.Thread
    """Reads what it says, until its end."""
    first_lines: list[str]
    """What it said before `is_quiet` was cleared."""
    is_quiet: threading.Event
    """Cleared once what it says is shown: a server's greeting is of no use to people."""
    started: float = field(default_factory=time.monotonic)
    """On the monotonic clock, s."""
    pause: float = 1
    """Before the next start, s."""


def start_child(
    program: Program, environment: Mapping[str, str], say: Say, *, is_quiet: bool = False
) -> Child:
    """Start a process, keep what it says while `is_quiet` is set, and show it under its name from then on."""
    first_lines: list[str] = []
    quiet = threading.Event()
    if is_quiet:
        quiet.set()

    def show(line: str) -> None:
        if quiet.is_set():
            first_lines.append(line)
        else:
            say(f"{program.name:<6} | {line}")

    process, reader = start_process(program, environment, show)
    return Child(program, process, reader, first_lines, quiet)


def start_process(
    program: Program, environment: Mapping[str, str], say: Say
) -> tuple[subprocess.Popen[str], threading.Thread]:
    """Start a process out of reach of the terminal's Ctrl-C, which is for us; a thread says each line that it says.

    `say` must not fail, or the process would wait.
    """
    process = subprocess.Popen(
        program.command,
        cwd=PROJECT_ROOT,
        env=dict(environment),
        stdin=subprocess.PIPE if program.ends_with_us else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=program.inherited,
        start_new_session=True,
    )
    reader = threading.Thread(target=_pass_on, args=(process.stdout, say), daemon=True)
    reader.start()
    return process, reader


def keep_running(child: Child, environment: Mapping[str, str], say: Say) -> Child:
    """Start a process that has ended again, after a pause that grows while it keeps ending."""
    status = child.process.poll()
    if status is None:
        return child
    ran = time.monotonic() - child.started
    pause = 1 if ran > STEADY_SECONDS else child.pause
    if ran < child.pause:
        return child
    say(f"{child.program.name} ended with status {status} after {ran:.0f} s: starting it again.")
    again = start_child(child.program, environment, say)
    return replace(again, pause=min(2 * pause, LONGEST_PAUSE_SECONDS))


def stop_child(child: Child) -> None:
    """End a process that ends with us: its pipe ends, and it is killed if it takes too long."""
    with suppress(OSError):
        if child.process.stdin is not None:
            child.process.stdin.close()
    try:
        child.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        kill_child(child)


def kill_child(child: Child) -> None:
    """Kill a process and those of its session: one that hangs hears no other signal."""
    with suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        child.process.wait(KILL_SECONDS)


def _pass_on(lines: IO[str], say: Say) -> None:
    """Say every line that is not empty, until there are no more."""
    with lines:
        for line in filter(str.strip, lines):
            say(line.rstrip())
