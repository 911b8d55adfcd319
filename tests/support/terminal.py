"""Runs the real `reviews` command in a pseudo-terminal, and returns what the user would see."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
    """Run `reviews --home HOME ...` with its output, and its input if none is given, in a terminal of 100 columns."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [str(REVIEWS), "--home", str(home), *arguments],
        stdin=terminal if stdin is None else subprocess.PIPE,
        stdout=terminal,
        stderr=terminal,
        cwd=home,
        env={**plain, "TERM": "xterm-256color", "COLORTERM": "", **(environment or {})},
    )
    os.close(terminal)
    if process.stdin is not None:
        threading.Thread(target=_hand_over, args=(process, stdin or b""), daemon=True).start()
    seen = _read_all(controller)
    return Seen(process.wait(PATIENCE_SECONDS), seen.decode().replace("\r\n", "\n"))


def _hand_over(process: "subprocess.Popen[bytes]", content: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(content)
    process.stdin.close()


def _read_all(controller: int) -> bytes:
    """Read until the terminal's other end is closed, which Linux reports as an error."""
    chunks = []
    with os.fdopen(controller, "rb", buffering=0) as screen:
        try:
            while chunk := screen.read(65536):
                chunks.append(chunk)
        except OSError:
            pass
    return b"".join(chunks)
