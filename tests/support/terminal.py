"""Runs the `reviews` command in a pseudo-terminal, and returns what the user would see."""

import fcntl
import os
import pty
import struct
import sys
import termios
import threading
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.support.command import end_in_order, run_reviews
from tests.support.forked import start

ROWS, COLUMNS = 40, 100
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Seen:
    """The screen content that a command left."""

    status: int
    text: str
    """With the codes that the terminal obeys, line ends as `\\n`."""


def run_in_terminal(home: Path, *arguments: str) -> Seen:
    """Run `reviews --home HOME ...` with its input and output in a terminal of 100 columns.

    The process is forked from one that has loaded the libraries.
    """
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = start(_run_there, os.ttyname(terminal), home, arguments)
    threading.Thread(target=_close_at_end, args=(process, terminal), daemon=True).start()
    seen = _read_all(controller)
    process.join(PATIENCE_SECONDS)
    assert process.exitcode is not None
    return Seen(process.exitcode, seen)


def _run_there(terminal: str, home: Path, arguments: tuple[str, ...]) -> None:
    """Run the command in this process, with the terminal as its input and output."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        os.environ.pop(name, None)
    os.environ.update(TERM="xterm-256color", COLORTERM="")
    os.chdir(home)
    device = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    for stream in range(3):
        os.dup2(device, stream)
    sys.stdin, sys.stdout, sys.stderr = map(os.fdopen, range(3), "rww")
    sys.argv = ["reviews", "--home", str(home), *arguments]
    with end_in_order():
        run_reviews(sys.argv[1:])


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
