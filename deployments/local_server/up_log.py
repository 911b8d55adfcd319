"""What `reviews up` prints, and its log if it is detached: no errors again and again, and none of writing ends it.

The log is appended to. Once it is larger than `LOG_BYTES`, it is renamed to `up.log.1`, which replaces an older one.
"""

import json
import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from deployments.settings import Settings
from tasks.support.json_log import format_line
from tasks.support.wording import count

Echo = Callable[[str], None]
"""Prints a line for the user."""

LOG_BYTES = 10_000_000
HEADING = "===== reviews up, "
"""The beginning of the first line that each start writes."""
AGAIN_SECONDS = 600.0
"""For how long after a line those like it are counted, not printed."""
TELL_SECONDS = 60.0
"""The least pause between two lines that say how many were counted."""
MOST_KNOWN = 1000
"""Lines that are remembered; of more, all are forgotten."""
INFORMS = re.compile(r'.{0,20}\| (DEBUG|INFO) |(DEBUG|INFO): |\{"time": .*"level": "(DEBUG|INFO)"')
"""The beginning of a line that Prefect, uvicorn or our own JSON formatter logs and that tells of no error."""
VARYING = re.compile(r"[^\s\"']*\d[^\s\"']*")
"""What may differ between two lines about the same error: times, counts, ids, lines of code."""


def name_log(settings: Settings) -> Path:
    """Return the path of the log of a detached `reviews up`."""
    return settings.home.prefect / "up.log"


def open_log(log: Path) -> IO[str]:
    """Open the log for appending, and write the heading of a new start."""
    out = log.open("a", encoding="utf-8")
    out.write(f"{HEADING}{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC =====\n")
    out.flush()
    return out


def read_last_start(log: Path, most_lines: int) -> str:
    """Return the last lines that the latest start wrote, at most `most_lines`; empty if the log can't be read."""
    try:
        lines = log.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    starts = [number for number, line in enumerate(lines) if line.startswith(HEADING)]
    latest = lines[starts[-1] + 1 :] if starts else lines
    return "\n".join(latest[-most_lines:])


class _Log(RotatingFileHandler):
    """Writes each line with its time, one of JSON without, and raises what can't be written."""

    def format(self, record: logging.LogRecord) -> str:
        now, text = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}", str(record.msg)
        return "\n".join(line if line.startswith("{") else f"{now} {line}" for line in text.split("\n"))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name is logging's)
        raise


def make_safe_echo(echo: Echo, log: Path, most_bytes: int = LOG_BYTES) -> Echo:
    """Wrap a callback so that it never fails, in any thread: it drops what can't be written, and reports the loss.

    The output may be a full disk or a closed terminal, and the threads that pass on the output of processes must not
    stop. Where the log is this process's standard output, lines are written there with the time.
    """
    lock, lost, reason = threading.Lock(), 0, ""
    handler = None
    with suppress(OSError):  # there is no log, or no output
        if os.path.samestat(os.fstat(1), log.stat()):
            handler = _Log(log, maxBytes=most_bytes, backupCount=1, encoding="utf-8")

    def write(text: str) -> None:
        if handler is None:
            echo(text)
        else:
            handler.emit(logging.makeLogRecord({"msg": text}))

    def write_or_drop(text: str) -> None:
        nonlocal lost, reason
        with lock:
            try:
                if lost:
                    write(f"({count(lost, 'message')} could not be written here: {reason})")
                    lost = 0
                write(text)
            except (OSError, ValueError) as error:  # a closed file is a ValueError
                lost, reason = lost + 1, str(error)

    return write_or_drop


def leave_out_repeats(echo: Echo, read_clock: Callable[[], float] = time.monotonic) -> Echo:
    """Wrap a callback for the lines of a process: it gets one that tells of an error once in `AGAIN_SECONDS`.

    It also gets how many were like it. So an error is printed whole when it occurs first, and a database that is away
    for hours does not fill the log.
    """
    printed: dict[str, float] = {}
    left_out, told = 0, read_clock()

    def pass_on(line: str) -> None:
        nonlocal left_out, told
        now, what = read_clock(), VARYING.sub("", line)
        is_known = not INFORMS.match(line) and now - printed.get(what, -math.inf) < AGAIN_SECONDS
        left_out += is_known
        if left_out and now - told > TELL_SECONDS:
            echo(f"({count(left_out, 'line')} like earlier ones of the last 10 minutes were not printed)")
            left_out, told = 0, now
        if not is_known:
            if len(printed) == MOST_KNOWN:
                printed.clear()
            printed[what] = now
            echo(line)

    return pass_on


def make_json_echo(echo: Echo) -> Echo:
    """Wrap a callback so that it gets lines of JSON, each with the name of the process that it comes from."""

    def echo_json(text: str) -> None:
        name, mark, rest = text.partition(" | ")
        name, line = (name.strip(), rest) if mark else ("up", text)
        with suppress(ValueError):
            if line.startswith("{"):
                echo(format_line({"process": name, **json.loads(line)}))
                return
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        echo(format_line({"time": at, "process": name, "message": line}))

    return echo_json
