"""Tests of the view `deliveries` and its contract: late sources, and days with few or many rows."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from duckdb import DuckDBPyConnection as Connection

from data_contracts.warehouse import read_views
from tests.support.sent_files import send_files

MONDAY = date(2026, 3, 2)
DAILY, WORKDAYS = range(28), [day for day in range(28) if day % 7 < 5]


def send(database: Connection, days: Sequence[int], rows: int = 100, files: int = 1) -> None:
    """Add the days, counted from a Monday, on which a source sent files."""
    for day in days:
        moment = datetime.combine(MONDAY + timedelta(day), time(10), UTC)
        send_files(database, "shop-a", moment, rows, files)


def look(database: Connection, day: int, hour: int = 7) -> dict[str, Any]:
    """Return the source's row of the view at this hour of a day."""
    views = read_views()
    moment = datetime.combine(MONDAY + timedelta(day), time(hour), UTC)
    view = views[views.index("CREATE OR REPLACE VIEW deliveries") :]
    database.execute(view.replace("now()", f"TIMESTAMPTZ '{moment}'"))
    [row] = database.sql("FROM deliveries").to_arrow_table().to_pylist()
    return dict(row)


@pytest.mark.parametrize(
    ("days", "on_time", "late"),
    [(DAILY, 28, 29), (WORKDAYS, 28, 29), ([*WORKDAYS, 28], 29, 30), ([*WORKDAYS, *range(28, 33)], 35, 36)],
)
def test_a_source_is_late_once_a_day_on_which_it_always_sends_is_over(
    database: Connection, days: Sequence[int], on_time: int, late: int
) -> None:
    send(database, days)
    assert not look(database, on_time)["is_late"]
    assert not look(database, late, hour=5)["is_late"]
    assert look(database, late)["is_late"]


def test_a_weekly_source_is_late_on_the_day_after_its_own(database: Connection) -> None:
    send(database, range(0, 49, 7))
    assert [look(database, day)["is_late"] for day in (48, 49, 50)] == [False, False, True]


@pytest.mark.parametrize("days", [range(6), [0, 3, 4, 11, 12, 20, 22, 30, 41]])
def test_a_source_that_sends_seldom_or_is_new_is_never_late(
    database: Connection, days: Sequence[int]
) -> None:
    send(database, days)
    assert not any(look(database, days[-1] + wait)["is_late"] for wait in (2, 9, 30))


def test_a_source_that_has_ended_is_late_no_more(database: Connection) -> None:
    send(database, DAILY)
    assert [look(database, 28 + missed)["is_late"] for missed in (28, 29)] == [True, False]


@pytest.mark.parametrize(
    ("rows", "volume"), [(33, "few"), (0, "few"), (34, "usual"), (300, "usual"), (301, "many")]
)
def test_rows_are_few_or_many_beyond_a_third_and_three_times_of_what_was_usual(
    database: Connection, rows: int, volume: str
) -> None:
    send(database, DAILY)
    send(database, [28], rows)
    found = look(database, 28, hour=12)
    assert (found["volume"], found["volume_rows"], found["volume_day"]) == (
        volume,
        rows,
        MONDAY + timedelta(28),
    )


def test_a_day_of_which_files_are_still_to_come_is_not_few(database: Connection) -> None:
    send(database, DAILY, files=4)
    send(database, [28], rows=20)
    assert (look(database, 28, hour=12)["volume"], look(database, 29)["volume"]) == ("usual", "few")


def test_weekends_with_few_rows_are_usual_where_they_always_have_few(database: Connection) -> None:
    send(database, WORKDAYS)
    send(database, [day for day in DAILY if day % 7 > 4], rows=10)
    send(database, range(28, 33))
    send(database, [33], rows=8)
    assert look(database, 34)["volume"] == "usual"
