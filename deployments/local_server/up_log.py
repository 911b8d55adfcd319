"""What `reviews up` says, and the log that it is kept in when no terminal holds it: bounded, and never a reason to end.

The log is appended to. Once it is larger than `LOG_BYTES` it becomes `up.log.1`, in the place of the one before.
"""

import os
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from data_contracts.storage.durable import move_all
from deployments.local_server.children import Say
from deployments.settings import Settings

LOG_BYTES = 10_000_000
HEADING = "===== reviews up, "
"""What the first line of each start begins with."""


def name_log(settings: Settings) -> Path:
    """Name the file that a detached `reviews up` writes to."""
    return settings.home.prefect / "up.log"


def open_log(log: Path, most_bytes: int = LOG_BYTES) -> IO[str]:
    """Open the log to append to it, an old one put aside where it is large, and write the heading of a new start."""
    if log.exists() and log.stat().st_size > most_bytes:
        move_all([(log, _name_old(log))])
    out = log.open("a", encoding="utf-8")
    out.write(f"{HEADING}{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC =====\n")
    out.flush()
    return out


def read_last_start(log: Path, most_lines: int) -> str:
    """Give the last lines that the latest start wrote; nothing where the log can't be read."""
    try:
        lines = log.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    starts = [number for number, line in enumerate(lines) if line.startswith(HEADING)]
    own = lines[starts[-1] + 1 :] if starts else lines
    return "\n".join(own[-most_lines:])


def keep_saying(say: Say, log: Path, most_bytes: int = LOG_BYTES) -> Say:
    """Give a `say` for any thread that never fails: what can't be written is dropped, and told once writing works.

    Output may go to a full disk or a closed terminal, and whoever passes on the output of a process must not stop.
    """
    lock, lost, why = threading.Lock(), 0, ""

    def say_or_drop(text: str) -> None:
        nonlocal lost, why
        with lock:
            try:
                if lost:
                    say(f"({lost} messages could not be written here: {why})")
                    lost = 0
                say(text)
            except (OSError, ValueError) as error:  # a closed file is a ValueError
                lost, why = lost + 1, str(error)
            with suppress(OSError):
                _begin_anew_if_large(log, most_bytes)

    return say_or_drop


def _begin_anew_if_large(log: Path, most_bytes: int) -> None:
    """Put the log aside and go on in a new one, where it is this process's output and too large."""
    if os.fstat(1).st_size <= most_bytes or not log.exists() or not os.path.samestat(os.fstat(1), log.stat()):
        return
    building = log.with_suffix(".tmp")
    anew = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o644)
    try:
        ours = [output for output in (1, 2) if os.path.samestat(os.fstat(output), log.stat())]
        move_all([(log, _name_old(log)), (building, log)])
        for output in ours:
            os.dup2(anew, output)
    finally:
        os.close(anew)


def _name_old(log: Path) -> Path:
    return log.with_name(f"{log.name}.1")
