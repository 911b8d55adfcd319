"""Reads which sources are late or sent unusually few or many rows, and remembers of which an event was emitted."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import duckdb

from data_contracts.expectations import CheckResult
from data_contracts.sources.delivery import Delivery, name_day
from tasks.warehouse.database.warehouse_connection import open_warehouse

_FIND = f"SELECT {', '.join(each.name for each in fields(Delivery))} FROM deliveries ORDER BY source"  # noqa: S608
_HAS_DAYS = "SELECT count(*) FROM (SELECT source FROM source_days GROUP BY source HAVING count(*) >= 7)"
_IS_KNOWN = "SELECT count(*) FROM source_alerts WHERE source = ? AND rule = ? AND day = ?"


def read_deliveries(connection: duckdb.DuckDBPyConnection) -> list[Delivery]:
    """Return the deliveries of each source; none as long as no source has sent on seven days, as none is judged then.

    DuckDB needs longer to plan the query of them than for all others of a run that finds nothing new.
    """
    if connection.execute(_HAS_DAYS).fetchall() == [(0,)]:
        return []
    return [Delivery(*row) for row in connection.execute(_FIND).fetchall()]


def pick_unalerted(
    warehouse: Path, broken: Sequence[CheckResult], found: Sequence[Delivery]
) -> list[CheckResult]:
    """Return the broken rules of which no event was emitted yet."""
    if not broken:
        return []
    with open_warehouse(warehouse, write=False) as connection:
        return [
            result
            for result in broken
            if connection.execute(_IS_KNOWN, [result.source, result.rule, name_day(result, found)]).fetchall()
            == [(0,)]
        ]


def record_alerts(warehouse: Path, alerted: Sequence[CheckResult], found: Sequence[Delivery]) -> None:
    """Record that an event was emitted of these broken rules."""
    rows = [[result.source, result.rule, name_day(result, found)] for result in alerted]
    with open_warehouse(warehouse, write=True) as connection:
        connection.executemany("INSERT INTO source_alerts VALUES (?, ?, ?, now())", rows)


def describe_delivery(result: CheckResult) -> str:
    """Return a phrase about a broken rule of a source."""
    return f"{result.source}: {result.observed}; expected {result.expected}"
