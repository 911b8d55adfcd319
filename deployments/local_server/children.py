"""The server and the worker of `reviews up`: started, their output passed on, and started again when they end."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import IO

from deployments.settings import PROJECT_ROOT

LONGEST_PAUSE_SECONDS = 30.0
"""Between two starts of a process that keeps ending."""
STEADY_SECONDS = 60.0
"""A process that ran for so long is started again at once."""
KILL_SECONDS = 5.0
"""How long a killed process may stay in the system."""

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


def start_child(
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
        show = partial(_show, child, say=say)
        threading.Thread(target=pass_on, args=(process.stdout, show), daemon=True).start()
    return child


def keep_running(child: Child, environment: Mapping[str, str], say: Say) -> Child:
    """Start a process that has ended again, after a pause that grows while it keeps ending."""
    status = child.process.poll()
    if status is None:
        return child
    ran = time.monotonic() - child.started
    pause = 1 if ran > STEADY_SECONDS else child.pause
    if ran < child.pause:
        return child
    say(f"{child.name} ended with status {status} after {ran:.0f} s: starting it again.")
    again = start_child(child.name, child.command, environment, say)
    return replace(again, pause=min(2 * pause, LONGEST_PAUSE_SECONDS))


def kill_child(child: Child) -> None:
    """Kill a process and those of its session: one that hangs hears no other signal."""
    with suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        child.process.wait(KILL_SECONDS)


def pass_on(lines: IO[str], say: Say) -> None:
    """Say every line that is not empty, until there are no more; `say` must not fail, or the process would wait."""
    with lines:
        for line in filter(str.strip, lines):
            say(line.rstrip())


def _show(child: Child, line: str, say: Say) -> None:
    if child.is_quiet.is_set():
        child.first_lines.append(line)
    else:
        say(f"{child.name:<6} | {line}")
