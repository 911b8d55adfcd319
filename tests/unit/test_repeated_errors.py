"""Tests of what `reviews up` prints of the errors of its processes: each once in a while, from outside a line."""

from collections.abc import Callable, Iterable

import pytest

from deployments.local_server.repeated_errors import AGAIN_SECONDS, TELL_SECONDS, count_repeated_errors

HEAD = "22:14:09.{} | ERROR   | docket.dependencies - ↩ [ {}ms] monitor_late_runs()"
TRACE = ["Traceback (most recent call last):", '  File "a.py", line 1, in run', "    do()"]
BUSY = [*TRACE, "sqlite3.OperationalError: database is locked"]
CHAINED = [
    *BUSY,
    "The above exception was the direct cause of the following exception:",
    *TRACE,
    "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked",
    "[SQL: DELETE FROM held WHERE NOT (EXISTS (SELECT *",
    "FROM bucket)]",
    "[parameters: {'updated': '2026-12-01'}]",
    "(Background on this error at: https://sqlalche.me/e/21/e3q8)",
]


def pass_lines(lines: Iterable[str], read_clock: Callable[[], float] = lambda: 0.0) -> list[str]:
    said: list[str] = []
    pass_on = count_repeated_errors(said.append, read_clock)
    for line in lines:
        pass_on(line)
    return said


def test_tracebacks_of_a_busy_database_are_not_printed_and_what_is_said_again_is_counted() -> None:
    now = 0.0

    def yield_lines() -> Iterable[str]:
        nonlocal now
        for number in range(100, 200):
            yield from (HEAD.format(number, 60_000 + number), *CHAINED)
        now = TELL_SECONDS + 1
        yield HEAD.format(999, 1)

    assert pass_lines(yield_lines(), lambda: now) == [
        HEAD.format(100, 60_100),
        BUSY[-1],
        CHAINED[8],
        "(298 errors like earlier ones of the last 10 minutes were not printed)",
    ]


def test_errors_of_a_burst_that_ended_are_counted_before_the_next_line() -> None:
    now = 0.0

    def yield_lines() -> Iterable[str]:
        nonlocal now
        yield from [BUSY[-1], *BUSY, *BUSY, *BUSY]
        now = TELL_SECONDS + 1
        yield from ["started", "done"]

    assert pass_lines(yield_lines(), lambda: now)[-3:] == [
        "(2 errors like earlier ones of the last 10 minutes were not printed)",
        "started",
        "done",
    ]


def test_a_traceback_of_the_code_is_printed_whole_once_in_a_while() -> None:
    now = 0.0
    fault = [*TRACE, "KeyError: 'a'"]

    def yield_lines() -> Iterable[str]:
        nonlocal now
        yield from (*fault, *fault, *[*TRACE, "KeyError: 'b'"])
        now = AGAIN_SECONDS
        yield from fault

    shown = [line for line in pass_lines(yield_lines(), lambda: now) if not line.startswith("(")]
    assert shown == [*fault, *TRACE, "KeyError: 'b'", *fault]


def test_lines_that_tell_of_no_error_are_all_printed() -> None:
    lines = ["22:14:09.111 | INFO    | Flow run 'a' - commit-part: rows_scored=50", "Worker started!"] * 3
    assert pass_lines(lines) == lines


def test_what_is_logged_after_an_error_without_a_link_is_printed() -> None:
    statement = [line for line in CHAINED if not line.startswith("(Background")]
    logged = ["22:14:10.1 | INFO    | prefect.server - started", "and a line of no record"]
    assert pass_lines([*statement, *logged])[-2:] == logged


@pytest.mark.parametrize(
    "error",
    [
        "httpx.ConnectError: All connection attempts failed",
        "httpx.ReadError",
        "httpcore.ReadError",
        "starlette.websockets.WebSocketDisconnected: not connected",
    ],
)
def test_of_a_connection_that_broke_off_one_line_is_printed(error: str) -> None:
    assert pass_lines([*TRACE, error]) == [error]
