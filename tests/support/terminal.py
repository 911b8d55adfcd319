"""Runs the `reviews` command in a pseudo-terminal, and returns what the user would see."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.support.command import end_in_order, run_reviews
from tests.support.forked import start

REVIEWS = Path(sys.executable).with_name("reviews")
ROWS, COLUMNS = 40, 100
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Seen:
    """The screen content that a command left."""

    status: int
    text: str
    """With the codes that the terminal obeys, line ends as `\\n`."""


def run_in_terminal(
    home: Path, *arguments: str, stdin: bytes | None = None, environment: Mapping[str, str] | None = None
) -> Seen:
    """Run `reviews --home HOME ...` with its output, and its input if none is given, in a terminal of 100 columns.

    The process is forked from one that has loaded the libraries.
    """
    controller, terminal = _open_terminal()
    variables = _list_variables(environment)
    process = start(_run_there, os.ttyname(terminal), home, arguments, stdin, variables)
    threading.Thread(target=_close_at_end, args=(process, terminal), daemon=True).start()
    seen = _read_all(controller)
    process.join(PATIENCE_SECONDS)
    assert process.exitcode is not None
    return Seen(process.exitcode, seen)


def start_in_terminal(home: Path, *arguments: str) -> Seen:
    """Run the installed command in such a terminal, from the start of its interpreter on."""
    controller, terminal = _open_terminal()
    process = subprocess.Popen(
        [str(REVIEWS), "--home", str(home), *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=home,
        env=_list_variables(None),
    )
    os.close(terminal)
    seen = _read_all(controller)
    return Seen(process.wait(PATIENCE_SECONDS), seen)


def _open_terminal() -> tuple[int, int]:
    """Open a terminal; return the descriptors of its controller and of itself."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return controller, terminal


def _list_variables(environment: Mapping[str, str] | None) -> dict[str, str]:
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    return {**plain, "TERM": "xterm-256color", "COLORTERM": "", **(environment or {})}


def _run_there(
    terminal: str, home: Path, arguments: tuple[str, ...], stdin: bytes | None, variables: dict[str, str]
) -> None:
    """Run the command in this process, with the terminal as its input and output."""
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(home)
    device = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    for stream in range(3):
        os.dup2(device, stream)
    if stdin is not None:
        _hand_over(stdin)
    sys.stdin, sys.stdout, sys.stderr = map(os.fdopen, range(3), "rww")
    sys.argv = ["reviews", "--home", str(home), *arguments]
    with end_in_order():
        run_reviews(sys.argv[1:])


def _hand_over(content: bytes) -> None:
    """Let the standard input of this process be this content."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        os.dup2(file.fileno(), 0)


def _close_at_end(process: ForkServerProcess, terminal: int) -> None:
    """Close the terminal when the process has ended, so that its reader ends."""
    process.join(PATIENCE_SECONDS)
    os.close(terminal)


def _read_all(controller: int) -> str:
    """Read until the terminal's other end is closed, which Linux reports as an error."""
    chunks = []
    with os.fdopen(controller, "rb", buffering=0) as screen:
        try:
            while chunk := screen.read(65536):
                chunks.append(chunk)
        except OSError:
            pass
    return b"".join(chunks).decode().replace("\r\n", "\n")
