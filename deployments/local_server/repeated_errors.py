"""Keeps the errors of a process of `reviews up` from filling the log: what was printed a while ago is only counted."""

import re
import time
from collections.abc import Callable, Sequence

from tasks.support.wording import count

AGAIN_SECONDS = 600.0
"""For how long after an error those like it are counted, not printed."""
TELL_SECONDS = 60.0
"""The least pause between two lines that say how many were counted."""
MOST_KNOWN = 1000
"""Errors that are remembered; of more, all are forgotten."""
LONGEST_TRACE = 1000
"""Lines of a traceback that are held until its end is known."""
LEVELS = "(WARNING|ERROR|CRITICAL)"
RECORD = re.compile(rf'.{{0,20}}\| {LEVELS} |{LEVELS}: |\{{"time": .*"level": "{LEVELS}"')
"""The beginning of a line that Prefect, uvicorn or our own JSON formatter logs for an error."""
OTHER_RECORD = re.compile(RECORD.pattern.replace(LEVELS, "(DEBUG|INFO)"))
BEGIN = r"Traceback \(most|  \+ Exception Group Traceback|The above exception was the|During handling of the above"
BEGIN_OF_TRACE, PART_OF_TRACE = re.compile(BEGIN), re.compile(rf"{BEGIN}|\s")
"""The beginnings of the lines of a traceback, but of its last one, which says what happened."""
FROM_OUTSIDE = re.compile(
    r"((httpx|httpcore)\.\w+|[\w.]*(OperationalError|OSError|Connection\w*Error|Timeout\w*|HTTPStatusError|WebSocketDisconnect\w*))\b"
)
"""Errors of a disk, network or database, such as a busy SQLite: where in the code they occurred says nothing."""
VARYING = re.compile(r'\d\d:\d\d:\d\d\.\d+|"time": "[^"]*"|\s*\d+ ?ms\b|0x[0-9a-f]+')
"""What differs between two lines about the same error."""
STATEMENT, END_OF_STATEMENT = "[SQL: ", "(Background on this error"


def count_repeated_errors(
    echo: Callable[[str], None], read_clock: Callable[[], float] = time.monotonic
) -> Callable[[str], None]:
    """Wrap a callback for the lines of a process: it gets an error once in `AGAIN_SECONDS`, and how many were like it.

    It gets a traceback whole, but that of an error from outside, of which it gets the last line.
    """
    show, tell = _make_counter(echo, read_clock)
    trace: list[str] = []
    in_statement = False

    def pass_on(line: str) -> None:
        nonlocal in_statement
        if trace or BEGIN_OF_TRACE.match(line):
            trace.append(line)
            if not PART_OF_TRACE.match(line) or len(trace) == LONGEST_TRACE:
                show(tuple(trace))
                trace.clear()
        elif RECORD.match(line):
            in_statement = False
            show((line,))
        elif (in_statement or line.startswith(STATEMENT)) and not OTHER_RECORD.match(line):
            in_statement = not line.startswith(END_OF_STATEMENT)
        else:
            in_statement = False
            tell()
            echo(line)

    return pass_on


def _make_counter(
    echo: Callable[[str], None], read_clock: Callable[[], float]
) -> tuple[Callable[[Sequence[str]], None], Callable[[], None]]:
    """Return functions that pass the lines of an error on, or count it by the last line, and that tell the count."""
    known: dict[str, float] = {}
    left_out, told = 0, read_clock()

    def show(lines: Sequence[str]) -> None:
        nonlocal left_out
        what, now = VARYING.sub("", lines[-1]), read_clock()
        if what in known and now - known[what] < AGAIN_SECONDS:
            left_out += 1
        else:
            if len(known) == MOST_KNOWN:
                known.clear()
            known[what] = now
            for line in lines[-1:] if FROM_OUTSIDE.match(lines[-1]) else lines:
                echo(line)
        tell()

    def tell() -> None:
        nonlocal left_out, told
        if left_out and read_clock() - told > TELL_SECONDS:
            echo(f"({count(left_out, 'error')} like earlier ones of the last 10 minutes were not printed)")
            left_out, told = 0, read_clock()

    return show, tell
